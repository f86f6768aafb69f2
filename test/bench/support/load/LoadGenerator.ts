/**
 * A load on a target from a process of its own: many sessions, a queue depth, and latencies. What it costs is its own
 * process's; it can be run again and again with the same sessions.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { Schema } from "effect"
import { LoadMessage, type LoadOrder, type LoadReport } from "./LoadMessage.ts"
import type { LoadOptions } from "./LoadOptions.ts"

/** A running generator, all of whose sessions are logged in. */
export interface LoadGenerator extends AsyncDisposable {
  readonly pid: number
  /** Loads the target for so long, and until the last answer has come. */
  readonly run: (seconds: number) => Promise<LoadReport>
  /** Ends the process, and with it all connections. */
  readonly stop: () => Promise<void>
}

const decodeMessage = Schema.decodeUnknownSync(LoadMessage)

/** Its next message. Rejects with what it says when it fails, and when it ends. */
const nextMessage = (child: ChildProcess): Promise<LoadMessage> =>
  new Promise((resolve, reject) => {
    const onMessage = (raw: unknown): void => {
      child.off("exit", onExit)
      const message = decodeMessage(raw)
      if (message._tag === "Failed") reject(new Error(`the load generator: ${message.message}`))
      else resolve(message)
    }
    const onExit = (code: number | null): void => {
      child.off("message", onMessage)
      reject(new Error(`the load generator has ended with ${code}`))
    }
    child.once("message", onMessage)
    child.once("exit", onExit)
  })

/** Starts a generator; resolves when all sessions are logged in. */
export const startLoad = async (options: LoadOptions): Promise<LoadGenerator> => {
  const child = fork(join(import.meta.dirname, "load-process.ts"), [JSON.stringify(options)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"]
  })
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, "exit")
    child.kill("SIGKILL")
    await exited
  }
  try {
    await nextMessage(child)
  } catch (error) {
    await stop()
    throw error
  }
  const run = async (seconds: number): Promise<LoadReport> => {
    const answer = nextMessage(child)
    child.send({ _tag: "Run", seconds } satisfies LoadOrder)
    const message = await answer
    if (message._tag !== "Ran") throw new Error(`the load generator has said ${message._tag}`)
    return message.report
  }
  return { pid: child.pid ?? 0, run, stop, [Symbol.asyncDispose]: stop }
}

/** What is to be written once. */
export interface UnitToFill {
  readonly host: string
  readonly port: number
  readonly target: string
  readonly mebibytes: number
}

/** Writes all of LUN 0, so that nothing that is measured is the first touch of memory. */
export const fillUnit = async ({ host, mebibytes, port, target }: UnitToFill): Promise<void> => {
  const bytes = 1024 * 1024
  const common = { host, port, sessions: 1, queueDepth: 4, targets: [target], bytes, unitBytes: mebibytes * bytes }
  await using load = await startLoad({ ...common, kind: "write", order: "sequential" })
  // Each run goes on where the one before it has ended.
  for (let written = 0; written < mebibytes; ) written += (await load.run(0.2)).operations
}
