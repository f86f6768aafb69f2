/** The sessions of one target. A login looks for those of its own I_T nexus, however many others there are. */
import type { TargetSession } from "./Target.ts"

/** In the order in which they logged in. */
export class TargetSessions implements Iterable<TargetSession> {
  readonly #all = new Set<TargetSession>()
  /** By the name of the initiator: one host has a few, and there may be thousands of hosts. */
  readonly #byInitiator = new Map<string, ReadonlyArray<TargetSession>>()

  get size(): number {
    return this.#all.size
  }

  [Symbol.iterator](): Iterator<TargetSession> {
    return this.#all[Symbol.iterator]()
  }

  /** A session has begun. */
  add(session: TargetSession): void {
    const { initiatorName } = session.identity
    this.#all.add(session)
    this.#byInitiator.set(initiatorName, [...this.#of(initiatorName), session])
  }

  /** It has ended. */
  delete(session: TargetSession): void {
    const { initiatorName } = session.identity
    if (!this.#all.delete(session)) return
    const others = this.#of(initiatorName).filter((own) => own !== session)
    if (others.length === 0) this.#byInitiator.delete(initiatorName)
    else this.#byInitiator.set(initiatorName, others)
  }

  /** Those between an initiator port and a target port; `isid` in 12 hexadecimal digits. */
  ofNexus(initiatorName: string, isid: string, portalGroupTag: number): ReadonlyArray<TargetSession> {
    const isOfNexus = ({ identity }: TargetSession): boolean =>
      identity.isid === isid && identity.port.portalGroupTag === portalGroupTag
    return this.#of(initiatorName).filter(isOfNexus)
  }

  #of(initiatorName: string): ReadonlyArray<TargetSession> {
    return this.#byInitiator.get(initiatorName) ?? []
  }
}
