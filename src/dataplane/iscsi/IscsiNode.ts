/**
 * The iSCSI node of a reactor (RFC 7143 section 4.1): what all connections share. Targets, who may reach them,
 * sessions, the pools, and where facts go. The reactor fills it; connections read it afresh for each login and command.
 */
import { type AccessList, admittingRule, discoverable, discoveryAuth } from "../../domain/access.ts"
import type { CaptureSelection } from "../../domain/capture/ConnectionCapture.ts"
import { connectionBytes, poolTrimMillis, receiveBufferBytes, recorderDefault, sessionBytes } from "../limits.ts"
import { type MemoryAccount, MemoryBudget } from "../MemoryBudget.ts"
import { defaultMemoryBytes } from "../memory-limit.ts"
import type { AuthGroup } from "./auth/AuthGroupView.ts"
import type { AuthPolicy } from "./auth/AuthPolicy.ts"
import { Coalescing } from "./Coalescing.ts"
import type { Connection } from "./Connection.ts"
import type { ConnectionEnd } from "./ConnectionEnd.ts"
import type { ConnectionOrigin } from "./ConnectionOrigin.ts"
import type { Front } from "./handover/Front.ts"
import type { Home } from "./handover/Home.ts"
import type { Place } from "./handover/Place.ts"
import { OutputBuffers } from "./OutputBuffers.ts"
import { type Peer, type PeerLimitSettings, Peers } from "./Peers.ts"
import { type Recording, Recordings } from "./recorder/Recordings.ts"
import type { Session } from "./Session.ts"
import type { Target, TargetMap } from "./Target.ts"
import { TaskPool } from "./TaskPool.ts"
import { Turns } from "./Turns.ts"
import type { TaskManagementOutcome } from "./task-management.ts"

/** Options that the data path runs by. Times in seconds, lengths in bytes. */
export interface NodeOptions {
  readonly maxSessions: number
  readonly maxConnectionsPerSession: number
  readonly firstBurstLength: number
  readonly immediateData: boolean
  readonly defaultTime2Wait: number
  readonly defaultTime2Retain: number
  readonly nopTimeout: number
  readonly nopInInterval: number
  readonly allowDuplicateIsid: boolean
  /** What discovery sessions must prove, over every portal group. */
  readonly discoveryAuth: AuthPolicy
}

/** A portal group as discovery tells of it. `host` as the user gave it; `*` and `[*]` stand for the local address. */
export interface PortalGroupView {
  readonly tag: number
  readonly private: boolean
  /** What discovery over this group must prove, besides what the options say. */
  readonly auth: AuthPolicy
  readonly portals: ReadonlyArray<{ readonly host: string; readonly port: number }>
}

/** What connections tell of themselves. Implementations must not throw and must not wait. */
export interface NodeListener {
  /** `replacedTsih` is of the session that it takes the place of. */
  readonly sessionOpened: (session: Session, connection: Connection, replacedTsih: number | undefined) => void
  /** `connection` is the last one, or that which has taken the others with it. */
  readonly sessionClosed: (session: Session, connection: Connection, end: ConnectionEnd) => void
  readonly discoveryClosed: (connection: Connection, end: ConnectionEnd) => void
  /** A connection has ended before it was logged in, refused or not. */
  readonly loginEnded: (connection: Connection, end: ConnectionEnd) => void
  /** A TCP connection was turned away. */
  readonly connectionRefused: (
    origin: Pick<ConnectionOrigin, "initiatorAddress" | "portalGroupTag">,
    reason: string
  ) => void
  readonly loginRefused: (connection: Connection, status: number, reason: string) => void
  /** A task management function was answered. */
  readonly tasksManaged: (connection: Connection, session: Session, outcome: TaskManagementOutcome) => void
  /** A PDU was answered with a Reject, with the reason of RFC 7143 section 11.17.1. */
  readonly pduRejected: (connection: Connection, opcode: number, reason: number) => void
  /** What has come is not what was sent: RFC 7143 section 7.8. A header that is damaged may name any opcode. */
  readonly digestError: (connection: Connection, digest: "header" | "data", opcode: number) => void
  /** The peer broke the protocol; its connection is closed. */
  readonly protocolError: (connection: Connection, reason: string) => void
  /** A mistake of our own: it costs the connection, not the process. */
  readonly internalError: (connection: Connection, error: unknown) => void
}

/** 65535 stands for no session in reports. */
const tsihMax = 0xfffe

