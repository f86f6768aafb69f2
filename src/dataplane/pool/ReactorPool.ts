/**
 * Several reactors behind the boundary of one. The front has portals and reads who wants what; every target, with all
 * that shares a disk with it, has one home, where it is as in a target with one reactor. What is told here is what a
 * single reactor would be told: who has what, and what becomes of it when one of them fails, is this folder's business.
 */
import type {
  ReactorAnswer,
  ReactorCommand,
  ReactorCommandOf,
  ReactorFact,
  ReactorPort,
  ReactorRequest
} from "../reactor/protocol.ts"
import { Book } from "./Book.ts"
import { Changes } from "./Changes.ts"
import { CommandQueue } from "./CommandQueue.ts"
import { DeviceCommands, type PoolMemory } from "./DeviceCommands.ts"
import { HandedOver } from "./HandedOver.ts"
import { Member, type PoolRequest } from "./Member.ts"
import { memberReports } from "./member-reports.ts"
import {
  type MemberAnswer,
  mergedBdevs,
  mergedCaptures,
  mergedLive,
  mergedLoad,
  mergedMetrics,
  mergedReport
} from "./merge-answers.ts"
import { OpenSessions } from "./OpenSessions.ts"
import { type HomeIndex, type Node, Placement } from "./Placement.ts"
import { memberAt, type PoolState } from "./PoolState.ts"
import { recover } from "./recover.ts"
import { type DeviceCommand, isCommon, isForPool, nodeOfQuery, type PoolCommand } from "./route-command.ts"

type HandOver = Extract<ReactorFact, { readonly _tag: "HandOver" }>

/** How long a report waits for what is moving, in milliseconds. */
const settleMillis = 2_000
/** How long it waits for each reactor, in milliseconds: one that does not answer is left out. */
const answerMillis = 10_000

/** From a failure to the new start, in milliseconds. */
const defaultBackoffMillis = 100

/** What a pool is made of. */
export interface PoolParts {
  /** Reactors that have targets, at least one. */
  readonly homes: number
  /** Makes the reactor of an index: 0 is the front. Again, when one has failed. */
  readonly make: (index: number) => ReactorPort
  /** Where RAM disks have their content; absent: in their reactors. */
  readonly memory?: PoolMemory
  /** Closes the descriptor of a connection that was handed over, unless its home has it. */
  readonly abandon: (handOver: HandOver) => void
  /** A reactor has failed: what is counted as its own is free. */
  readonly forgetMember?: (index: number) => void
  /** See `PoolState`; 100 if absent. */
  readonly backoffMillis?: number
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number
}

/** See the head of this file. */
export class ReactorPool implements ReactorPort {
  readonly #parts: PoolParts
  readonly #state: PoolState
  readonly #queue: CommandQueue
  readonly #devices: DeviceCommands
  readonly #connections: HandedOver
  readonly #sessions: OpenSessions
  /** Who has asked for a change of reservations, by the number that the control side knows it by. */
  readonly #asked = new Map<number, { readonly member: Member; readonly asked: number }>()
  readonly #waiting: Array<ReactorFact> = []
  #lastAsked = 0
  #listener: ((fact: ReactorFact) => void) | undefined
  #isStopping = false

