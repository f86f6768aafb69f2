/**
 * Records, in order, become lanes. Control events say what exists, observations how it fared. Memory is bounded by the
 * lanes and the cells of the picture, not by the records.
 */
import { Result } from "effect"
import type { ControlRecord, LogRecord, ObservationRecord } from "../../../eventlog/record.ts"
import type { Event } from "../../domain/Event.ts"
import { decodeRecord } from "../../domain/event-codec.ts"
import { bdevsOf, lunsOf, portalGroupsOf, type State, targetsOf } from "../../domain/State.ts"
import { isTrouble } from "../trouble.ts"
import { LaneBook } from "./LaneBook.ts"
import type { LaneTrack, TimeScale } from "./LaneTrack.ts"
import { countOf, type Subject, severityOf, subjectOf } from "./observation-marks.ts"
import type { Lane, LaneKind, Severity } from "./Timeline.ts"

/** A session that is open. */
export interface OpenSession {
  readonly tsih: number
  readonly initiator: string
  readonly target: string
}

/** Sessions that are remembered at a time; a target has fewer. */
const sessionsMax = 65_536

/** What there was when the picture begins. */
export interface Beginning {
  readonly state: State
  readonly sessions: ReadonlyArray<OpenSession>
  /** The process had ended in order, and no other was there. */
  readonly hasEnded: boolean
}

/** What a record says, in words; for marks. */
export type Describe = (record: LogRecord) => string

const killedText = "started again; how the process before ended was not recorded: it was killed, or lost power"

const objectKinds: ReadonlyArray<LaneKind> = ["portal-group", "target", "lun", "sessions", "bdev"]

/** Folds what `start` and the records after it say. */
export class TimelineFold {
  readonly #book: LaneBook
  readonly #scale: TimeScale
  readonly #describe: Describe
  /** By session handle: the lane that it is open in. */
  readonly #sessions = new Map<number, LaneTrack>()
  readonly #openCounts = new Map<LaneTrack, number>()
  #endedAt: number | undefined
  #lastAt: number
  #records = 0

  constructor(scale: TimeScale, { hasEnded, sessions, state }: Beginning, describe: Describe) {
    this.#scale = scale
    this.#book = new LaneBook(scale)
    this.#describe = describe
    this.#lastAt = scale.from
    if (state.epoch !== undefined) this.#book.process.begin("active", scale.from)
    this.#beginWith(state)
    this.#endedAt = hasEnded ? scale.from : undefined
    for (const session of sessions) this.#openSession(session, scale.from, undefined)
  }

  /** How many records it has seen. */
  get records(): number {
    return this.#records
  }
  /** Objects without a lane of their own. */
  get hidden(): number {
    return this.#book.hidden
  }

  /** The next record. */
  add(record: LogRecord): void {
    this.#records++
    if (record.kind === "control") this.#control(record)
    else this.#observation(record)
    this.#lastAt = record.at
  }

  /** The lanes, up to the end of the picture; with `wanted` those of objects with one of these tags. */
  finish(wanted?: ReadonlySet<string>): ReadonlyArray<Lane> {
    if (this.#endedAt !== undefined) {
      for (const lane of [this.#book.process, ...this.#book.of(...objectKinds)]) lane.end(this.#endedAt)
    }
    return this.#book.finish(wanted)
  }

  #beginWith(state: State): void {
    const { from } = this.#scale
    for (const { tag } of portalGroupsOf(state)) this.#book.portalGroup(tag).begin("active", from)
    for (const target of targetsOf(state)) {
      this.#book.target(target.name).begin(target.phase._tag === "Active" ? "active" : "draining", from)
      for (const { bdev, lun, phase } of lunsOf(target)) {
        this.#beginLun(target.name, lun, bdev.name).begin(phase._tag === "Active" ? "active" : "draining", from)
      }
    }
    for (const { name, phase } of bdevsOf(state)) {
      this.#book.bdev(name).begin(phase._tag === "Active" ? "active" : "draining", from)
    }
  }

  #beginLun(target: string, lun: number, bdev: string): LaneTrack {
    const lane = this.#book.lun(target, lun)
    lane.title = `LUN ${lun}: ${bdev}`
    this.#book.relate(lane, this.#book.bdev(bdev))
    return lane
  }

