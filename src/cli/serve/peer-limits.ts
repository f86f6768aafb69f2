/** What a server's command line says of how much one initiator's address may have. */
import { Option } from "effect"
import { Flag } from "effect/cli"
import { boundedInt } from "./server-flags.ts"

/** What one initiator's address may have; what is undefined has its default. */
export interface PeerLimitSettings {
  readonly connectionsPerAddress: number | undefined
  readonly sessionsPerAddress: number | undefined
  readonly loginsPerSecond: number | undefined
}

const described = (name: string, maximum: number, description: string) =>
  boundedInt(name, 1, maximum).pipe(Flag.withDescription(description), Flag.optional)

/** Flags of `serve`. */
export const peerLimitFlags = {
  connectionsPerAddress: described(
    "connections-per-address",
    1024,
    "TCP connections that one initiator's address (IPv6: its /64 network) may have (default 512)"
  ),
  sessionsPerAddress: described(
    "sessions-per-address",
    65_535,
    "Sessions that one address may have (default: as many as the option maxSessions lets all have)"
  ),
  loginsPerSecond: described(
    "logins-per-second",
    100_000,
    "Logins of one address in the long run, ten seconds' worth at once (default 500)"
  )
}

/** What the flags gave. */
export interface PeerLimitInput {
  readonly connectionsPerAddress: Option.Option<number>
  readonly sessionsPerAddress: Option.Option<number>
  readonly loginsPerSecond: Option.Option<number>
}

/** The settings. */
export const peerLimitsOf = (input: PeerLimitInput): PeerLimitSettings => ({
  connectionsPerAddress: Option.getOrUndefined(input.connectionsPerAddress),
  sessionsPerAddress: Option.getOrUndefined(input.sessionsPerAddress),
  loginsPerSecond: Option.getOrUndefined(input.loginsPerSecond)
})
