/** Where a fork can listen on this host: tried by listening there for a moment. */
import { createServer } from "node:net"
import { networkInterfaces } from "node:os"
import { Effect, Result } from "effect"
import type { Portal } from "../../domain/group/PortalGroup.ts"
import type { ForkPortals } from "../../domain/replay/Fork.ts"
import { choosePortals, type PortalWish } from "../../history/fork/choose-mapping.ts"
import { forkPortal } from "../../history/fork/fork-names.ts"
import { CliFailure } from "../CliFailure.ts"

/** Tried one after the other when the user names none: a port that is told apart at a glance comes first. */
const offsets = [10_000, 20_000, 30_000, 1_000, 2_000, 3_000, 100, 200, 300, 10, 20, 30, 1, 2, 3, 50_000, -1_000, -100]
/** Ports that are passed over on an address before somebody has to choose. */
const passedMax = 100

/** A portal that cannot be listened on, and why. */
interface Refused {
  readonly portal: Portal
  readonly code: string
}

const nodeHost = (host: string): string => {
  if (host === "*") return "0.0.0.0"
  return host === "[*]" ? "::" : host.replace(/^\[|\]$/gu, "")
}

const refusalOf = (portal: Portal): Effect.Effect<Refused | undefined> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.succeed({ portal, code: error.code ?? error.message }))
    )
    const ipv6Only = portal.host.startsWith("[")
    server.listen({ host: nodeHost(portal.host), port: portal.port, exclusive: true, ipv6Only }, () =>
      server.close(() => resume(Effect.succeed(undefined)))
    )
  })

const refusals = (own: ReadonlyArray<Portal>, portals: ForkPortals): Effect.Effect<ReadonlyArray<Refused>> =>
  Effect.map(
    Effect.forEach(own, (portal) => refusalOf(forkPortal({ portals }, portal))),
    (all) => all.filter((refused) => refused !== undefined)
  )

const textOf = ({ host, port }: Portal): string => `${host}:${port}`

const explained = ({ code, portal }: Refused): string => {
  if (code === "EADDRINUSE") return `${textOf(portal)} is in use`
  if (code === "EACCES") return `this user may not listen on ${textOf(portal)}`
  return code === "EADDRNOTAVAIL" ? `${portal.host} is no address of this host` : `${textOf(portal)}: ${code}`
}

/** An address that this host has not got may come later, as at a start; if it has none of them, nobody could log in. */
const decide = (
  own: ReadonlyArray<Portal>,
  refused: ReadonlyArray<Refused>
): Result.Result<ReadonlyArray<string>, string> => {
  const missing = refused.filter(({ code }) => code === "EADDRNOTAVAIL")
  const [other] = refused.filter(({ code }) => code !== "EADDRNOTAVAIL")
  if (other !== undefined) return Result.fail(explained(other))
  const [first] = missing
  if (first === undefined) return Result.succeed([])
  if (missing.length === own.length) return Result.fail(`${explained(first)}; name one with --portal ADDRESS`)
  return Result.succeed(missing.map((one) => `${explained(one)}: the fork listens there when it is`))
}

/** Where to listen, and what to tell about it. */
export interface FreePortals {
  readonly portals: ForkPortals
  readonly warnings: ReadonlyArray<string>
}

/** The portals are as wished; a wish without a port may be given others than it begins with. */
const fulfil = (own: ReadonlyArray<Portal>, wish: PortalWish): Effect.Effect<FreePortals, CliFailure> =>
  Effect.gen(function* () {
    const taken = new Set<number>()
    for (;;) {
      const chosen = choosePortals(own, wish, taken)
      if (Result.isFailure(chosen)) return yield* new CliFailure({ message: chosen.failure })
      const refused = yield* refusals(own, chosen.success)
      const busy = refused.filter(({ code }) => code === "EADDRINUSE")
      if (wish._tag === "Address" && wish.port === undefined && busy.length > 0 && taken.size < passedMax) {
        for (const { portal } of busy) taken.add(portal.port)
        continue
      }
      const decided = decide(own, refused)
      if (Result.isSuccess(decided)) return { portals: chosen.success, warnings: decided.success }
      return yield* new CliFailure({ message: `the fork cannot listen: ${decided.failure}` })
    }
  })

const firstFreeOffset = (own: ReadonlyArray<Portal>): Effect.Effect<FreePortals, CliFailure> =>
  Effect.gen(function* () {
    let why = ""
    for (const by of offsets) {
      const chosen = choosePortals(own, { _tag: "Offset", by })
      if (Result.isFailure(chosen)) continue
      const decided = decide(own, yield* refusals(own, chosen.success))
      if (Result.isSuccess(decided)) return { portals: chosen.success, warnings: decided.success }
      why ||= decided.failure
    }
    const message = `no port offset is free for all portals (${why}); name --port-offset N or --portal ADDRESS`
    return yield* new CliFailure({ message })
  })

/** Where the fork of a target with these portals listens. */
export const findPortals = (
  own: ReadonlyArray<Portal>,
  wish: PortalWish | undefined
): Effect.Effect<FreePortals, CliFailure> => (wish === undefined ? firstFreeOffset(own) : fulfil(own, wish))

/** Addresses of this host, as portals have them. */
export const localHosts = (): ReadonlyArray<string> =>
  Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.map(({ address, family }) => (family === "IPv6" ? `[${address}]` : address))
  )