/** One per reactor. */
export class IscsiNode {
  options: NodeOptions
  readonly listener: NodeListener
  readonly targets = new Map<string, Target>()
  readonly portalGroups = new Map<number, PortalGroupView>()
  readonly initiatorGroups = new Map<number, AccessList>()
  /** CHAP secrets by the tags of their groups. */
  readonly authGroups = new Map<number, AuthGroup>()
  readonly sessions = new Map<number, Session>()
  readonly connections = new Set<Connection>()
  /** Of connections that are gone. */
  readonly pastTraffic = { receivedBytes: 0, sentBytes: 0, pdus: 0 }
  /** By the address that they come from. */
  readonly peers: Peers
  readonly #peerOfSession = new WeakMap<Session, Peer>()
  /** What all of it is counted in. */
  readonly memory: MemoryBudget
  readonly tasks: TaskPool
  readonly outputBuffers: OutputBuffers
  /** What was recorded of connections. */
  readonly recordings: Recordings
  readonly turns = new Turns()
  readonly coalescing = new Coalescing()
  readonly #connectionMemory: MemoryAccount
  readonly #receiveBuffer = Buffer.allocUnsafeSlow(receiveBufferBytes)
  readonly #unflushed = new Set<Connection>()
  #flushScheduled = false
  /** Among several reactors: what the one that accepts connections, or one that has targets, does beside. */
  front: Front | undefined
  home: Home | undefined
  /** Session handles of several reactors are different: theirs are so far apart. */
  readonly #tsihStep: number
  readonly #firstTsih: number
  #lastTsih: number
  #lastConnectionId = 0
  #trimmedAt = 0

  constructor(
    options: NodeOptions,
    listener: NodeListener,
    peerLimits: PeerLimitSettings = {},
    place?: Place,
    memory = MemoryBudget.sized(defaultMemoryBytes()),
    recorder = recorderDefault
  ) {
    this.options = options
    this.listener = listener
    this.memory = memory
    this.tasks = new TaskPool(() => this.now(), memory.account("commands"))
    this.outputBuffers = new OutputBuffers(memory.account("output"))
    this.#connectionMemory = memory.account("connections")
    this.#connectionMemory.takeAnyway(receiveBufferBytes)
    this.recordings = new Recordings(recorder, this.tasks.clock, this.#connectionMemory)
    this.tasks.reclaim = this.#reclaim
    this.outputBuffers.reclaim = this.#reclaim
    this.peers = new Peers(peerLimits, () => this.now(), place?.of)
    this.#tsihStep = (place?.of ?? 0) + 1
    this.#firstTsih = (place?.index ?? 0) + 1
    this.#lastTsih = this.#firstTsih - this.#tsihStep
  }

  /** Others need the memory that pools keep for reuse. */
  readonly #reclaim = (): void => {
    this.tasks.drop()
    this.outputBuffers.drop()
    this.recordings.drop()
  }

  /** The buffer that every connection receives into: a chunk is read before the next arrives. */
  receiveBuffer = (): Buffer => this.#receiveBuffer

  /** Milliseconds of a clock that only goes forward. */
  now(): number {
    return performance.now()
  }

