/**
 * A reactor with targets, to which the front gives connections: each goes on here from its first byte, as if it had
 * been accepted here. Sessions are counted over all reactors.
 */
import { libc } from "../../../host/libc.ts"
import { Connection } from "../Connection.ts"
import type { IscsiNode } from "../IscsiNode.ts"
import { receiveDescriptor } from "../receive-socket.ts"
import type { Session } from "../Session.ts"
import { Claims } from "./Claims.ts"
import type { ConnectionHandOver } from "./ConnectionHandOver.ts"
import type { Place } from "./Place.ts"
import { SessionCounts } from "./SessionCounts.ts"

/** How many sessions there may be. */
export interface SessionLimits {
  readonly all: number
  readonly ofAddress: number
}

/** One per reactor with targets. */
export class Home {
  readonly #node: IscsiNode
  readonly #claims: Claims
  readonly #counts: SessionCounts
  readonly #gone: (connection: number) => void
  readonly #taken = new Map<Connection, ConnectionHandOver>()
  readonly #peerOfSession = new WeakMap<Session, number>()

  /** `gone` is told of each connection that has ended, or could not be taken. */
  constructor(node: IscsiNode, place: Place, gone: (connection: number) => void) {
    this.#node = node
    this.#claims = new Claims(place.claims)
    this.#counts = new SessionCounts(place)
    this.#gone = gone
  }

  /** Takes a connection over. */
  take(handOver: ConnectionHandOver): void {
    const { connection: id, descriptor, origin, received, slot } = handOver
    const claim = this.#claims.take(slot)
    if (claim === "lost") return
    if (claim === "evicted") return this.#drop(id, descriptor)
    let connection: Connection | undefined
    const onBytes = (chunk: Buffer, length: number): void => connection?.receive(chunk, length)
    const socket = receiveDescriptor(descriptor, this.#node.receiveBuffer, onBytes)
    if (socket === undefined) return this.#drop(id, descriptor)
    connection = new Connection(this.#node, socket, origin, id)
    this.#taken.set(connection, handOver)
    connection.login.answeredElsewhere = handOver.answered
    socket.setNoDelay(true)
    socket.setKeepAlive(true)
    connection.begin(Buffer.from(received.buffer, received.byteOffset, received.byteLength))
  }

  /** A connection has ended. */
  left(connection: Connection): void {
    if (this.#taken.delete(connection)) this.#gone(connection.id)
  }

  /** A connection is about to have a session; false: it must go, as others want to log in. */
  establish(connection: Connection): boolean {
    const handOver = this.#taken.get(connection)
    return handOver !== undefined && this.#claims.establish(handOver.slot)
  }

  /** Counts a session that is about to begin; a string says why it may not. */
  admit(connection: Connection, limits: SessionLimits): string | undefined {
    const handOver = this.#taken.get(connection)
    if (handOver === undefined) return "its connection has ended"
    const { peer } = handOver
    // Counted first: of two that come at once to different reactors the last place is for one at most.
    this.#counts.add(peer)
    const all = this.#counts.total - 1
    const ofAddress = this.#counts.of(peer) - 1
    if (all < limits.all && ofAddress < limits.ofAddress) return undefined
    this.#counts.remove(peer)
    if (all >= limits.all) return `${all} sessions, which is the limit`
    return `${ofAddress} sessions of ${connection.origin.initiatorAddress}, which is the limit of one address`
  }

  /** A session that was counted has begun. */
  opened(session: Session, connection: Connection): void {
    const handOver = this.#taken.get(connection)
    if (handOver !== undefined) this.#peerOfSession.set(session, handOver.peer)
  }

  /** It has ended. */
  ended(session: Session): void {
    const peer = this.#peerOfSession.get(session)
    if (peer !== undefined) this.#counts.remove(peer)
  }

  /** Called about once a second: who must give way goes. */
  lookOver(): void {
    for (const [connection, { slot }] of this.#taken) if (this.#claims.isEvicted(slot)) connection.giveWay()
  }

  #drop(id: number, descriptor: number): void {
    const calls = libc()
    if (typeof calls !== "string") calls.close(descriptor)
    this.#gone(id)
  }
}
