/** An initiator of a chaos run: a session, its record, and why it may end. */
import type { Session } from "../../support/initiator/Session.ts"
import type { SessionSeen } from "../History.ts"

/** A session that has logged in. */
export class Initiator {
  readonly name: string
  readonly target: string
  /** Which initiator it is: with its name and target, that makes the I_T nexus. */
  readonly port: number
  readonly session: Session
  readonly since: number
  isStalled = false
  /** Its connection is to end with one of the next bytes. */
  isCut = false
  #endedBy: string | undefined
  #endedAt = Number.POSITIVE_INFINITY

  constructor(name: string, target: string, port: number, session: Session, since: number) {
    this.name = name
    this.target = target
    this.port = port
    this.session = session
    this.since = since
  }

  /** From now on its end is no surprise. The first reason counts. */
  mayEnd(why: string, now: number): void {
    if (this.#endedBy !== undefined) return
    this.#endedBy = why
    this.#endedAt = now
  }

  /** Logs out, and waits for the end. */
  async leave(why: string, now: number): Promise<void> {
    this.mayEnd(why, now)
    await this.session.logout().catch(() => this.session.drop())
  }

  /** It is not to be used any more. */
  get isOver(): boolean {
    return this.session.isClosed || this.#endedBy !== undefined
  }

  /** For the checks. */
  seen(): SessionSeen {
    const { asyncMessages, isClosed, rejects, violations } = this.session
    return {
      name: this.name,
      target: this.target,
      since: this.since,
      endedBy: this.#endedBy,
      endedAt: this.#endedAt,
      isClosed,
      violations: [...violations],
      messages: [
        ...rejects.map((pdu) => `Reject ${pdu.response}`),
        // AsyncEvent, RFC 7143 section 11.9.
        ...asyncMessages.map((pdu) => `asynchronous event ${pdu.header[36] ?? 0}`)
      ]
    }
  }
}
