/**
 * What initiators use up by the address that they come from: one that is broken, or means harm, must leave something
 * for the others. Nobody is locked out by name, which anybody may claim.
 *
 * An address is an IPv4 address or an IPv6 network of 64 bits, which one host has to itself (RFC 4291 section 2.5.1);
 * of link-local addresses, which all share one network, it is the whole.
 */
import { parsePeerAddress } from "../../domain/address.ts"
import { Budget } from "../Budget.ts"
import {
  chapFailuresBurst,
  chapFailuresPerSecond,
  connectionsDefault,
  connectionsPerAddressDefault,
  loginBurstSeconds,
  loginsPerSecondDefault,
  peersMax,
  sessionsPerAddressDefault
} from "../limits.ts"

/** What one address may have, and all together. */
export interface PeerLimits {
  /** TCP connections of all addresses, logged in or not. */
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly sessionsPerAddress: number
  /** Logins, refused or not, in the long run; ten seconds' worth at once. */
  readonly loginsPerSecond: number
}

/** The same as it is asked for: what is undefined has its default. */
export type PeerLimitSettings = { readonly [Limit in keyof PeerLimits]?: number | undefined }

/** A connection, as its address sees it. */
export interface PeerConnection {
  /** Ends, if it has no session. */
  readonly giveWay: () => boolean
}

/** One address. */
export class Peer {
  /** In the order in which they came. */
  readonly connections = new Set<PeerConnection>()
  sessions = 0
  readonly logins: Budget
  /** Attempts to prove oneself by CHAP that may still go wrong. */
  readonly failures: Budget

  constructor({ loginsPerSecond }: PeerLimits, now: number, homes: number) {
    this.logins = new Budget(loginsPerSecond * loginBurstSeconds, loginsPerSecond, now)
    this.failures = new Budget(Math.max(1, chapFailuresBurst / homes), chapFailuresPerSecond / homes, now)
  }

  /** Whether it has nothing. */
  get isIdle(): boolean {
    return this.connections.size + this.sessions === 0
  }

  /** Whether it has nothing, and could as well be new. */
  isForgettable(now: number): boolean {
    return this.isIdle && this.logins.isFull(now) && this.failures.isFull(now)
  }
}

const linkLocal = (bytes: ReadonlyArray<number>): boolean => bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80

/** What of an address counts as one. */
export const peerKey = (address: string): string => {
  const bytes = parsePeerAddress(address)
  if (bytes === undefined || bytes.length === 4 || linkLocal(bytes)) return address.replace(/^::ffff:(?=\d+\.)/i, "")
  return Buffer.from(bytes.slice(0, 8)).toString("hex")
}

/** All addresses that have something, or had a moment ago. */
export class Peers {
  readonly limits: PeerLimits
  readonly #now: () => number
  readonly #homes: number
  readonly #peers = new Map<string, Peer>()

  /** `now` is in milliseconds and only goes forward. Reactors with targets share the wrong guesses of an address. */
  constructor(settings: PeerLimitSettings, now: () => number, homes = 1) {
    this.#homes = homes
    this.limits = {
      connections: settings.connections ?? connectionsDefault,
      connectionsPerAddress: settings.connectionsPerAddress ?? connectionsPerAddressDefault,
      sessionsPerAddress: settings.sessionsPerAddress ?? sessionsPerAddressDefault,
      loginsPerSecond: settings.loginsPerSecond ?? loginsPerSecondDefault
    }
    this.#now = now
  }

  /** How many are known. */
  get size(): number {
    return this.#peers.size
  }

  /** The one that an address belongs to. */
  of(address: string): Peer {
    const key = peerKey(address)
    const known = this.#peers.get(key)
    if (known !== undefined) return known
    if (this.#peers.size >= peersMax) this.#makeRoom()
    const peer = new Peer(this.limits, this.#now(), this.#homes)
    this.#peers.set(key, peer)
    return peer
  }

  /** Called about once a second. */
  lookOver(): void {
    const now = this.#now()
    for (const [key, peer] of this.#peers) if (peer.isForgettable(now)) this.#peers.delete(key)
  }

  /** What is only remembered for its past goes first, the oldest of it. */
  #makeRoom(): void {
    for (const [key, peer] of this.#peers) {
      if (!peer.isIdle) continue
      this.#peers.delete(key)
      return
    }
  }
}
