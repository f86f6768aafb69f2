/** Command lines as users run them: a process per call, and servers that are started with arguments of their own. */
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { type Child, type CommandResult, runCommand, startChild } from "../support/child-process.ts"
import { connectRpc, type RpcClient } from "../support/rpc-client.ts"
import { projectDirectory } from "../support/target-process.ts"

const commandMillis = 120_000
const readyMillis = 90_000

/** Nothing of the tester's own settings reaches the program. */
const cleanEnvironment = {
  LUNLOG_LOG_LEVEL: undefined,
  LUNLOG_SOCKET: undefined,
  VITEST: undefined,
  NODE_ENV: undefined,
  NODE_OPTIONS: undefined
}

/** Path of a program of `bin`. */
export const binOf = (program: "lunlog" | "iscsi_tgt"): string => join(projectDirectory, "bin", `${program}.js`)

/** Runs `lunlog` or `iscsi_tgt` to its end. */
export const runProgram = (
  program: "lunlog" | "iscsi_tgt",
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string | undefined>> = {}
): Promise<CommandResult> =>
  runCommand(
    {
      command: process.execPath,
      args: [binOf(program), ...args],
      directory: projectDirectory,
      environment: { ...cleanEnvironment, ...environment }
    },
    commandMillis
  )

/** Runs `lunlog` to its end. */
export const lunlog = (...args: ReadonlyArray<string>): Promise<CommandResult> => runProgram("lunlog", args)

/** A server with a connection to it. */
export interface Served extends AsyncDisposable {
  readonly child: Child
  readonly rpc: RpcClient
}

const tryConnect = async (socketPath: string): Promise<RpcClient | undefined> => {
  const rpc = await connectRpc(socketPath).catch(() => undefined)
  try {
    await rpc?.call("rpc_get_methods", undefined, readyMillis)
    return rpc
  } catch {
    rpc?.close()
    return undefined
  }
}

/** Waits until a server's socket answers; undefined if it ends before, or takes too long. */
export const connectWhenServed = async (
  socketPath: string,
  hasEnded: () => boolean
): Promise<RpcClient | undefined> => {
  const deadline = performance.now() + readyMillis
  while (performance.now() < deadline && !hasEnded()) {
    const rpc = await tryConnect(socketPath)
    if (rpc !== undefined) return rpc
    await delay(20)
  }
  return undefined
}

/** Starts a server and waits until its socket answers: that is early, in STARTUP. */
export const serveProgram = async (
  program: "lunlog" | "iscsi_tgt",
  args: ReadonlyArray<string>,
  socketPath: string
): Promise<Served> => {
  const child = await startChild({
    command: process.execPath,
    args: [binOf(program), ...args],
    directory: projectDirectory,
    environment: cleanEnvironment
  })
  const rpc = await connectWhenServed(socketPath, () => child.exitStatus() !== undefined)
  if (rpc !== undefined) {
    return {
      child,
      rpc,
      [Symbol.asyncDispose]: async () => {
        rpc.close()
        child.signal("SIGKILL")
        await child.exited
      }
    }
  }
  child.signal("SIGKILL")
  await child.exited
  throw new Error(`${program} ${args.join(" ")} did not serve ${socketPath}:\n${child.stdout()}${child.stderr()}`)
}
