/** How many connections a process can have: each is an open file, of which the system lets it have so many. */
import { readFileSync } from "node:fs"
import { Effect } from "effect"
import { CliFailure } from "../CliFailure.ts"

/** Open files that are left to all else: the event log, disks, the control socket and HTTP, watched folders. */
export const filesBesideConnections = 256

/** Connections without `--max-connections`, where the process may have enough open files for them. */
const connectionsDefault = 1024

/**
 * How many open files this process may have; undefined where the system does not say (other than Linux). Node has
 * raised the soft limit to the hard one by now.
 */
export const openFilesMax = (limits = "/proc/self/limits"): number | undefined => {
  try {
    const soft = /^Max open files\s+(\d+)/mu.exec(readFileSync(limits, "utf8"))?.[1]
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}

/**
 * The limit of connections: what was asked for, which is refused when the process may not have so many open files;
 * else as many as it may have, up to the default (undefined).
 */
export const connectionsWithin = (
  asked: number | undefined,
  files: number | undefined
): Effect.Effect<number | undefined, CliFailure> => {
  const needed = (asked ?? connectionsDefault) + filesBesideConnections
  if (files === undefined || files >= needed) return Effect.succeed(asked)
  const possible = Math.max(1, files - filesBesideConnections)
  const cause =
    `this process may have ${files} open files (ulimit -n); each connection needs one, and all else up to ` +
    `${filesBesideConnections}`
  if (asked === undefined) {
    return Effect.as(
      Effect.logWarning(`at most ${possible} connections, not ${connectionsDefault}: ${cause}`),
      possible
    )
  }
  const message =
    `--max-connections ${asked}: ${cause}. Allow it ${needed} (ulimit -n ${needed} before it is started; ` +
    `LimitNOFILE=${needed} in a unit of systemd), or use --max-connections ${possible} or less`
  return Effect.fail(new CliFailure({ message }))
}