  /** Whether there is memory for one more connection, and for a session by it. */
  get hasRoom(): boolean {
    if (this.#connectionMemory.left < connectionBytes + sessionBytes) this.#reclaim()
    return this.#connectionMemory.left >= connectionBytes + sessionBytes
  }

  /** A connection is there. */
  entered(connection: Connection): void {
    this.connections.add(connection)
    this.#connectionMemory.takeAnyway(connectionBytes)
    this.peers.of(connection.origin.initiatorAddress).connections.add(connection)
  }

  /** It is not, any more. */
  left(connection: Connection, reason: string): void {
    this.coalescing.wake()
    if (this.connections.delete(connection)) {
      this.#connectionMemory.give(connectionBytes)
      this.pastTraffic.receivedBytes += connection.receivedBytes
      this.pastTraffic.sentBytes += connection.transmitter.sentBytes
      this.pastTraffic.pdus += connection.recorder.count
    }
    this.recordings.end(connection, reason)
    this.peers.of(connection.origin.initiatorAddress).connections.delete(connection)
    this.home?.left(connection)
  }

  /** A connection has ended, perhaps with its session, and nobody has been told yet. */
  tellEnd(connection: Connection, session: Session | undefined, end: ConnectionEnd): void {
    if (session !== undefined) this.listener.sessionClosed(session, connection, end)
    else if (connection.fullFeature === undefined) this.listener.loginEnded(connection, end)
    else if (connection.login.purpose?._tag === "Discovery") this.listener.discoveryClosed(connection, end)
  }

  /** Counts a session that is about to begin by a connection; a string says why it may not. */
  admit(connection: Connection): string | undefined {
    const { maxSessions } = this.options
    const { sessionsPerAddress } = this.peers.limits
    const { initiatorAddress } = connection.origin
    const handles = Math.floor((tsihMax - this.#firstTsih) / this.#tsihStep) + 1
    if (this.sessions.size >= Math.min(maxSessions, handles))
      return `${this.sessions.size} sessions, which is the limit`
    if (this.home !== undefined) return this.home.admit(connection, { all: maxSessions, ofAddress: sessionsPerAddress })
    const { sessions } = this.peers.of(initiatorAddress)
    if (sessions < sessionsPerAddress) return undefined
    return `${sessions} sessions of ${initiatorAddress}, which is the limit of one address`
  }

  /** A session has begun, by its first connection. */
  opened(session: Session, connection: Connection): void {
    const peer = this.peers.of(connection.origin.initiatorAddress)
    this.home?.opened(session, connection)
    peer.sessions++
    this.#peerOfSession.set(session, peer)
    this.sessions.set(session.tsih, session)
    this.#connectionMemory.takeAnyway(sessionBytes)
  }

  /** It has ended. */
  ended(session: Session): void {
    const peer = this.#peerOfSession.get(session)
    if (!this.sessions.delete(session.tsih)) return
    this.#connectionMemory.give(sessionBytes)
    if (peer !== undefined) peer.sessions--
    this.home?.ended(session)
  }

  /** What was recorded of connections. */
  captured(selection: CaptureSelection): { readonly _tag: "Captured"; readonly recordings: ReadonlyArray<Recording> } {
    return { _tag: "Captured", recordings: this.recordings.take(this.connections, selection) }
  }

  /** Called about once a second. */
  lookOver(now: number): void {
    this.peers.lookOver()
    this.home?.lookOver()
    if (now - this.#trimmedAt < poolTrimMillis) return
    this.#trimmedAt = now
    this.tasks.trim()
    this.outputBuffers.trim()
  }

  /** A number for a new connection. */
  takeConnectionId(): number {
    return this.#lastConnectionId++
  }

  /** A session handle that no session has; 0 and 65535 are not used. */
  takeTsih(): number {
    do {
      this.#lastTsih += this.#tsihStep
      if (this.#lastTsih > tsihMax) this.#lastTsih = this.#firstTsih
    } while (this.sessions.has(this.#lastTsih))
    return this.#lastTsih
  }

  /** A target by name, whatever its case. */
  findTarget(name: string): Target | undefined {
    return this.targets.get(name.toLowerCase())
  }

  /** The map that lets an initiator log in to a target over a portal group; undefined if it may not. */
  admittingMap(target: Target, portalGroupTag: number, initiatorName: string, address: string): TargetMap | undefined {
    const maps = target.port(portalGroupTag)?.maps ?? []
    return admittingRule(this.#rules(maps), initiatorName, address)?.map
  }

  /** Whether discovery tells an initiator of a target. */
  mayDiscover(target: Target, initiatorName: string): boolean {
    if (target.spec.deleting) return false
    const maps = target.spec.ports.flatMap((port) => port.maps)
    return discoverable(
      this.#rules(maps).map(({ list }) => list),
      initiatorName
    )
  }

  /** What a discovery session over a portal group must prove. */
  discoveryAuth(portalGroupTag: number): AuthPolicy {
    return discoveryAuth(this.options.discoveryAuth, this.portalGroups.get(portalGroupTag)?.auth)
  }

  /** Whether a connection that is there was sent this challenge, to prove itself by it. */
  hasSentChallenge(challenge: Buffer): boolean {
    for (const { login } of this.connections) if (login.challenge?.equals(challenge)) return true
    return false
  }

  /** Flushes a connection once this turn of the event loop is over, together with all others that have something. */
  flushSoon(connection: Connection): void {
    this.#unflushed.add(connection)
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(this.#flushAll)
  }

  readonly #flushAll = (): void => {
    this.#flushScheduled = false
    for (const { transmitter } of this.#unflushed) transmitter.flush()
    this.#unflushed.clear()
  }

  #rules(maps: ReadonlyArray<TargetMap>): ReadonlyArray<{ readonly map: TargetMap; readonly list: AccessList }> {
    return maps.flatMap((map) => {
      const list = this.initiatorGroups.get(map.initiatorGroup)
      return list === undefined ? [] : [{ map, list }]
    })
  }
}
