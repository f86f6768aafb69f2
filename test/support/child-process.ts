/**
 * Child processes that the tests start and end: output kept within a bound, ended by process group so that a launcher's
 * child ends too, and not outliving the test worker, however that ends.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { guard, unguard } from "./guardian.ts"

/** How a process ended: its exit code, or the signal that killed it. */
export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What to start. */
export interface ChildOptions {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly directory?: string
}

/** A running, or ended, child process with what it wrote. */
export interface Child {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  readonly exited: Promise<ExitStatus>
  /** Undefined while it runs. */
  readonly exitStatus: () => ExitStatus | undefined
  /** Signals the whole process group; does nothing when it has ended. */
  readonly signal: (signal: NodeJS.Signals) => void
}

/** Output kept per stream; the oldest goes first. */
const outputCharsMax = 4 * 1024 * 1024

const keepOutput = (stream: NodeJS.ReadableStream | null): (() => string) => {
  let kept = ""
  stream?.setEncoding("utf8")
  stream?.on("data", (text: string) => {
    kept = (kept + text).slice(-outputCharsMax)
  })
  return () => kept
}

const signalGroup = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(-pid, signal)
  } catch {
    // The group is gone, which is what every caller wants to reach.
  }
}

const running = new Set<number>()

const whenExited = (child: ChildProcess, pid: number): Promise<ExitStatus> =>
  new Promise((resolve) => {
    child.once("close", (code, signal) => {
      running.delete(pid)
      unguard(`group:${pid}`)
      resolve({ code, signal })
    })
  })

/** Starts a process in a group of its own. Rejects when the command cannot be started at all. */
export const startChild = async (options: ChildOptions): Promise<Child> => {
  const child = spawn(options.command, options.args, {
    cwd: options.directory,
    detached: true,
    env: { ...process.env, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const stdout = keepOutput(child.stdout)
  const stderr = keepOutput(child.stderr)
  const pid = await new Promise<number>((resolve, reject) => {
    child.once("error", reject)
    child.once("spawn", () => resolve(child.pid ?? 0))
  })
  running.add(pid)
  guard(`group:${pid}`)
  let status: ExitStatus | undefined
  const exited = whenExited(child, pid)
  void exited.then((ended) => {
    status = ended
  })
  return {
    pid,
    stdout,
    stderr,
    exited,
    exitStatus: () => status,
    signal: (signal) => {
      if (running.has(pid)) signalGroup(pid, signal)
    }
  }
}

/** What a finished command left behind. */
export interface CommandResult extends ExitStatus {
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
}

/** Runs a command to its end, or kills it after `waitMillis`. */
export const runCommand = async (options: ChildOptions, waitMillis: number): Promise<CommandResult> => {
  const child = await startChild(options)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    child.signal("SIGKILL")
  }, waitMillis)
  const status = await child.exited
  clearTimeout(timer)
  return { ...status, stdout: child.stdout(), stderr: child.stderr(), timedOut }
}

/** A process and its live descendants; empty when it is gone. Linux only. */
export const processTree = (pid: number): ReadonlyArray<number> => {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`)
    const children = tasks.flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number)
    )
    return [pid, ...children.flatMap(processTree)]
  } catch {
    return []
  }
}
