/**
 * The connections of one NBD disk: several where the server allows it (NBD_FLAG_CAN_MULTI_CONN), opened again when they
 * are lost, at growing intervals, for as long as the disk is there.
 */
import { type NbdConnection, requestsPerConnectionMax } from "./NbdConnection.ts"
import type { NbdExport } from "./NbdNegotiation.ts"
import type { NbdRequest } from "./NbdRequest.ts"
import { TransmissionFlag } from "./nbd-protocol.ts"

/** An errno name, and what goes on a sentence about the server. */
export interface LostReason {
  readonly code: string
  readonly detail: string
}

/** Whose connections they are. */
export interface ConnectionsOwner {
  /** Why this export is not the disk's, if it is not. */
  readonly refuse: (of: NbdExport) => LostReason | undefined
  /** One more connection can send. */
  readonly ready: (of: NbdExport, connection: NbdConnection) => void
  readonly answered: (connection: NbdConnection, request: NbdRequest, error: number) => void
  /** A connection is lost that could send, with requests that have no reply; after the last one nothing can be sent. */
  readonly lost: (requests: ReadonlyArray<NbdRequest>, isLast: boolean, reason: LostReason) => void
  /** An attempt to get a connection back has failed while there is none. */
  readonly failed: (reason: LostReason) => void
}

/** Milliseconds from one attempt to the next: the first, and the longest without and with others that work. */
const retryMillis = { first: 100, none: 5_000, some: 60_000 }

/** All connections of a disk. */
export class NbdConnections {
  readonly #ready: Array<NbdConnection> = []
  readonly #opening = new Set<NbdConnection>()
  readonly #make: () => NbdConnection
  readonly #max: number
  readonly #owner: ConnectionsOwner
  #mayBeMany = false
  #retryMillis = retryMillis.first
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** `make` gives one that is not open yet. `max` is a number of connections. */
  constructor(make: () => NbdConnection, max: number, owner: ConnectionsOwner) {
    this.#make = make
    this.#max = max
    this.#owner = owner
  }

  /** Connections that can send. */
  get readyCount(): number {
    return this.#ready.length
  }

  /** Takes over one that was opened before. */
  adopt(connection: NbdConnection, of: NbdExport): void {
    this.#take(connection)
    this.#agreed(connection, of)
  }

  /** The one that has been able to send for the longest time. */
  get oldest(): NbdConnection | undefined {
    return this.#ready[0]
  }

  /** The one with the fewest requests out that can take another. */
  pick(): NbdConnection | undefined {
    let best: NbdConnection | undefined
    let least = requestsPerConnectionMax
    for (const connection of this.#ready) {
      if (connection.outCount >= least) continue
      best = connection
      least = connection.outCount
    }
    return best
  }

  /** The longest that one of them has said nothing to what it was asked, in milliseconds. */
  silentMillis(now: number): number {
    return this.#ready.reduce((longest, connection) => Math.max(longest, connection.silentMillis(now)), 0)
  }

  /** Ends those that have been silent for so long. */
  cutSilent(now: number, millis: number): void {
    for (const connection of [...this.#ready]) {
      if (connection.silentMillis(now) >= millis) connection.cut("ETIMEDOUT", "does not answer")
    }
  }

  /** Nothing is sent or opened any more; what is out may still be answered. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const connection of [...this.#opening, ...this.#ready]) connection.close()
  }

  #take(connection: NbdConnection): void {
    connection.owner = {
      agreed: (agreed, of) => this.#agreed(agreed, of),
      answered: this.#owner.answered,
      lost: (lost, code, detail) => this.#lost(lost, { code, detail })
    }
  }

  #agreed(connection: NbdConnection, of: NbdExport): void {
    const refused = this.#owner.refuse(of)
    if (refused !== undefined) return connection.cut(refused.code, refused.detail)
    this.#opening.delete(connection)
    this.#ready.push(connection)
    this.#mayBeMany = (of.flags & TransmissionFlag.canMultiConn) !== 0
    this.#retryMillis = retryMillis.first
    this.#owner.ready(of, connection)
    this.#open()
  }

  #lost(connection: NbdConnection, reason: LostReason): void {
    const at = this.#ready.indexOf(connection)
    this.#opening.delete(connection)
    if (at >= 0) {
      this.#ready.splice(at, 1)
      this.#owner.lost(connection.takeRequests(), this.#ready.length === 0, reason)
    } else if (this.#ready.length === 0) this.#owner.failed(reason)
    this.#openLater()
  }

  #openLater(): void {
    if (this.#isClosed || this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#open()
    }, this.#retryMillis)
    const longest = this.#ready.length === 0 ? retryMillis.none : retryMillis.some
    this.#retryMillis = Math.min(2 * this.#retryMillis, longest)
  }

  /** The first shows how many there may be. */
  #open(): void {
    const wanted = this.#ready.length > 0 && this.#mayBeMany ? this.#max : 1
    while (!this.#isClosed && this.#ready.length + this.#opening.size < wanted) {
      const connection = this.#make()
      this.#take(connection)
      this.#opening.add(connection)
      connection.open()
    }
  }
}
