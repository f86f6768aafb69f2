/** HEAD: the last confirmed record, beside the database. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HeadFile } from "../../eventlog/open/HeadFile.ts"
import { temporaryDirectory } from "./support.ts"

const head = (n: number) => ({ controlSeq: n * 2, controlNo: n, controlHash: String(n).repeat(64).slice(0, 64) })

const inDirectory = (body: (directory: string) => Promise<void>) =>
  Effect.scoped(Effect.flatMap(temporaryDirectory, (directory) => Effect.promise(() => body(directory))))

describe("HEAD", () => {
  it.live("says what was set last", () =>
    inDirectory(async (directory) => {
      assert.strictEqual(await HeadFile.read(directory), "missing")
      const file = await HeadFile.open(directory, head(1))
      assert.deepStrictEqual(await HeadFile.read(directory), head(1))
      for (let n = 2; n <= 50; n++) file.set(head(n))
      await file.close()
      assert.deepStrictEqual(await HeadFile.read(directory), head(50))
    })
  )

  it.live("is set back knowingly when it is opened with an older record", () =>
    inDirectory(async (directory) => {
      await (await HeadFile.open(directory, head(9))).close()
      await (await HeadFile.open(directory, head(3))).close()
      assert.deepStrictEqual(await HeadFile.read(directory), head(3))
    })
  )

  it.live("survives a torn write of either slot, and says so when both are gone", () =>
    inDirectory(async (directory) => {
      const file = await HeadFile.open(directory, head(1))
      file.set(head(2))
      await file.close()
      const path = join(directory, "HEAD")
      const whole = readFileSync(path)
      for (const offset of [0, 512]) {
        writeFileSync(path, Buffer.from(whole).fill(0xff, offset + 20, offset + 512))
        const read = await HeadFile.read(directory)
        assert.include([1, 2], typeof read === "object" ? read.controlNo : 0)
      }
      writeFileSync(path, Buffer.alloc(1024))
      assert.strictEqual(await HeadFile.read(directory), "damaged")
      writeFileSync(path, "")
      assert.strictEqual(await HeadFile.read(directory), "damaged")
    })
  )
})
