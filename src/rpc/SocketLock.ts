/**
 * Who owns a control socket. `<socket>.lock` names the process that serves it, so that a second one is refused with a
 * message that says which, and what a killed one left behind is cleared away.
 *
 * SPDK holds flock(2) on that file; Node has no flock. Here the file is created with its content in one step (link(2)
 * of a finished file, which fails if the name is taken), and its content is believed only while /proc shows that very
 * process (pid and start time, so that a pid which was given away again proves nothing). A stale file is moved aside
 * before it is replaced and put back if it turns out to be another one, and the winner looks again after binding.
 * Whatever the file says, a socket on which somebody listens is never taken away: that covers SPDK's own iscsi_tgt,
 * and processes of another container.
 */

import * as fs from "node:fs"
import * as net from "node:net"
import { Effect, Schema, type Scope } from "effect"
import { processStart } from "../../eventlog/open/process-start.ts"

/** sun_path has 108 bytes on Linux and 104 on macOS, with the NUL at the end. */
const socketPathBytesMax = process.platform === "linux" ? 107 : 103
const probeTimeoutMillis = 1000

/** The control socket cannot be served. */
export class SocketUnavailable extends Schema.TaggedError<SocketUnavailable>()("SocketUnavailable", {
  path: Schema.String,
  reason: Schema.String,
  hint: Schema.String,
  /** Of the process that serves it, if known. */
  holder: Schema.optionalKey(Schema.Int)
}) {
  override get message() {
    return `cannot serve RPC on ${this.path}: ${this.reason}; ${this.hint}`
  }
}

const unavailable = (path: string, reason: string, hint: string, holder?: number) =>
  new SocketUnavailable({ path, reason, hint, ...(holder === undefined ? {} : { holder }) })

const held = (path: string, holder?: number) =>
  unavailable(
    path,
    holder === undefined ? "another process listens there" : `process ${holder} serves it`,
    "stop that one, or give this one another socket with -r PATH",
    holder
  )

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "EIO"

/** Start time of a process in clock ticks since boot; "" where there is no /proc, undefined if the process is gone. */
const startTimeOf = (pid: number): string | undefined => {
  const start = processStart(pid)
  if (start !== undefined || fs.existsSync("/proc/self/stat")) return start
  try {
    process.kill(pid, 0)
    return ""
  } catch (error) {
    return codeOf(error) === "EPERM" ? "" : undefined
  }
}

const identityOf = (pid: number): string => `${pid} ${startTimeOf(pid) ?? ""}\n`

/** Pid of the living process that a lock file names. */
const livingHolder = (content: string): number | undefined => {
  const [pidText = "", started = ""] = content.trim().split(" ")
  const pid = Number(pidText)
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  const now = startTimeOf(pid)
  return now === undefined || (started !== "" && now !== started) ? undefined : pid
}

const readOrEmpty = (path: string): string | undefined => {
  try {
    return fs.readFileSync(path, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  }
}

/** True if `path` did not exist and now has `content`. */
const createWhole = (path: string, content: string): boolean => {
  const draft = `${path}.${process.pid}`
  fs.writeFileSync(draft, content, { mode: 0o600 })
  try {
    fs.linkSync(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false
    throw error
  } finally {
    fs.unlinkSync(draft)
  }
}

/** Moves a stale lock file away, unless it has meanwhile become somebody's. */
const moveAside = (path: string, stale: string): void => {
  const aside = `${path}.${process.pid}.stale`
  try {
    fs.renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === "ENOENT") return
    throw error
  }
  if (readOrEmpty(aside) !== stale) createWhole(path, readOrEmpty(aside) ?? "")
  fs.unlinkSync(aside)
}

/** Takes the lock file; a result is the living holder's pid. */
const take = (lockPath: string): number | undefined => {
  for (let attempt = 0; attempt < 8; attempt++) {
    if (createWhole(lockPath, identityOf(process.pid))) return undefined
    const content = readOrEmpty(lockPath)
    if (content === undefined) continue
    const holder = livingHolder(content)
    if (holder !== undefined) return holder
    moveAside(lockPath, content)
  }
  return livingHolder(readOrEmpty(lockPath) ?? "") ?? 0
}

/** True if somebody listens on `path`; false if nobody does or it does not exist. */
const isAnswered = (path: string): Effect.Effect<boolean, SocketUnavailable> =>
  Effect.callback<boolean, SocketUnavailable>((resume) => {
    const probe = net.connect({ path })
    probe.once("connect", () => resume(Effect.succeed(true)))
    probe.once("error", (error) => {
      const code = codeOf(error)
      if (code === "ECONNREFUSED" || code === "ENOENT") return resume(Effect.succeed(false))
      // A full backlog means a listener.
      if (code === "EAGAIN") return resume(Effect.succeed(true))
      resume(Effect.fail(unavailable(path, `it cannot be looked at (${code})`, "remove it, or choose another path")))
    })
    return Effect.sync(() => probe.destroy())
  }).pipe(Effect.timeoutOrElse({ duration: probeTimeoutMillis, orElse: () => Effect.succeed(true) }))

const attempt = <A>(path: string, run: () => A): Effect.Effect<A, SocketUnavailable> =>
  Effect.try({
    try: run,
    catch: (error) =>
      unavailable(path, `${codeOf(error)} at its lock file or directory`, "choose a path that this user can write to")
  })

/** Removes a dead process's socket. Anything but a socket is not ours to remove. */
const clearStale = (path: string) =>
  Effect.gen(function* () {
    const found = fs.lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) return
    if (!found.isSocket()) {
      return yield* unavailable(path, "it exists and is not a socket", "remove it, or choose another path")
    }
    if (yield* isAnswered(path)) return yield* held(path)
    yield* attempt(path, () => fs.rmSync(path, { force: true }))
  })

/** Fails if the lock file no longer names this process: two started at once, and the other one won. */
export const verifyLock = (path: string): Effect.Effect<void, SocketUnavailable> =>
  Effect.suspend(() => {
    const content = readOrEmpty(`${path}.lock`) ?? ""
    return content === identityOf(process.pid) ? Effect.void : Effect.fail(held(path, livingHolder(content)))
  })

/** Holds the socket's lock until the scope closes, with nothing left at `path` to be in the way of a bind. */
export const acquireSocketLock = (path: string): Effect.Effect<void, SocketUnavailable, Scope.Scope> =>
  Effect.gen(function* () {
    if (path === "") return yield* unavailable('""', "the path is empty", "name one with -r PATH")
    const bytes = Buffer.byteLength(path)
    if (bytes > socketPathBytesMax) {
      const hint = `a UNIX socket's path has at most ${socketPathBytesMax}; choose a shorter one with -r PATH`
      return yield* unavailable(path, `the path has ${bytes} bytes`, hint)
    }
    const lockPath = `${path}.lock`
    yield* Effect.acquireRelease(
      Effect.flatMap(
        attempt(path, () => take(lockPath)),
        (holder) => (holder === undefined ? Effect.void : Effect.fail(held(path, holder === 0 ? undefined : holder)))
      ),
      () =>
        Effect.sync(() => {
          if (readOrEmpty(lockPath) === identityOf(process.pid)) fs.rmSync(lockPath, { force: true })
        })
    )
    yield* clearStale(path)
  })
