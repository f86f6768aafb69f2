/**
 * A front and homes as one reactor, without what makes a pool of them: all disks are at the first home, and so are all
 * targets but those that are named.
 */
import { placesOf } from "../../../src/dataplane/iscsi/handover/Place.ts"
import type { NodeOptions } from "../../../src/dataplane/iscsi/IscsiNode.ts"
import { connectionsDefault } from "../../../src/dataplane/limits.ts"
import { mainThreadReactor } from "../../../src/dataplane/reactor/main-thread-reactor.ts"
import type {
  HandOver,
  ReactorCommand,
  ReactorFact,
  ReactorPort,
  ReactorReport
} from "../../../src/dataplane/reactor/protocol.ts"
import type { ReactorSurroundings } from "../../../src/dataplane/reactor/Reactor.ts"

/** How the reactors are made, and what a test does to them. */
export interface FrontAndHomesSettings {
  readonly surroundings?: ReactorSurroundings
  /** Names of targets, in lower case, by the home that they are at; all others are at the first. */
  readonly homes?: ReadonlyArray<ReadonlyArray<string>>
  readonly makeHome?: (options: NodeOptions, surroundings: ReactorSurroundings) => ReactorPort
  /** Called in place of handing it over; `go` does that. */
  readonly onHandOver?: (handOver: HandOver, go: () => void) => void
}

const ofFront: ReadonlySet<string> = new Set([
  "OpenPortal",
  "AcceptPortal",
  "ClosePortal",
  "PutPortalGroup",
  "DeletePortalGroup",
  "ForgetConnection"
])

const ofAll: ReadonlySet<string> = new Set([
  "SetOptions",
  "PutInitiatorGroup",
  "DeleteInitiatorGroup",
  "PutAuthGroup",
  "DeleteAuthGroup",
  "PutTarget",
  "DeleteTarget",
  "KickConnections",
  "CutConnections",
  "Query",
  "Shutdown"
])

const together = (a: ReactorReport, b: ReactorReport): ReactorReport => ({
  ...b,
  connections: [...a.connections, ...b.connections],
  drains: [...a.drains, ...b.drains],
  limits: [...a.limits, ...b.limits],
  sessionCount: a.sessionCount + b.sessionCount,
  suppressedObservations: a.suppressedObservations + b.suppressedObservations
})

/** Starts them. */
export const frontAndHomes = (options: NodeOptions, settings: FrontAndHomesSettings = {}): ReactorPort => {
  const { homes: named = [[]], makeHome = mainThreadReactor, onHandOver = (_, go) => go(), surroundings } = settings
  const [place, ...places] = placesOf(named.length, surroundings?.peerLimits?.connections ?? connectionsDefault)
  const front = mainThreadReactor(options, { ...surroundings, place })
  const homes = places.map((each) => makeHome(options, { ...surroundings, place: each }))
  const all = [front, ...homes]
  const reports = new Map<number, Array<ReactorReport>>()
  const done = new Map<number, number>()
  let tell: (fact: ReactorFact) => void = () => {}
  const homeOf = (target: string) => homes[named.findIndex((names) => names.includes(target.toLowerCase()))] ?? homes[0]
  const answered = (fact: ReactorFact): void => {
    if (fact._tag === "HandOver") {
      return onHandOver(fact, () => homeOf(fact.target)?.send({ ...fact, _tag: "TakeConnection" }))
    }
    if (fact._tag === "ConnectionGone") return front.send({ ...fact, _tag: "ForgetConnection" })
    if (fact._tag === "Answer" && fact.answer._tag === "Report") {
      const parts = [...(reports.get(fact.request) ?? []), fact.answer.report]
      reports.set(fact.request, parts)
      if (parts.length < all.length) return
      return tell({ ...fact, answer: { _tag: "Report", report: parts.reduce(together) } })
    }
    const left = fact._tag === "Answer" ? done.get(fact.request) : undefined
    if (fact._tag === "Answer" && left !== undefined && left > 1) return void done.set(fact.request, left - 1)
    tell(fact)
  }
  return {
    send: (command: ReactorCommand) => {
      if (ofAll.has(command._tag)) {
        if (command._tag === "Shutdown") done.set(command.request, all.length)
        for (const reactor of all) reactor.send(command)
      } else if (ofFront.has(command._tag)) front.send(command)
      else if ("target" in command && typeof command.target === "string") homeOf(command.target)?.send(command)
      else homes[0]?.send(command)
    },
    listen: (listener) => {
      tell = listener
      for (const reactor of all) reactor.listen(answered)
    },
    terminate: async () => {
      for (const reactor of all) await reactor.terminate()
    }
  }
}
