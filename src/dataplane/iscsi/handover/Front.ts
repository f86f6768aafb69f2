/**
 * The reactor that accepts connections for all: it reads a connection until its first login request says which target
 * it wants, then gives it away, with all that was read. Discovery stays. What an address may have is counted here, also
 * of what was given away, until that has ended.
 */
import type { Socket } from "node:net"
import { libc } from "../../../host/libc.ts"
import { peersMax } from "../../limits.ts"
import { Connection } from "../Connection.ts"
import type { ConnectionOrigin } from "../ConnectionOrigin.ts"
import type { IscsiNode } from "../IscsiNode.ts"
import type { Peer, PeerConnection } from "../Peers.ts"
import { descriptorOf, receiveSocket } from "../receive-socket.ts"
import type { Target } from "../Target.ts"
import { Claims } from "./Claims.ts"
import type { ConnectionHandOver } from "./ConnectionHandOver.ts"
import type { Place } from "./Place.ts"

/** A connection whose target is not known yet. */
interface Arrived {
  readonly socket: Socket
  /** All that was read of it. */
  readonly received: Array<Buffer>
}

/** A connection that was given away. */
interface Departed extends PeerConnection {
  readonly slot: number
  readonly peer: Peer
}

/** An address with connections that were given away. */
interface PeerSlot {
  readonly slot: number
  connections: number
}

/** Whether it may still be given away: what it has sent is bounded by what a login may have. */
const isUndecided = ({ login, state }: Connection): boolean => state === "login" && login.purpose === undefined

/** One, of the first reactor. */
export class Front {
  readonly #node: IscsiNode
  readonly #claims: Claims
  readonly #emit: (handOver: ConnectionHandOver) => void
  readonly #arrived = new WeakMap<Connection, Arrived>()
  readonly #departed = new Map<number, Departed>()
  /** Those that gave way to others, but are not known to have ended. */
  readonly #leaving = new Map<number, Departed>()
  readonly #peerSlots = new Map<Peer, PeerSlot>()
  readonly #freePeerSlots: Array<number> = Array.from({ length: peersMax }, (_, index) => peersMax - 1 - index)

  constructor(node: IscsiNode, place: Place, emit: (handOver: ConnectionHandOver) => void) {
    this.#node = node
    this.#claims = new Claims(place.claims)
    this.#emit = emit
  }

  /** Connections that were given away and count still. */
  get departed(): ReadonlyMap<number, PeerConnection> {
    return this.#departed
  }

  /** Begins to read an accepted connection. */
  begin(accepted: Socket, origin: ConnectionOrigin): void {
    const received: Array<Buffer> = []
    const { socket } = receiveSocket(accepted, this.#node.receiveBuffer, (chunk, length) => {
      if (isUndecided(connection)) received.push(Buffer.from(chunk.subarray(0, length)))
      connection.receive(chunk, length)
      if (!isUndecided(connection)) received.length = 0
    })
    const connection = new Connection(this.#node, socket, origin)
    this.#arrived.set(connection, { socket, received })
    socket.setNoDelay(true)
    socket.resume()
  }

  /** Gives a connection to the home of its target; a string says why it cannot. */
  handOver(connection: Connection, target: Target): string | undefined {
    const arrived = this.#arrived.get(connection)
    if (arrived === undefined) return "it has not come by a portal"
    const { id, login, origin, transmitter } = connection
    const { received, socket } = arrived
    // What comes from now on stays in the kernel, for its home.
    socket.pause()
    transmitter.flush()
    if (socket.writableLength > 0) return "it does not take what it is sent"
    const peer = this.#node.peers.of(origin.initiatorAddress)
    const peerSlot = this.#takePeerSlot(peer)
    const slot = this.#claims.begin()
    const isFull = peerSlot === undefined || slot === undefined
    const descriptor = isFull ? "too many connections are on their way" : this.#duplicate(socket)
    if (isFull || typeof descriptor === "string") {
      if (slot !== undefined) this.#claims.end(slot)
      if (peerSlot !== undefined) this.#givePeerSlot(peer)
      return String(descriptor)
    }
    // Its home reads all of it once more.
    connection.recorder.drop()
    connection.depart()
    const departed = { slot, peer, giveWay: () => this.#giveWay(id) }
    this.#departed.set(id, departed)
    peer.connections.add(departed)
    this.#emit({
      connection: id,
      target: target.spec.name.toLowerCase(),
      descriptor,
      origin,
      slot,
      peer: peerSlot,
      received: Buffer.concat(received),
      answered: login.responses
    })
    return undefined
  }

  /** A connection that was given away has ended. */
  forget(id: number): void {
    const departed = this.#departed.get(id) ?? this.#leaving.get(id)
    if (departed === undefined) return
    this.#uncount(id, departed)
    this.#leaving.delete(id)
    this.#claims.end(departed.slot)
    this.#givePeerSlot(departed.peer)
  }

  #giveWay(id: number): boolean {
    const departed = this.#departed.get(id)
    if (departed === undefined || !this.#claims.evict(departed.slot)) return false
    this.#uncount(id, departed)
    this.#leaving.set(id, departed)
    return true
  }

  #uncount(id: number, departed: Departed): void {
    this.#departed.delete(id)
    departed.peer.connections.delete(departed)
  }

  #takePeerSlot(peer: Peer): number | undefined {
    const known = this.#peerSlots.get(peer)
    if (known !== undefined) {
      known.connections++
      return known.slot
    }
    const slot = this.#freePeerSlots.pop()
    if (slot !== undefined) this.#peerSlots.set(peer, { slot, connections: 1 })
    return slot
  }

  #givePeerSlot(peer: Peer): void {
    const known = this.#peerSlots.get(peer)
    if (known === undefined || --known.connections > 0) return
    this.#peerSlots.delete(peer)
    this.#freePeerSlots.push(known.slot)
  }

  #duplicate(socket: Socket): number | string {
    const calls = libc()
    const descriptor = descriptorOf(socket)
    if (typeof calls === "string") return calls
    if (descriptor === undefined) return "its socket has no descriptor"
    try {
      return calls.duplicate(descriptor)
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}