  #control(record: ControlRecord): void {
    const decoded = decodeRecord(record)
    if (Result.isSuccess(decoded)) this.#event(decoded.success, record)
    else this.#mark(this.#book.process, "warning", record, 1)
  }

  #event(event: Event, record: ControlRecord): void {
    const { at, seq } = record
    switch (event._tag) {
      case "EpochStarted":
        return this.#start(event.mode === "empty", record)
      case "PortalGroupCreated":
        return this.#book.portalGroup(event.tag).begin("active", at, seq)
      case "PortalGroupDeleted":
        return this.#book.portalGroup(event.tag).end(at, seq)
      case "BdevCreated":
        return this.#book.bdev(event.name).begin("active", at, seq)
      case "BdevRemovalStarted":
        if (isTrouble(record)) this.#mark(this.#book.bdev(event.name), "error", record, 1)
        return this.#book.bdev(event.name).begin("draining", at, seq)
      case "BdevRemoved":
        return this.#book.bdev(event.name).end(at, seq)
      case "BdevErrorInjected":
        return this.#mark(this.#book.bdev(event.name), "note", record, 1)
      case "ConfigApplied":
        return this.#mark(this.#book.process, "note", record, 1)
      default:
        return this.#targetEvent(event, record)
    }
  }

  #targetEvent(event: Event, record: ControlRecord): void {
    const { at, seq } = record
    switch (event._tag) {
      case "TargetNodeCreated":
        return this.#book.target(event.name).begin("active", at, seq)
      case "TargetNodeDeletionStarted":
        return this.#book.target(event.target).begin("draining", at, seq)
      case "TargetNodeDeleted":
        return this.#book.target(event.target).end(at, seq)
      case "LunAdded":
        return this.#beginLun(event.target, event.lun, event.bdev.name).begin("active", at, seq)
      case "LunRemovalStarted":
        return this.#book.lun(event.target, event.lun).begin("draining", at, seq)
      case "LunRemoved": {
        const lane = this.#book.lun(event.target, event.lun)
        if (isTrouble(record)) this.#mark(lane, "warning", record, 1)
        return lane.end(at, seq)
      }
      case "TargetNodeLogoutRequested":
        return this.#mark(this.#book.target(event.target), "note", record, 1)
      default:
        return
    }
  }

  /**
   * Between the end of one process and the start of the next nothing was served. Where the end was not recorded it lies
   * somewhere after the last record.
   */
  #start(isEmpty: boolean, record: ControlRecord): void {
    const { at, seq } = record
    const { process } = this.#book
    const isKilled = this.#endedAt === undefined
    const endedAt = this.#endedAt ?? this.#lastAt
    const gone: ReadonlyArray<LaneKind> = isEmpty ? objectKinds : ["sessions"]
    for (const lane of this.#book.of(...gone)) lane.end(endedAt, seq)
    this.#sessions.clear()
    this.#openCounts.clear()
    const isFirst = process.isEmpty
    for (const lane of [process, ...this.#book.of(...objectKinds)]) {
      const { phase } = lane
      if (phase === undefined) continue
      lane.end(endedAt, seq)
      if (isKilled) lane.begin("unknown", endedAt, seq)
      lane.end(at, seq)
      lane.begin(phase === "failed" ? "active" : phase, at, seq)
    }
    if (isKilled && !isFirst) process.mark("error", at, seq, 1, () => killedText)
    this.#endedAt = undefined
    process.begin("active", at, seq)
  }

  #observation(record: ObservationRecord): void {
    const { at, seq, type } = record
    const subject = subjectOf(record)
    switch (type) {
      case "ProcessEnded":
        this.#endedAt = at
        break
      case "SessionOpened":
        if (subject.tsih !== undefined) this.#openSession({ ...sessionOf(subject), tsih: subject.tsih }, at, seq)
        break
      case "SessionClosed":
        this.#closeSession(subject, at, seq)
        break
      case "PortalFailed":
      case "BdevFailed":
        this.#fared(subject, "failed", record)
        break
      case "PortalUp":
      case "BdevUp":
        this.#fared(subject, "active", record)
        break
    }
    const severity = severityOf(record)
    if (severity === undefined) return
    for (const lane of this.#lanesOf(subject)) this.#mark(lane, severity, record, countOf(record))
  }

  /** What exists fares well or badly; what does not exist any more does not come back by being reported. */
  #fared({ bdev, portalGroup }: Subject, phase: "active" | "failed", { at, seq }: ObservationRecord): void {
    const lanes = [
      ...(bdev === undefined ? [] : [this.#book.bdev(bdev)]),
      ...(portalGroup === undefined ? [] : [this.#book.portalGroup(portalGroup)])
    ]
    for (const lane of lanes) if (lane.phase === "active" || lane.phase === "failed") lane.begin(phase, at, seq)
  }

  #openSession(session: OpenSession, at: number, seq: number | undefined): void {
    if (this.#sessions.has(session.tsih)) this.#leave(session.tsih, at, seq)
    if (this.#sessions.size >= sessionsMax) return
    const lane = this.#book.sessions(session.initiator, session.target)
    this.#sessions.set(session.tsih, lane)
    this.#openCounts.set(lane, (this.#openCounts.get(lane) ?? 0) + 1)
    lane.begin("open", at, seq)
  }

  #closeSession(subject: Subject, at: number, seq: number): void {
    if (subject.tsih !== undefined && this.#sessions.has(subject.tsih)) return this.#leave(subject.tsih, at, seq)
    const { initiator, target } = sessionOf(subject)
    const lane = this.#book.sessions(initiator, target)
    // Opened before the picture begins, where nobody has looked.
    if (lane.isEmpty) lane.begin("open", this.#scale.from)
    if ((this.#openCounts.get(lane) ?? 0) === 0) lane.end(at, seq)
  }

  #leave(tsih: number, at: number, seq: number | undefined): void {
    const lane = this.#sessions.get(tsih)
    if (lane === undefined) return
    this.#sessions.delete(tsih)
    const left = (this.#openCounts.get(lane) ?? 1) - 1
    this.#openCounts.set(lane, left)
    if (left === 0) lane.end(at, seq)
  }

  #lanesOf({ bdev, initiator, lun, portalGroup, target }: Subject): ReadonlyArray<LaneTrack> {
    const lanes = [
      ...(bdev === undefined ? [] : [this.#book.bdev(bdev)]),
      ...(target === undefined || lun === undefined ? [] : [this.#book.lun(target, lun)])
    ]
    if (lanes.length > 0) return lanes
    if (initiator !== undefined) return [this.#book.sessions(initiator, target)]
    if (target !== undefined) return [this.#book.target(target)]
    return [portalGroup === undefined ? this.#book.process : this.#book.portalGroup(portalGroup)]
  }

  #mark(lane: LaneTrack, severity: Severity, record: LogRecord, count: number): void {
    lane.mark(severity, record.at, record.seq, count, () => this.#describe(record))
  }
}

const sessionOf = ({ initiator, target }: Subject): Omit<OpenSession, "tsih"> => ({
  initiator: initiator ?? "unknown initiator",
  target: target ?? ""
})