  constructor(parts: PoolParts) {
    this.#parts = parts
    const members = Array.from(
      { length: parts.homes + 1 },
      (_, index) => new Member(index, () => parts.make(index), this.#heard)
    )
    this.#state = {
      book: new Book(),
      placement: new Placement(parts.homes),
      members,
      moving: new Set(),
      changes: new Changes(),
      emit: (fact) => this.#emit(fact),
      backoffMillis: parts.backoffMillis ?? defaultBackoffMillis,
      now: parts.now ?? (() => performance.now())
    }
    this.#sessions = new OpenSessions(this.#state.now)
    this.#connections = new HandedOver({
      give: (handOver) => this.#give(handOver),
      abandon: parts.abandon,
      forget: (connection) => this.#front.send({ _tag: "ForgetConnection", connection })
    })
    this.#devices = new DeviceCommands(this.#state, {
      connectionsOf: (target) => this.#connections.countOf(target),
      memory: parts.memory,
      answer: (request, answer) => this.#emit({ _tag: "Answer", request, answer }),
      settled: () => this.#settled()
    })
    this.#queue = new CommandQueue(
      (node) => this.#isBusy(node),
      (command) => this.#devices.carryOut(command)
    )
    for (const member of members) member.listen()
  }

  /** Facts come one by one, in a later turn of the microtask queue. */
  listen(listener: (fact: ReactorFact) => void): void {
    this.#listener = listener
    this.#deliver()
  }

  /** See `ReactorCommand`. */
  send(command: ReactorCommand): void {
    if (isCommon(command)) {
      this.#state.book.noteCommon(command)
      for (const member of this.#state.members) member.send(command)
    } else if (isForPool(command)) this.#forPool(command)
    else this.#forDevices(command)
  }

  /** Ends all threads. */
  async terminate(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#state.members.map((member) => member.terminate()))
  }

  get #front(): Member {
    return memberAt(this.#state, 0)
  }

  #emit(fact: ReactorFact): void {
    this.#waiting.push(fact)
    if (this.#waiting.length === 1) queueMicrotask(() => this.#deliver())
  }

  #deliver(): void {
    if (this.#listener === undefined) return
    for (const fact of this.#waiting.splice(0)) this.#listener(fact)
  }

  /** What is about it has to wait. */
  #isBusy(node: Node): boolean {
    if (this.#state.moving.has(node)) return true
    const home = this.#state.placement.homeOf(node)
    return home !== undefined && memberAt(this.#state, home).state === "down"
  }

  /** Something may go on that has waited. */
  #settled(): void {
    if (this.#isStopping) return
    this.#queue.pump()
    this.#connections.retry()
    this.#state.changes.tell()
  }

  #forDevices(command: DeviceCommand): void {
    // These end something that others may wait for.
    if (this.#devices.passesAtOnce(command)) void this.#devices.carryOut(command)
    else this.#queue.take(command)
  }

  #forPool(command: PoolCommand): void {
    switch (command._tag) {
      case "OpenPortal":
      case "ClosePortal":
        return this.#askFor(this.#front, command, [])
      case "AcceptPortal":
        return this.#front.send(command)
      case "KickConnections":
        return this.#toAll(command)
      case "CutConnections":
        this.#connections.refuseAll()
        return this.#toAll(command)
      case "AnswerReservations": {
        const asked = this.#asked.get(command.asked)
        this.#asked.delete(command.asked)
        return asked?.member.send({ ...command, asked: asked.asked })
      }
      case "Statistics":
        return this.#statistics(command)
      case "Capture":
        return this.#askAll(command, answerMillis, (answers) =>
          this.#answer(command.request, mergedCaptures(answers, command.selection))
        )
      case "Query":
        return this.#query(command)
      case "Shutdown":
        return this.#shutdown(command)
      case "TakeConnection":
      case "ForgetConnection":
        return
    }
  }

  #toAll(command: ReactorCommandOf<"KickConnections" | "CutConnections">): void {
    for (const member of this.#state.members) member.send(command)
  }

  #answer(request: number, answer: ReactorAnswer): void {
    this.#emit({ _tag: "Answer", request, answer })
  }

  #askFor(member: Member, { request, ...command }: ReactorRequest, nodes: ReadonlyArray<Node>): void {
    member.request(command, nodes, (answer) => this.#answer(request, answer))
  }

  /** Those that run, and answer within the time. */
  #askAll(command: PoolRequest, limitMillis: number, done: (answers: ReadonlyArray<MemberAnswer>) => void): void {
    const asked = this.#state.members.filter(({ state }) => state === "up")
    const answers: Array<MemberAnswer> = []
    const timer = setTimeout(() => end(), limitMillis)
    const end = (): void => {
      clearTimeout(timer)
      done(answers.splice(0).sort((a, b) => a.index - b.index))
    }
    let left = asked.length
    for (const member of asked) {
      member.request(command, [], (answer) => {
        answers.push({ index: member.index, answer })
        left--
        if (left === 0) end()
      })
    }
  }

  #query({ request }: ReactorCommandOf<"Query">): void {
    const { changes, moving } = this.#state
    const ask = (): void =>
      this.#askAll({ _tag: "Query" }, answerMillis, (answers) => {
        const reactors = memberReports(this.#state, (target) => this.#connections.countOf(target), answers)
        this.#answer(request, { _tag: "Report", report: { ...mergedReport(answers), reactors } })
      })
    if (moving.size === 0) ask()
    else void changes.soon(() => moving.size === 0, settleMillis).then(ask)
  }

  #statistics(command: ReactorCommandOf<"Statistics">): void {
    const { placement } = this.#state
    const { query, request } = command
    const answer = (result: Extract<ReactorAnswer, { readonly _tag: "Statistics" }>["result"]): void =>
      this.#answer(request, { _tag: "Statistics", result })
    if (query._tag === "Bdevs") {
      const homes = query.bdevs.map((bdev) => (bdev === undefined ? undefined : placement.homeOf(bdev)))
      return this.#askAll(command, answerMillis, (answers) => answer(mergedBdevs(answers, homes)))
    }
    if (query._tag === "Live") return this.#askAll(command, answerMillis, (answers) => answer(mergedLive(answers)))
    if (query._tag === "Load") {
      return this.#askAll(command, answerMillis, (answers) => answer(mergedLoad(answers, query.most)))
    }
    if (query._tag === "Metrics") {
      return this.#askAll(command, answerMillis, (answers) => answer(mergedMetrics(answers, query.bounds)))
    }
    const node = nodeOfQuery(query)
    this.#devices.noteQuery(query)
    const home = node === undefined ? undefined : placement.homeOf(node)
    this.#askFor(home === undefined ? this.#front : memberAt(this.#state, home), command, [])
  }

  #shutdown({ graceMillis, request }: ReactorCommandOf<"Shutdown">): void {
    this.#isStopping = true
    this.#connections.refuseAll()
    let left = this.#state.members.length
    for (const member of this.#state.members) {
      member.request({ _tag: "Shutdown", graceMillis }, [], () => {
        left--
        if (left === 0) this.#answer(request, { _tag: "Done" })
      })
    }
  }

  readonly #heard = (member: Member, fact: ReactorFact): void => {
    switch (fact._tag) {
      case "HandOver":
        return this.#connections.take(fact)
      case "ConnectionGone":
        return this.#connections.gone(fact.connection)
      case "ReservationsAsked": {
        const asked = ++this.#lastAsked
        this.#asked.set(asked, { member, asked: fact.asked })
        return this.#emit({ ...fact, asked })
      }
      case "Crashed":
        return this.#crashed(member, fact.detail)
      default:
        this.#sessions.note(member.index, fact)
        return this.#emit(fact)
    }
  }

  #crashed(member: Member, detail: string): void {
    // Without the front nobody gets in, and nothing tells who is there.
    if (member.index === 0) return this.#emit({ _tag: "Crashed", detail })
    for (const [number, asked] of this.#asked) if (asked.member === member) this.#asked.delete(number)
    const connections = this.#connections.homeLost(member.index)
    for (const closed of this.#sessions.lost(member.index)) this.#emit(closed)
    this.#parts.forgetMember?.(member.index)
    const isWanted = (): boolean => !this.#isStopping
    recover(this.#state, member, { detail, connections, isWanted, settled: () => this.#settled() })
  }

  #give(handOver: HandOver): HomeIndex | "wait" | "refuse" {
    const { book, placement } = this.#state
    const { target } = handOver
    if (this.#isStopping || book.target(target) === undefined) return "refuse"
    if (this.#isBusy(target) || this.#queue.holds(target)) return "wait"
    const home = placement.homeOf(target) ?? this.#devices.settleTarget(target)
    const member = memberAt(this.#state, home)
    if (member.state === "down") return "wait"
    if (member.state === "failed") return "refuse"
    member.send({ ...handOver, _tag: "TakeConnection" })
    return home
  }
}
