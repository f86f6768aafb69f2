/**
 * File operations that hang for ever occupy threads of libuv's pool, which the log needs too: RPCs must commit all the
 * same.
 */
import { closeSync, constants, openSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { createGroups, mallocParams } from "../support/initiator/lunlog.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory, startTarget } from "../support/target-process.ts"

/** As many as libuv's pool has by default. */
const hungOperations = 4

const makeFifos = async (directory: string): Promise<ReadonlyArray<string>> => {
  const paths = Array.from({ length: hungOperations }, (_, index) => join(directory, `fifo${index}`))
  const made = await runCommand({ command: "mkfifo", args: paths }, 10_000)
  assert.strictEqual(made.code, 0, made.stderr)
  return paths
}

/** Opening the other end lets the hung `open` return. Fails with ENXIO when nobody hangs there. */
const release = (paths: ReadonlyArray<string>): void => {
  for (const path of paths) closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
}

const occurrences = (text: string, word: string): number => text.split(word).length - 1

describe("four file operations that hang for ever", () => {
  it("do not keep RPCs from committing, nor the server from its work", async () => {
    const directory = makeDirectory("hung")
    const fifos = await makeFifos(directory)
    const target = await startTarget({
      directory,
      preload: join(projectDirectory, "test/support/hang-file-operations.mjs"),
      environment: { LUNLOG_TEST_FIFOS: fifos.join(":") }
    })
    try {
      await createGroups(target, { host: "127.0.0.1", port: await freePort() })
      for (let index = 0; index < 20; index++) {
        const name = `Malloc${index}`
        assert.strictEqual(await target.rpc.call("bdev_malloc_create", mallocParams(name, 1), 20_000), name)
      }
      assert.isAtLeast(occurrences(target.stderr(), "hung: "), hungOperations, "the operations were started")
      assert.strictEqual(occurrences(target.stderr(), "released: "), 0, "they still hang")
      release(fifos)
      assert.deepStrictEqual(await target.stop(), { code: 0, signal: null })
      assert.isAtLeast(occurrences(target.stderr(), "released: "), hungOperations)
    } finally {
      await target.kill()
      removeDirectory(directory)
    }
  })
})
