/**
 * Which addresses a fork gets: its source's, some ports further, or one address for all. What cannot be is said before
 * anything is made. Whether an address is free is not known here: what is taken comes in.
 */
import { Result } from "effect"
import type { Event } from "../../domain/Event.ts"
import { type Portal, parsePortalHost, portalKey } from "../../domain/group/PortalGroup.ts"
import type { ForkMapping, ForkPortals } from "../../domain/replay/Fork.ts"
import { portalGroupsOf, type State, targetsOf } from "../../domain/State.ts"
import { forkPortal } from "./fork-names.ts"

/** What a user asks for. */
export type PortalWish =
  | { readonly _tag: "Offset"; readonly by: number }
  /** Without `port` each portal keeps its port, as far as they differ. */
  | { readonly _tag: "Address"; readonly host: string; readonly port?: number }

const portMax = 65_535

const portalText = ({ host, port }: Portal): string => `${host}:${port}`

const unique = (portals: ReadonlyArray<Portal>): ReadonlyArray<Portal> => [
  ...new Map(portals.map(({ host, port }) => [portalKey({ host, port }), { host, port }])).values()
]

/** Addresses of a source, each once. */
export interface Addresses {
  /** It listens there. */
  readonly portals: ReadonlyArray<Portal>
  /** It sends initiators there. */
  readonly redirects: ReadonlyArray<Portal>
}

/** Of all the states, in their order, and of what comes with later events. */
export const addressesOf = (states: ReadonlyArray<State>, later: ReadonlyArray<Event> = []): Addresses => ({
  portals: unique([
    ...states.flatMap((state) => portalGroupsOf(state).flatMap(({ portals }) => portals)),
    ...later.flatMap((event) => (event._tag === "PortalGroupCreated" ? event.portals : []))
  ]),
  redirects: unique([
    ...states.flatMap((state) => targetsOf(state).flatMap(({ redirects }) => redirects)),
    ...later.flatMap((event) => (event._tag === "TargetNodeRedirectSet" ? [event] : []))
  ])
})

const isWildcard = (host: string): boolean => host === "*" || host === "[*]"

/** Whether two sockets cannot both listen. */
const isSameSocket = (a: Portal, b: Portal): boolean =>
  a.port === b.port && (portalKey(a) === portalKey(b) || isWildcard(a.host) || isWildcard(b.host))

const offsetPortals = (own: ReadonlyArray<Portal>, by: number): Result.Result<ForkPortals, string> => {
  const beyond = own.find(({ port }) => port + by < 1 || port + by > portMax)
  if (beyond !== undefined) {
    const highest = portMax - Math.max(...own.map(({ port }) => port))
    const hint = by > 0 ? `use at most ${highest}, or --portal ADDRESS` : "use a positive one"
    return Result.fail(`a port offset of ${by} moves ${portalText(beyond)} out of the ports 1 to ${portMax}; ${hint}`)
  }
  const moved = own.map(({ host, port }) => ({ host, port: port + by }))
  const taken = moved.find((portal) => own.some((other) => isSameSocket(portal, other)))
  if (taken === undefined) return Result.succeed({ _tag: "Offset", by })
  const hint = "use one that is larger than the distance between the source's ports"
  return Result.fail(`a port offset of ${by} leads to ${portalText(taken)}, which is the source's own; ${hint}`)
}

/** The wanted port, or the next one above it that is free; undefined if there is none. */
const freePort = (wanted: number, isTaken: (port: number) => boolean): number | undefined => {
  for (let port = wanted; port <= portMax; port++) if (!isTaken(port)) return port
  return undefined
}

const addressPortals = (
  own: ReadonlyArray<Portal>,
  { host, port: first }: Extract<PortalWish, { readonly _tag: "Address" }>,
  taken: ReadonlySet<number>
): Result.Result<ForkPortals, string> => {
  const given = new Set<number>()
  const isTaken = (port: number): boolean =>
    given.has(port) || taken.has(port) || own.some((other) => isSameSocket({ host, port }, other))
  if (first !== undefined && own.some((other) => isSameSocket({ host, port: first }, other))) {
    return Result.fail(`${host}:${first} is the source's own; use another port or address`)
  }
  const ports: Array<{ readonly from: Portal; readonly port: number }> = []
  for (const [index, from] of own.entries()) {
    const port = first !== undefined && index === 0 ? first : freePort(first ?? from.port, isTaken)
    if (port === undefined) return Result.fail(`${host} has no port left for ${portalText(from)}; use another address`)
    given.add(port)
    ports.push({ from, port })
  }
  return Result.succeed({ _tag: "Address", host, ports })
}

/** Where the fork listens; `taken` are ports of the wished address that somebody else has. */
export const choosePortals = (
  own: ReadonlyArray<Portal>,
  wish: PortalWish,
  taken: ReadonlySet<number> = new Set()
): Result.Result<ForkPortals, string> => {
  if (wish._tag === "Offset") return offsetPortals(own, wish.by)
  if (parsePortalHost(wish.host) !== undefined) return addressPortals(own, wish, taken)
  const forms = "write 192.168.1.5, [fe80::1%eth0], * or [*], and perhaps :PORT behind it"
  return Result.fail(`${JSON.stringify(wish.host.slice(0, 80))} is no address to listen on; ${forms}`)
}

/** Redirects by where they lead in the fork. */
export interface Redirects {
  readonly mapped: ForkMapping["redirects"]
  /** These lead out of the source, and stay as they are. */
  readonly foreign: ReadonlyArray<Portal>
}

/** `localHosts` are addresses of the source's host, for portals that listen on all of them. */
export const chooseRedirects = (
  { portals: own, redirects }: Addresses,
  mapping: ForkMapping,
  localHosts: ReadonlyArray<string>
): Redirects => {
  const local = new Set(localHosts.map((host) => portalKey({ host, port: 1 })))
  const ownOf = (to: Portal): Portal | undefined =>
    own.find((portal) => portalKey(portal) === portalKey(to)) ??
    (local.has(portalKey({ host: to.host, port: 1 }))
      ? own.find(({ host, port }) => port === to.port && isWildcard(host))
      : undefined)
  const mapped: Array<ForkMapping["redirects"][number]> = []
  const foreign: Array<Portal> = []
  for (const from of redirects) {
    const portal = ownOf(from)
    if (portal === undefined) foreign.push(from)
    else {
      const { host, port } = forkPortal(mapping, portal)
      mapped.push({ from, to: { host: isWildcard(host) ? from.host : host, port } })
    }
  }
  return { mapped, foreign }
}
