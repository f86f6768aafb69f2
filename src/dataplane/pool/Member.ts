/**
 * One reactor of a pool: what it has been asked and has not answered, and whether it runs. One that has failed is
 * replaced by a new one, sooner or later, but not for ever; what was asked of it is answered with what has come of it.
 */
import type { ReactorAnswer, ReactorCommand, ReactorFact, ReactorPort, ReactorRequest } from "../reactor/protocol.ts"
import type { Node } from "./Placement.ts"

/** `down`: it has failed, and comes again. `failed`: it does not. */
export type MemberState = "up" | "down" | "failed"

/** A request without its number, which the member gives it. */
export type PoolRequest = ReactorRequest extends infer R
  ? R extends ReactorRequest
    ? Omit<R, "request">
    : never
  : never

type Answered = (answer: ReactorAnswer) => void

interface Pending {
  readonly tag: ReactorRequest["_tag"]
  readonly nodes: ReadonlyArray<Node>
  readonly done: Answered
}

/** Failures within `crashWindowMillis` after which it is not started again. */
export const crashesMax = 5
/** See `crashesMax`. */
export const crashWindowMillis = 60_000
const isAnswer = (fact: ReactorFact): fact is Extract<ReactorFact, { readonly _tag: "Answer" }> =>
  fact._tag === "Answer"

/** What a request has come to whose reactor has failed: commands and sessions that it was about are no more. */
const lostAnswer = (tag: ReactorRequest["_tag"], detail: string): ReactorAnswer => {
  switch (tag) {
    case "CloseBdev":
    case "ClosePortal":
    case "Shutdown":
      return { _tag: "Done" }
    case "DrainLun":
      return { _tag: "Drained", outcome: { drained: 0, aborted: 0, durationMillis: 0 } }
    case "CloseSessions":
      return { _tag: "SessionsClosed", closed: 0, cut: 0 }
    default:
      return { _tag: "Failed", code: "EIO", detail }
  }
}

/** What is asked of it where it cannot answer. */
const failedDetail = (index: number, state: MemberState): string =>
  state === "failed"
    ? `reactor ${index} has failed too often, and is not started again; restart the target`
    : `reactor ${index}, where it was, has failed, and is started again; try it once more`

/** One per reactor of a pool, whatever runs in its place. */
export class Member {
  /** 0 is the front. */
  readonly index: number
  /** Changes with each failure: what was begun before is not the business of who comes after. */
  epoch = 0
  state: MemberState = "up"
  /** Times of failures, in milliseconds of a clock that goes forward; old ones go. */
  crashes: ReadonlyArray<number> = []
  /** Of all time. */
  crashCount = 0
  readonly #make: () => ReactorPort
  readonly #hear: (member: Member, fact: ReactorFact) => void
  readonly #pending = new Map<number, Pending>()
  #port: ReactorPort
  #lastRequest = 0
  /** It hears what it is told, also while it is being made what it was. */
  #isRunning = true

  /** Facts other than answers go to `hear`. */
  constructor(index: number, make: () => ReactorPort, hear: (member: Member, fact: ReactorFact) => void) {
    this.index = index
    this.#make = make
    this.#hear = hear
    this.#port = make()
  }

  /** Facts come from now on. */
  listen(): void {
    const port = this.#port
    port.listen((fact) => {
      // Of one that was replaced, nothing is heard any more.
      if (port !== this.#port) return
      if (isAnswer(fact)) this.#answered(fact.request, fact.answer)
      else this.#hear(this, fact)
    })
  }

  /** It takes no answer. One that does not run hears nothing: the book has it, and so has who comes after it. */
  send(command: ReactorCommand): void {
    if (this.#isRunning) this.#port.send(command)
  }

  /** Asks; `nodes` are what it is about. Answered in any case. */
  request(command: PoolRequest, nodes: ReadonlyArray<Node>, done: Answered): void {
    if (this.state === "up") return this.ask(command, nodes, done)
    done(lostAnswer(command._tag, failedDetail(this.index, this.state)))
  }

  /** The same while it is being made what it was. */
  ask(command: PoolRequest, nodes: ReadonlyArray<Node>, done: Answered): void {
    const request = ++this.#lastRequest
    this.#pending.set(request, { tag: command._tag, nodes, done })
    this.#port.send({ ...command, request })
  }

  /** Whether something that was asked about one of these has no answer yet. */
  isAskedAbout(nodes: ReadonlySet<Node>): boolean {
    for (const pending of this.#pending.values()) if (pending.nodes.some((node) => nodes.has(node))) return true
    return false
  }

  /**
   * It has failed, at `now`. What waits for its answer gets one; closings when its thread has ended, after which
   * nothing of it reaches a disk any more. Gives the milliseconds after which it is to be started, `backoffMillis` for
   * the first failure in the window and twice as many with each; undefined if it is not.
   */
  crashed(now: number, backoffMillis: number): number | undefined {
    this.epoch++
    this.#isRunning = false
    this.crashCount++
    this.crashes = [...this.crashes.filter((at) => now - at < crashWindowMillis), now]
    this.state = this.crashes.length >= crashesMax ? "failed" : "down"
    const detail = failedDetail(this.index, this.state)
    const lost = [...this.#pending.values()]
    this.#pending.clear()
    void this.ended().then(() => {
      for (const { done, tag } of lost) if (tag === "CloseBdev") done(lostAnswer(tag, detail))
    })
    for (const { done, tag } of lost) if (tag !== "CloseBdev") done(lostAnswer(tag, detail))
    return this.state === "failed" ? undefined : backoffMillis * 2 ** (this.crashes.length - 1)
  }

  /** Resolves when the thread of the one that runs, or has failed, has ended. */
  ended(): Promise<void> {
    return this.#port.ended ?? Promise.resolve()
  }

  /** Another one in its place, which knows nothing yet. It is `down` until `state` is set. */
  restart(): void {
    this.#port = this.#make()
    this.#isRunning = true
    this.listen()
  }

  /** Ends it. */
  terminate(): Promise<void> {
    return this.#port.terminate()
  }

  #answered(request: number, answer: ReactorAnswer): void {
    const pending = this.#pending.get(request)
    this.#pending.delete(request)
    pending?.done(answer)
  }
}
