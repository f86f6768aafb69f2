/** Addresses of the page: a path behind `#`, so that every view can be sent to somebody. Pure. */

/** An address of the page. */
export interface Route {
  /** Decoded: `#/targets/iqn.x` has `targets` and `iqn.x`. */
  readonly segments: ReadonlyArray<string>
  readonly query: URLSearchParams
}

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** Reads `#/a/b?c=d`. */
export const parseHash = (hash: string): Route => {
  const [path = "", query = ""] = hash.replace(/^#\/?/u, "").split(/\?(.*)/su)
  const segments = path.split("/").filter((segment) => segment !== "")
  return { segments: segments.map(decoded), query: new URLSearchParams(query) }
}

/** What stands behind `?`; a name may stand there several times. */
export type Query = Readonly<Record<string, string>> | URLSearchParams

/** The address of a view. */
export const hrefOf = (segments: ReadonlyArray<string | number>, query?: Query): string => {
  const path = segments.map((segment) => encodeURIComponent(segment)).join("/")
  const search = query === undefined ? "" : new URLSearchParams(query).toString()
  return `#/${path}${search === "" ? "" : `?${search}`}`
}

/** Addresses of what the page shows. */
export const linkTo = {
  overview: () => hrefOf([]),
  topology: (tab?: string) => hrefOf(["topology"], tab === undefined ? undefined : { tab }),
  luns: (query?: Readonly<Record<string, string>>) => hrefOf(["luns"], query),
  target: (name: string) => hrefOf(["targets", name]),
  lun: (target: string, lun: number) => hrefOf(["targets", target, "luns", lun]),
  sessions: () => hrefOf(["sessions"]),
  session: (id: number) => hrefOf(["sessions", id]),
  disks: () => hrefOf(["disks"]),
  disk: (name: string) => hrefOf(["disks", name]),
  initiatorGroup: (tag: number) => hrefOf(["initiators", tag]),
  portalGroup: (tag: number) => hrefOf(["portals", tag]),
  log: (query?: Query) => hrefOf(["log"], query),
  record: (seq: number) => hrefOf(["log", seq])
}
