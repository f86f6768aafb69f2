/** A server of `echo-process.ts`. */
import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { Schema } from "effect"
import type { EchoSizes } from "./EchoLanes.ts"

/** It listens on 127.0.0.1. */
export interface EchoServer extends AsyncDisposable {
  readonly pid: number
  readonly port: number
}

const decodeReady = Schema.decodeUnknownSync(Schema.Struct({ port: Schema.Int }))

/** Starts one; rejects when it ends before it listens. */
export const startEcho = async (sizes: EchoSizes): Promise<EchoServer> => {
  const child = fork(join(import.meta.dirname, "echo-process.ts"), [JSON.stringify(sizes)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"]
  })
  const exited = once(child, "exit")
  const ready: ReadonlyArray<unknown> = await Promise.race([once(child, "message"), exited.then(() => [])])
  const { port } = decodeReady(ready[0])
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL")
    await exited
  }
  return { pid: child.pid ?? 0, port, [Symbol.asyncDispose]: stop }
}
