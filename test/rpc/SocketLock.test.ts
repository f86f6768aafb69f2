/** One server per socket: live ones are named, dead ones cleared away, nothing else is touched. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import { serveMethods } from "./server-support.ts"
import { temporaryDirectory } from "./support.ts"

const refusal = (socketPath: string) =>
  Effect.map(Effect.result(Effect.scoped(serveMethods([], { socketPath }))), (result) => {
    assert(Result.isFailure(result), "a second server was allowed")
    return result.failure
  })

/** A process that is over, and its pid. */
const deadPid = Effect.promise(
  () =>
    new Promise<number>((resolve) => {
      const child = spawn(process.execPath, ["-e", ""])
      child.once("exit", () => resolve(child.pid ?? 0))
    })
)

/** What a kill -9 leaves: a socket file that nobody listens on. */
const leaveStaleSocket = (socketPath: string) =>
  Effect.promise(
    () =>
      new Promise<void>((resolve) => {
        const listening = `() => process.kill(process.pid, "SIGKILL")`
        const script = `require("node:net").createServer().listen(${JSON.stringify(socketPath)}, ${listening})`
        spawn(process.execPath, ["-e", script]).once("exit", () => resolve())
      })
  )

const contender = fileURLToPath(new URL("./lock-contender.ts", import.meta.url))

/** A process of `lock-contender.ts`; `said` resolves with its output once it holds one of `words`. */
const startContender = (socketPath: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [contender, socketPath], { stdio: ["pipe", "pipe", "inherit"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    (child) => {
      let output = ""
      child.stdout?.on("data", (chunk) => {
        output += String(chunk)
        child.emit("said")
      })
      const said = async (...words: ReadonlyArray<string>): Promise<string> => {
        while (!words.some((word) => output.includes(word))) await once(child, "said")
        return output
      }
      return { child, said }
    }
  )

describe("the lock of a socket", () => {
  it.live("refuses a second server and names the process that has it", () =>
    Effect.gen(function* () {
      const socketPath = yield* serveMethods([])
      const error = yield* refusal(socketPath)
      assert.strictEqual(error.holder, process.pid)
      assert.include(error.message, `process ${process.pid} serves it`)
      assert.isTrue(fs.existsSync(socketPath), "the first server's socket is still there")
    })
  )

  it.live("lets one of many that start at once have it", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* temporaryDirectory, "rpc.sock")
      yield* leaveStaleSocket(socketPath)
      fs.writeFileSync(`${socketPath}.lock`, `${yield* deadPid} 1\n`)
      const starts = Effect.forEach(Array.from({ length: 10 }), () => Effect.result(serveMethods([], { socketPath })), {
        concurrency: "unbounded"
      })
      const won = (yield* starts).filter(Result.isSuccess)
      assert.strictEqual(won.length, 1)
    })
  )

  it.live("lets one of several processes have what a killed one left behind", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* temporaryDirectory, "rpc.sock")
      yield* leaveStaleSocket(socketPath)
      fs.writeFileSync(`${socketPath}.lock`, `${yield* deadPid} 1\n`)
      const contenders = yield* Effect.forEach(Array.from({ length: 5 }), () => startContender(socketPath))
      yield* Effect.promise(() => Promise.all(contenders.map(({ said }) => said("ready"))))
      for (const { child } of contenders) child.stdin?.write("go\n")
      const outcomes = yield* Effect.promise(() => Promise.all(contenders.map(({ said }) => said("won", "lost"))))
      assert.strictEqual(outcomes.filter((outcome) => outcome.includes("won")).length, 1, outcomes.join("\n"))
    })
  )

  it.live("takes over what a killed process left behind", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* temporaryDirectory, "rpc.sock")
      yield* leaveStaleSocket(socketPath)
      assert.isTrue(fs.existsSync(socketPath))
      fs.writeFileSync(`${socketPath}.lock`, `${yield* deadPid} 1\n`)
      yield* serveMethods([], { socketPath })
      assert.match(fs.readFileSync(`${socketPath}.lock`, "utf8"), new RegExp(`^${process.pid} `))
      assert.deepStrictEqual(fs.readdirSync(path.dirname(socketPath)).sort(), ["rpc.sock", "rpc.sock.lock"])
    })
  )

  it.live("does not take a pid that was given away again for the old process", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* temporaryDirectory, "rpc.sock")
      fs.writeFileSync(`${socketPath}.lock`, `${process.pid} 1\n`)
      yield* serveMethods([], { socketPath })
    })
  )

  it.live.each(["", "nonsense", "-1 1\n", "0 0\n"])("takes a lock file with %j for stale", (content) =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* temporaryDirectory, "rpc.sock")
      fs.writeFileSync(`${socketPath}.lock`, content)
      yield* serveMethods([], { socketPath })
    })
  )

  it.live("leaves a socket alone on which somebody listens without a lock file", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* temporaryDirectory, "rpc.sock")
      const other = yield* Effect.acquireRelease(
        Effect.promise(
          () =>
            new Promise<net.Server>((resolve) => {
              const server = net.createServer((socket) => socket.destroy())
              server.listen(socketPath, () => resolve(server))
            })
        ),
        (server) => Effect.sync(() => server.close())
      )
      const error = yield* refusal(socketPath)
      assert.include(error.message, "another process listens there")
      assert.isTrue(other.listening)
      assert.isFalse(fs.existsSync(`${socketPath}.lock`), "the refused server has cleared up after itself")
    })
  )

  it.live("does not remove a file that is no socket", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* temporaryDirectory, "precious")
      fs.writeFileSync(socketPath, "data")
      const error = yield* refusal(socketPath)
      assert.include(error.message, "not a socket")
      assert.strictEqual(fs.readFileSync(socketPath, "utf8"), "data")
    })
  )

  it.live("says how long a path may be, and which directory cannot be written", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const long = yield* refusal(path.join(directory, "x".repeat(100)))
      assert.match(long.message, /the path has \d+ bytes; a UNIX socket's path has at most 107/)
      const empty = yield* refusal("")
      assert.match(empty.message, /the path is empty; name one with -r PATH/)
      const absent = yield* refusal(path.join(directory, "absent", "rpc.sock"))
      assert.match(absent.message, /ENOENT.*choose a path/)
    })
  )

  it.live("is free again once its server has stopped", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* temporaryDirectory, "rpc.sock")
      for (let round = 0; round < 5; round++) {
        const scope = yield* Scope.make()
        yield* Scope.provide(serveMethods([], { socketPath }), scope)
        yield* Scope.close(scope, Exit.void)
      }
    })
  )
})
