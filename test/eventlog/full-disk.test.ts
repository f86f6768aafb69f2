/**
 * A disk that is really full: a limit on file sizes, and a file system of a few MiB. The log says so, loses nothing
 * that it confirmed, invents nothing, and comes back, with the help of its ballast if there is no room at all.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Child, runCommand, startChild } from "../support/child-process.ts"
import { verifyLog } from "../support/verify-log.ts"
import { mountRefusal, temporaryDirectory } from "./support.ts"

const childFile = join(import.meta.dirname, "child.ts")
const waitMillis = 90_000

/** What the child told: the failure, then the recovery. */
const lines = (stdout: string): ReadonlyArray<Record<string, unknown>> =>
  stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))

/** Waits until the child has printed what matches. */
const said = async (child: Child, pattern: RegExp): Promise<void> => {
  const until = performance.now() + waitMillis
  while (!pattern.test(child.stdout())) {
    if (child.exitStatus() !== undefined || performance.now() > until) assert.fail(child.stdout() + child.stderr())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe("a full disk", () => {
  it.live("by a limit on file sizes: the log is away until it is raised, and has exactly what it confirmed", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = join(yield* temporaryDirectory, "log")
        const args = [`--fsize=${256 * 1024}:unlimited`, process.execPath, childFile, "fill", directory]
        const child = yield* Effect.promise(() => startChild({ command: "prlimit", args }))
        yield* Effect.addFinalizer(() => Effect.sync(() => child.signal("SIGKILL")))
        yield* Effect.promise(() => said(child, /^away .*\(EFBIG\)/m))
        assert.notInclude(child.stdout(), "{")
        const raise = { command: "prlimit", args: [`--pid=${child.pid}`, "--fsize=unlimited:unlimited"] }
        const raised = yield* Effect.promise(() => runCommand(raise, waitMillis))
        assert.strictEqual(raised.code, 0, raised.stderr)
        yield* Effect.promise(() => child.exited)
        const [failed, back] = lines(child.stdout())
        assert.match(String(failed?.["failure"]), /^AppendFailed: .*\(EFBIG\)/, child.stderr())
        assert.deepInclude(back, { back: true, agree: true })
        assert.strictEqual(back?.["verified"], back?.["acked"])
        assert.strictEqual((yield* verifyLog(directory)).controlRecords, back?.["acked"])
      })
    )
  )

  it.live("by a file system without room: the ballast lets the log come back", (context) =>
    Effect.scoped(
      Effect.gen(function* () {
        const refusal = yield* Effect.promise(mountRefusal)
        if (refusal !== undefined) return context.skip(refusal)
        const mount = join(yield* temporaryDirectory, "mount")
        mkdirSync(mount)
        const ballast = 8 * 1024 * 1024
        // Room for the ballast three times, or it is not filled.
        const script = `mount -t tmpfs -o size=32m tmpfs ${mount} && exec "$@"`
        const args = [
          "-Urm",
          "sh",
          "-c",
          script,
          "sh",
          process.execPath,
          childFile,
          "crowded",
          `${mount}/log`,
          `${ballast}`
        ]
        const { stderr, stdout } = yield* Effect.promise(() => runCommand({ command: "unshare", args }, waitMillis))
        const [failed, back] = lines(stdout)
        assert.match(String(failed?.["failure"]), /^AppendFailed: .*\(ENOSPC\)/, stderr)
        assert.deepInclude(back, { back: true, agree: true }, stderr)
        assert.strictEqual(back?.["verified"], back?.["acked"])
      })
    )
  )
})
