/**
 * Pings an initiator that is silent, and ends the connection of one that does not answer: what it held is free then
 * (RFC 7143 sections 11.18 and 11.19). Whatever it sends shows that it is there, not the answer alone.
 */
import { discoveryIdleTimeoutMillis, pingsOutstandingMax } from "../limits.ts"
import type { Connection } from "./Connection.ts"
import { reservedTag } from "./pdu/bhs.ts"
import { writeNopIn } from "./pdu/session-control.ts"

const nothing = Buffer.alloc(0)

/** One per connection in full feature phase. */
export class KeepAlive {
  readonly #connection: Connection
  readonly #discovery: boolean
  #lastHeard: number
  #pingedAt: number | undefined
  #nextTag = 1
  /** Target transfer tags of pings that have no answer, oldest first: one that comes late is still an answer. */
  readonly #outstanding = new Set<number>()

  constructor(connection: Connection, discovery: boolean) {
    this.#connection = connection
    this.#discovery = discovery
    this.#lastHeard = connection.node.now()
  }

  /** Called about once a second; `heard`: something has come since the last call. */
  lookOver(now: number, heard: boolean): void {
    const { nopInInterval, nopTimeout } = this.#connection.node.options
    if (heard) {
      this.#lastHeard = now
      this.#pingedAt = undefined
    }
    if (this.#connection.state !== "full-feature") return
    if (this.#discovery) return this.#endIdleDiscovery(now)
    if (nopInInterval === 0) return
    if (this.#pingedAt !== undefined) {
      if (now - this.#pingedAt <= nopTimeout * 1000) return
      this.#connection.close(`no answer to a ping in ${nopTimeout} s`, "pingTimeout")
    } else if (now - this.#lastHeard >= nopInInterval * 1000) {
      this.#pingedAt = now
      this.#ping()
    }
  }

  /** A ping with this tag is answered. False: there is none. */
  answered(tag: number): boolean {
    return this.#outstanding.delete(tag)
  }

  /** A discovery session is not pinged: it asks and leaves. One that stays would keep a connection from others. */
  #endIdleDiscovery(now: number): void {
    if (now - this.#lastHeard <= discoveryIdleTimeoutMillis) return
    const seconds = discoveryIdleTimeoutMillis / 1000
    this.#connection.close(`a discovery session that has asked nothing in ${seconds} s`, "idle")
  }

  #ping(): void {
    const connection = this.#connection
    const tag = this.#nextTag
    this.#nextTag = (tag % 0x7fff_ffff) + 1
    const [oldest] = this.#outstanding
    if (oldest !== undefined && this.#outstanding.size >= pingsOutstandingMax) this.#outstanding.delete(oldest)
    this.#outstanding.add(tag)
    // StatSN is the next one and is not used up: there is no task (RFC 7143 section 11.19.1).
    const n = { statSn: connection.statSn, expCmdSn: connection.window.expCmdSn, maxCmdSn: connection.window.maxCmdSn }
    connection.send(nothing, (b, at) => writeNopIn(b, at, reservedTag, tag, n, 0))
    // Many are pinged in one turn of the event loop: each would hold a large output buffer until the turn ends.
    connection.transmitter.flush()
  }
}
