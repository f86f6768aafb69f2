/**
 * PERSISTENT RESERVE OUT between the data path and the log: each is a fact for the main thread, waits, and is answered
 * when what the log has made of it has come back. Initiators may ask only so often: each change is an fsync and a
 * record that stays.
 */
import { Budget } from "../Budget.ts"
import { abortTasksOf } from "../iscsi/abort-tasks.ts"
import type { Connection } from "../iscsi/Connection.ts"
import type { IscsiNode } from "../iscsi/IscsiNode.ts"
import {
  reservationsAskedBurst,
  reservationsAskedMax,
  reservationsAskedPerSecond,
  reservationTimeoutMillis
} from "../limits.ts"
import type { LogicalUnit } from "../scsi/LogicalUnit.ts"
import type { Nexus } from "../scsi/Nexus.ts"
import type { AskReservations, ReservationAnswer } from "../scsi/reservations/persistent-reserve-out.ts"
import { nexusKey, type Registrant } from "../scsi/reservations/ReservationsView.ts"
import { SenseCode } from "../scsi/sense-codes.ts"
import type { BdevId, ReactorCommand, ReactorFact, ReservationNews, ReservationsAsked } from "./protocol.ts"

type PutReservations = Extract<ReactorCommand, { readonly _tag: "PutReservations" }>
type AnswerReservations = Extract<ReactorCommand, { readonly _tag: "AnswerReservations" }>

/** PERSISTENT RESERVE OUT. */
const reserveOutCode = 0x5f

/** Nexuses whose requests are counted; who is forgotten begins with a full budget. */
const budgetsMax = 4096

const newsCodes: Readonly<Record<ReservationNews["news"], SenseCode>> = {
  "reservations-preempted": SenseCode.reservationsPreempted,
  "reservations-released": SenseCode.reservationsReleased,
  "registrations-preempted": SenseCode.registrationsPreempted
}

interface Asked {
  readonly unit: LogicalUnit
  readonly done: (answer: ReservationAnswer) => void
  readonly timer: NodeJS.Timeout
}

/** The PDU that the request has come with, where it is known by which connection. */
const pduOf = (connection: Connection | undefined): Pick<ReservationsAsked, "pdu"> => {
  if (connection?.session?.connections.size !== 1) return {}
  const ordinal = connection.recorder.ordinalOfOperation(reserveOutCode)
  return ordinal === undefined ? {} : { pdu: { connection: connection.id, ordinal } }
}

/** One per reactor. */
export class ReservationRequests {
  readonly #node: IscsiNode
  readonly #emit: (fact: ReactorFact) => void
  readonly #units: ReadonlyMap<BdevId, LogicalUnit>
  readonly #asked = new Map<number, Asked>()
  readonly #budgets = new Map<string, Budget>()
  /** Of units whose preempted commands have not ended: how many preemptions that are, and who waits. */
  readonly #aborting = new Map<LogicalUnit, { left: number; readonly waiting: Array<() => void> }>()
  #last = 0

  constructor(node: IscsiNode, emit: (fact: ReactorFact) => void, units: ReadonlyMap<BdevId, LogicalUnit>) {
    this.#node = node
    this.#emit = emit
    this.#units = units
  }

  /** See `AskReservations`. */
  readonly ask: AskReservations = (unit, nexus, request, done) => {
    const bdev = this.#idOf(unit)
    if (bdev === undefined) return queueMicrotask(() => done("gone"))
    if (this.#asked.size >= reservationsAskedMax || !this.#mayAsk(nexus)) return queueMicrotask(() => done("busy"))
    const asked = ++this.#last
    const timer = setTimeout(() => this.#answer(asked, "unavailable"), reservationTimeoutMillis)
    this.#asked.set(asked, { unit, done, timer })
    const connection = this.#connectionOf(nexus)
    const initiatorAddress = connection?.origin.initiatorAddress ?? ""
    this.#emit({ _tag: "ReservationsAsked", asked, bdev, initiatorAddress, request, ...pduOf(connection) })
  }

  /** Carries out what the main thread says. */
  handle(command: PutReservations | AnswerReservations): void {
    if (command._tag === "PutReservations") this.#put(command)
    else this.#answer(command.asked, command.answer)
  }

  /** The log has decided; what it has changed was put before. */
  #answer(asked: number, answer: ReservationAnswer): void {
    const waiting = this.#asked.get(asked)
    if (waiting === undefined) return
    this.#asked.delete(asked)
    clearTimeout(waiting.timer)
    const aborting = this.#aborting.get(waiting.unit)
    if (aborting === undefined) waiting.done(answer)
    else aborting.waiting.push(() => waiting.done(answer))
  }

  /** What is registered with a disk is another way. */
  #put({ aborts, bdev, news, reservations }: PutReservations): void {
    const unit = this.#units.get(bdev)
    if (unit === undefined) return
    unit.reservations.put(reservations)
    for (const { news: what, of } of news) unit.tell(of, newsCodes[what])
    if (aborts !== undefined) this.#abort(unit, aborts.by, aborts.of)
  }

  /** Ends all timers. */
  stop(): void {
    for (const asked of [...this.#asked.keys()]) this.#answer(asked, "unavailable")
  }

  /** PREEMPT AND ABORT: it is answered when nothing of the preempted can change the medium any more. */
  #abort(unit: LogicalUnit, by: Registrant, of: ReadonlyArray<Registrant>): void {
    const author = nexusKey(by)
    const keys = new Set(of.map(nexusKey).filter((key) => key !== author))
    const aborting = this.#aborting.get(unit) ?? { left: 0, waiting: [] }
    this.#aborting.set(unit, aborting)
    aborting.left++
    const isPreempted = (session: { readonly registrant: Registrant }): boolean =>
      keys.has(nexusKey(session.registrant))
    abortTasksOf(this.#node, unit, isPreempted, undefined, () => {
      aborting.left--
      if (aborting.left > 0) return
      this.#aborting.delete(unit)
      for (const go of aborting.waiting) go()
    })
  }

  #idOf(unit: LogicalUnit): BdevId | undefined {
    for (const [id, known] of this.#units) if (known === unit) return id
    return undefined
  }

  /** One of its session. */
  #connectionOf({ registrant }: Nexus): Connection | undefined {
    const key = nexusKey(registrant)
    for (const connection of this.#node.connections) {
      const { session } = connection
      if (session !== undefined && nexusKey(session.registrant) === key) return connection
    }
    return undefined
  }

  #mayAsk({ registrant }: Nexus): boolean {
    const key = nexusKey(registrant)
    const now = this.#node.now()
    if (this.#budgets.size >= budgetsMax && !this.#budgets.has(key)) this.#budgets.clear()
    const budget = this.#budgets.get(key) ?? new Budget(reservationsAskedBurst, reservationsAskedPerSecond, now)
    this.#budgets.set(key, budget)
    if (!budget.allows(now)) return false
    budget.take()
    return true
  }
}
