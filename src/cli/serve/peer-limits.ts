/** What a server's command line says of how much one initiator's address may have. */
import { Option } from "effect"
import { Flag } from "effect/cli"
import { boundedInt } from "./server-flags.ts"

/** What one initiator's address may have, and all together; what is undefined has its default. */
export interface PeerLimitSettings {
  /** TCP connections of all addresses. */
  readonly connections: number | undefined
  readonly connectionsPerAddress: number | undefined
  readonly sessionsPerAddress: number | undefined
  readonly loginsPerSecond: number | undefined
}

/** The most connections or sessions that may be asked for. */
export const connectionsMax = 65_535

/** The most logins in a second that may be asked for. */
export const loginsPerSecondMax = 100_000

const described = (name: string, maximum: number, description: string) =>
  boundedInt(name, 1, maximum).pipe(Flag.withDescription(description), Flag.optional)

/** Flags of `serve`. */
export const peerLimitFlags = {
  maxConnections: described(
    "max-connections",
    connectionsMax,
    "TCP connections that there may be at once (default 1024); each needs an open file (ulimit -n)"
  ),
  connectionsPerAddress: described(
    "connections-per-address",
    connectionsMax,
    "TCP connections that one initiator's address (IPv6: its /64 network) may have (default 512)"
  ),
  sessionsPerAddress: described(
    "sessions-per-address",
    connectionsMax,
    "Sessions that one address may have (default: as many as the option maxSessions lets all have)"
  ),
  loginsPerSecond: described(
    "logins-per-second",
    loginsPerSecondMax,
    "Logins of one address in the long run, ten seconds' worth at once (default 500)"
  )
}

/** What the flags gave. */
export interface PeerLimitInput {
  readonly maxConnections: Option.Option<number>
  readonly connectionsPerAddress: Option.Option<number>
  readonly sessionsPerAddress: Option.Option<number>
  readonly loginsPerSecond: Option.Option<number>
}

/** The settings. */
export const peerLimitsOf = (input: PeerLimitInput): PeerLimitSettings => ({
  connections: Option.getOrUndefined(input.maxConnections),
  connectionsPerAddress: Option.getOrUndefined(input.connectionsPerAddress),
  sessionsPerAddress: Option.getOrUndefined(input.sessionsPerAddress),
  loginsPerSecond: Option.getOrUndefined(input.loginsPerSecond)
})
