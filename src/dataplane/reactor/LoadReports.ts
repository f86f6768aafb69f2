/**
 * What a reactor's targets, LUNs and sessions have done since this was asked last. It is asked every few seconds for as
 * long as the process runs, so it looks at each LUN once, in one comparison if that has been idle, and makes plain
 * values of the busiest only.
 */
import type { LoadReport, LunLoad, SessionLoad, TargetLoad } from "../../domain/Statistics.ts"
import { IoCounts } from "../bdev/statistics/IoCounts.ts"
import { nanosPerMilli } from "../bdev/statistics/LatencyHistogram.ts"
import type { Connection } from "../iscsi/Connection.ts"
import type { IscsiNode } from "../iscsi/IscsiNode.ts"
import type { LunMapping, Target } from "../iscsi/Target.ts"

/** The things that have done most, busiest first; what has done nothing is not among them. */
class Busiest<T> {
  readonly #most: number
  readonly #entries: Array<{ readonly thing: T; readonly ops: number }> = []

  constructor(most: number) {
    this.#most = most
  }

  offer(thing: T, ops: number): void {
    const entries = this.#entries
    if (ops === 0 || (entries.length >= this.#most && ops <= (entries.at(-1)?.ops ?? 0))) return
    let at = entries.length
    while (at > 0 && (entries[at - 1]?.ops ?? 0) < ops) at--
    entries.splice(at, 0, { thing, ops })
    if (entries.length > this.#most) entries.pop()
  }

  map<U>(report: (thing: T) => U): ReadonlyArray<U> {
    return this.#entries.map(({ thing }) => report(thing))
  }
}

interface BusyTarget {
  readonly target: Target
  readonly counts: IoCounts
  readonly inFlight: number
}

interface BusySession {
  readonly connection: Connection
  readonly session: NonNullable<Connection["session"]>
  readonly commands: NonNullable<Connection["commands"]>
}

const targetLoad = ({ counts, inFlight, target }: BusyTarget): TargetLoad => ({
  target: target.spec.name,
  io: counts.report(),
  inFlight,
  sessionCount: target.sessions.size
})

const lunLoad = ({ counts, incarnation, lun, submitted, targetName, unit }: LunMapping): LunLoad => ({
  target: targetName,
  lun,
  incarnation,
  bdev: unit.name,
  io: counts.change(),
  inFlight: submitted.size
})

const sessionLoad = ({ commands, connection, session }: BusySession): SessionLoad => ({
  connection: connection.id,
  initiatorName: session.identity.initiatorName,
  initiatorAddress: connection.origin.initiatorAddress,
  target: session.identity.target.spec.name,
  io: commands.counts.change(),
  inFlight: commands.tasks.size
})

/** One per reactor; who asks is one, too. */
export class LoadReports {
  readonly #node: IscsiNode
  /** Of the reactor's clock, in milliseconds. */
  #askedAt = 0

  constructor(node: IscsiNode) {
    this.#node = node
  }

  /** With at most so many of each kind. */
  take(most: number): LoadReport {
    const now = this.#node.now()
    const io = new IoCounts()
    const changed: Array<IoCounts> = []
    const luns = new Busiest<LunMapping>(most)
    const targets = new Busiest<BusyTarget>(most)
    let inFlight = 0
    for (const target of this.#node.targets.values()) {
      const before = changed.length
      const targetInFlight = this.#look(target, luns, changed)
      inFlight += targetInFlight
      if (changed.length === before) continue
      const counts = new IoCounts()
      for (let at = before; at < changed.length; at++) changed[at]?.addChangeTo(counts)
      counts.addChangeTo(io)
      targets.offer({ target, counts, inFlight: targetInFlight }, counts.changedOps())
    }
    const sessions = this.#sessions(most, changed)
    const report = {
      atNanos: Math.round(now * nanosPerMilli),
      io: io.report(),
      inFlight,
      sessionCount: this.#node.sessions.size,
      connectionCount: this.#node.connections.size,
      targets: targets.map(targetLoad),
      luns: luns.map(lunLoad),
      sessions: sessions.map(sessionLoad)
    }
    for (const counts of changed) counts.settle()
    this.#askedAt = now
    return report
  }

  /** Commands that its disks have; finds what has counted something. */
  #look(target: Target, luns: Busiest<LunMapping>, changed: Array<IoCounts>): number {
    let inFlight = 0
    if (target.past.changedOps() > 0) changed.push(target.past)
    for (const mapping of target.luns) {
      if (mapping === undefined) continue
      inFlight += mapping.submitted.size
      if (mapping.lastIoAt < this.#askedAt) continue
      const ops = mapping.counts.changedOps()
      if (ops === 0) continue
      changed.push(mapping.counts)
      luns.offer(mapping, ops)
    }
    return inFlight
  }

  #sessions(most: number, changed: Array<IoCounts>): Busiest<BusySession> {
    const sessions = new Busiest<BusySession>(most)
    for (const connection of this.#node.connections) {
      const { commands, session } = connection
      const ops = commands?.counts.changedOps() ?? 0
      if (commands === undefined || session === undefined || ops === 0) continue
      sessions.offer({ connection, session, commands }, ops)
      changed.push(commands.counts)
    }
    return sessions
  }
}
