/**
 * A lunlog server as a child process: state directory and RPC socket in a temporary folder, ready when its socket says
 * so, ended by signal. Restarting on the same folder is how the tests look at what survives.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { type Child, type ExitStatus, startChild } from "./child-process.ts"
import { connectRpc, type RpcClient, RpcFailure } from "./rpc-client.ts"

export { freePort } from "./free-port.ts"

/** The checkout's root. */
export const projectDirectory = join(import.meta.dirname, "../..")

/** What a server is started with; everything has a default that suits a test. */
export interface TargetOptions {
  /** Holds state, socket and configuration; made and removed by the caller. Default: a new one, removed at the end. */
  readonly directory?: string
  readonly stateMode?: "resume" | "empty"
  /** As the command line takes it: `500ms`, `40s`. */
  readonly removalDeadline?: string
  readonly configFile?: string
  /** A module that the server loads before its own code (`node --import`). */
  readonly preload?: string
  /** A command that runs the server, such as `strace -f -o FILE`. */
  readonly wrapper?: ReadonlyArray<string>
  readonly args?: ReadonlyArray<string>
  /** The script to run. Default: the checkout's `bin/lunlog.js`. */
  readonly program?: string
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Milliseconds until the server must answer. */
  readonly readyMillis?: number
}

/** A running server. */
export interface TargetProcess extends AsyncDisposable {
  /** Of the process that was started; see `processTree` for its children. */
  readonly pid: number
  readonly directory: string
  readonly stateDirectory: string
  readonly socketPath: string
  /** A connection that lives as long as the server. */
  readonly rpc: RpcClient
  readonly stdout: () => string
  readonly stderr: () => string
  readonly exited: Promise<ExitStatus>
  readonly exitStatus: () => ExitStatus | undefined
  /** SIGTERM, and SIGKILL when it has not ended after 90 s. Resolves with how it ended. */
  readonly stop: () => Promise<ExitStatus>
  /** SIGKILL. Resolves when the process is gone. */
  readonly kill: () => Promise<ExitStatus>
}

/** The server did not become ready, or ended before it was. */
export class TargetNotReady extends Error {
  constructor(why: string, child: Child) {
    super(`lunlog ${why}\n--- stdout\n${child.stdout()}\n--- stderr\n${child.stderr()}`)
    this.name = "TargetNotReady"
  }
}

const stopMillis = 90_000

/**
 * A temporary folder of the tests; remove it with `removeDirectory`. Short, because a socket's path has 108 bytes at
 * most.
 */
export const makeDirectory = (purpose = "target"): string => mkdtempSync(join(tmpdir(), `lunlog-${purpose}-`))

/** Removes a folder that `makeDirectory` made. */
export const removeDirectory = (directory: string): void => rmSync(directory, { recursive: true, force: true })

/** `LUNLOG_TEST_ARGS="--workers 2"`: what every server of a run of the tests is started with, beside its own. */
const argumentsOfRun = (): ReadonlyArray<string> =>
  (process.env["LUNLOG_TEST_ARGS"] ?? "").split(" ").filter((argument) => argument !== "")

const serverArguments = (options: TargetOptions, stateDirectory: string, socketPath: string): ReadonlyArray<string> => [
  options.program ?? join(projectDirectory, "bin/lunlog.js"),
  "serve",
  ...(options.configFile === undefined ? [] : ["-c", options.configFile]),
  "--state",
  stateDirectory,
  "-r",
  socketPath,
  ...(options.stateMode === undefined ? [] : ["--state-mode", options.stateMode]),
  ...(options.removalDeadline === undefined ? [] : ["--removal-deadline", options.removalDeadline]),
  ...argumentsOfRun(),
  ...(options.args ?? [])
]

/** Starts the server without waiting for it: for tests of what it refuses to start with. */
export const spawnTarget = (options: TargetOptions & { readonly directory: string }): Promise<Child> => {
  const stateDirectory = join(options.directory, "state")
  // By environment, so that it also holds for a process that the command may start in its place.
  const nodeOptions = options.preload === undefined ? "" : `--import=${options.preload}`
  const server = [process.execPath, ...serverArguments(options, stateDirectory, join(options.directory, "rpc"))]
  const [command = "", ...args] = [...(options.wrapper ?? []), ...server]
  return startChild({
    command,
    args,
    directory: options.directory,
    environment: { NODE_OPTIONS: nodeOptions, VITEST: undefined, NODE_ENV: undefined, ...options.environment }
  })
}

/** A connection to a server that has finished starting, or undefined when nothing answers yet. */
const tryConnect = async (socketPath: string, waitMillis: number): Promise<RpcClient | undefined> => {
  const rpc = await connectRpc(socketPath).catch(() => undefined)
  try {
    await rpc?.call("framework_wait_init", undefined, waitMillis)
    return rpc
  } catch (error) {
    rpc?.close()
    if (error instanceof RpcFailure) throw error
    return undefined
  }
}

const whenReady = async (child: Child, socketPath: string, readyMillis: number): Promise<RpcClient> => {
  const deadline = performance.now() + readyMillis
  while (performance.now() < deadline) {
    const ended = child.exitStatus()
    if (ended !== undefined) {
      throw new TargetNotReady(`ended before it was ready (code ${ended.code}, signal ${ended.signal})`, child)
    }
    const rpc = await tryConnect(socketPath, deadline - performance.now())
    if (rpc !== undefined) return rpc
    await delay(10)
  }
  child.signal("SIGKILL")
  await child.exited
  throw new TargetNotReady(`did not answer on ${socketPath} within ${readyMillis} ms`, child)
}

const stopChild = async (child: Child): Promise<ExitStatus> => {
  child.signal("SIGTERM")
  const timer = setTimeout(() => child.signal("SIGKILL"), stopMillis)
  const status = await child.exited
  clearTimeout(timer)
  return status
}

/** Starts a server and waits until it answers. Use `await using`, or `stop` it. */
export const startTarget = async (options: TargetOptions = {}): Promise<TargetProcess> => {
  const directory = options.directory ?? makeDirectory()
  const socketPath = join(directory, "rpc")
  const child = await spawnTarget({ ...options, directory })
  const rpc = await whenReady(child, socketPath, options.readyMillis ?? 90_000)
  const kill = async (): Promise<ExitStatus> => {
    child.signal("SIGKILL")
    return child.exited
  }
  return {
    pid: child.pid,
    directory,
    stateDirectory: join(directory, "state"),
    socketPath,
    rpc,
    stdout: child.stdout,
    stderr: child.stderr,
    exited: child.exited,
    exitStatus: child.exitStatus,
    stop: () => stopChild(child),
    kill,
    [Symbol.asyncDispose]: async () => {
      rpc.close()
      await stopChild(child)
      if (options.directory === undefined) removeDirectory(directory)
    }
  }
}
