/**
 * Sessions of each reactor, as they were told: of one that has failed, their end is told in its place. Of very many
 * sessions that come and go at once not all are told, and so neither is their end.
 */
import type { ReactorFact, ReactorObservation } from "../reactor/protocol.ts"
import type { HomeIndex } from "./Placement.ts"

type Opened = Extract<ReactorObservation, { readonly _tag: "SessionOpened" }>

interface Session {
  readonly home: HomeIndex
  readonly opened: Opened
  /** When it was told. */
  readonly at: number
}

/** Sessions that are remembered; the oldest goes. */
const sessionsMax = 4_096

/** One per pool. */
export class OpenSessions {
  /** By TSIH, which reactors have none in common. */
  readonly #sessions = new Map<number, Session>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** A reactor has told something. */
  note(home: HomeIndex, fact: ReactorFact): void {
    if (fact._tag === "SessionClosed") this.#sessions.delete(fact.tsih)
    if (fact._tag !== "SessionOpened") return
    this.#sessions.set(fact.tsih, { home, opened: fact, at: this.#now() })
    if (this.#sessions.size <= sessionsMax) return
    for (const tsih of this.#sessions.keys()) return void this.#sessions.delete(tsih)
  }

  /** A reactor has failed: the ends of its sessions. */
  lost(home: HomeIndex): ReadonlyArray<ReactorObservation> {
    const lost = [...this.#sessions.values()].filter((session) => session.home === home)
    return lost.map(({ at, opened }) => {
      const { initiatorAddress, initiatorName, portalGroupTag, targetName, tsih } = opened
      this.#sessions.delete(tsih)
      return {
        _tag: "SessionClosed",
        ...{ initiatorName, initiatorAddress, targetName, portalGroupTag, tsih },
        reason: `reactor ${home}, which had it, has failed`,
        ending: "internalError",
        durationMillis: Math.round(this.#now() - at)
      }
    })
  }
}
