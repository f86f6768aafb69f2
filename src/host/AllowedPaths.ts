/**
 * Which files of its host the target may use for those who ask it by RPC, HTTP or a configuration. It is said on the
 * command line of the server alone, so nothing that is asked later can widen it. Paths here are real ones: absolute,
 * without links, `.` and `..`.
 */

/** Paths with all that is below them. */
export interface PathRestriction {
  /** Regular files, folders and sockets. */
  readonly paths: ReadonlyArray<string>
  /** Device nodes: being under one of `paths` is not enough for them. */
  readonly devices: ReadonlyArray<string>
}

/** Plain values: they go to the thread that opens disks. */
export interface AllowedPaths {
  /** Undefined: whatever the target's user may open. */
  readonly restriction?: PathRestriction
  /** What the target keeps for itself (event log, keys, tokens); nobody may name it, restricted or not. */
  readonly own: ReadonlyArray<string>
}

/** What a path leads to; a socket counts as a file. */
export type PathKind = "file" | "device"

/** A path that may not be used. Its `code` is a Linux errno name, as of errors of Node; its message is for the user. */
export class PathRefused extends Error {
  readonly code = "EPERM"
  /** The message without the path in front: the predicate of a sentence about it. */
  readonly why: string

  constructor(path: string, reason: string) {
    const why = `may not be used: ${reason}`
    super(`${path} ${why}`)
    this.why = why
  }
}

const isWithin = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`)

/** Whether `realPath` may be used as a `kind`. */
export const isAllowed = ({ own, restriction }: AllowedPaths, realPath: string, kind: PathKind): boolean => {
  if (own.some((root) => isWithin(realPath, root))) return false
  if (restriction === undefined) return true
  const roots = kind === "device" ? restriction.devices : restriction.paths
  return roots.some((root) => isWithin(realPath, root))
}

/** Whether `realPath` may be used as something; for a path of which nobody knows yet what it leads to. */
export const mayBeAllowed = (allowed: AllowedPaths, realPath: string): boolean =>
  isAllowed(allowed, realPath, "file") || isAllowed(allowed, realPath, "device")

const listed = (roots: ReadonlyArray<string>): string => (roots.length === 0 ? "none" : roots.join(", "))

/**
 * Why `path`, as it was given, may not be used. It does not say where its links lead: who may not use a path need not
 * know that either.
 */
export const pathRefused = ({ restriction }: AllowedPaths, path: string, kind: PathKind): PathRefused => {
  if (restriction === undefined) {
    return new PathRefused(path, "it belongs to the target itself (event log, keys); use another")
  }
  const [flag, roots] =
    kind === "device" ? ["--allow-device", restriction.devices] : (["--allow-path", restriction.paths] as const)
  return new PathRefused(
    path,
    `where it leads is under nothing that this target was allowed (${flag}: ${listed(roots)}); ` +
      `use a path under those, or start the target with another ${flag}`
  )
}
