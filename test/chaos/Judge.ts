/** What a run knows of the server, and the look at everything when a round has come to rest. */
import { performIoCommands } from "./actions/ask-all.ts"
import { Attentions } from "./checks/check-attentions.ts"
import type { Holdings } from "./checks/check-holdings.ts"
import { checkIo, Media, noteFound } from "./checks/check-io.ts"
import { checkRpcs, foldRound } from "./checks/check-rpcs.ts"
import { checkSessions } from "./checks/check-sessions.ts"
import { checkState } from "./checks/check-state.ts"
import { History } from "./History.ts"
import { nothingThere, type There } from "./model/ControlModel.ts"
import { Lives, type Times } from "./model/Lives.ts"
import { readRecords } from "./settle.ts"
import type { World } from "./World.ts"

/** One per run. */
export class Judge {
  /** What the server held when nothing was there. */
  baseline: Holdings | undefined
  there: There = nothingThere
  readonly #world: World
  readonly #isVolatile: boolean
  readonly #lives = new Lives()
  readonly #media = new Media()
  readonly #attentions = new Attentions()
  #ended: "kill" | "stop" | undefined
  /** Of the life that was killed: its last round is judged when the log can be read again. */
  #unread: History | undefined

  constructor(world: World, isVolatile: boolean) {
    this.#world = world
    this.#isVolatile = isVolatile
  }

  /** No life has begun before. */
  get isNew(): boolean {
    return this.world.unseen === 1
  }

  /** A life has ended. */
  ended(how: "kill" | "stop"): void {
    this.#ended = how
    const { world } = this
    world.history.sessions = world.seen()
    this.#unread = how === "kill" ? world.history : undefined
  }

  private get world(): World {
    return this.#world
  }

  /** What was done before the life that now begins, and what the start itself has done. */
  async lookAtStart(): Promise<ReadonlyArray<string>> {
    const wrong: Array<string> = []
    const before = this.#unread
    const { next, records } = await readRecords(this.world.lunlog, this.world.unseen)
    const boot = records.findIndex(({ type }) => type === "EpochStarted")
    const [old, own] = boot < 0 ? [records, []] : [records.slice(0, boot), records.slice(boot)]
    if (before !== undefined) {
      before.end = this.world.clock.tick()
      before.records = old
      wrong.push(...this.#judge(before, true))
    }
    this.#media.settle(this.world.clock.tick())
    if (this.#ended === "kill") this.#media.afterKill(this.world.clock.tick(), this.#isVolatile)
    if (this.#ended === "stop") this.#media.afterStop()
    if (this.#ended !== undefined) {
      this.#attentions.restarted(this.#lives)
      this.#lives.lostSyncs.clear()
    }
    const { begin } = this.world.history
    this.#fold({ begin, end: this.world.clock.tick(), rpcs: [], records: own }, wrong)
    this.world.unseen = next
    this.#ended = undefined
    this.#unread = undefined
    wrong.push(...(await checkState(this.world.lunlog, this.there)))
    this.world.history = new History(this.world.clock.tick())
    return wrong
  }

  /** Looks at the round that has come to rest. */
  async lookAround(isKilled: boolean): Promise<ReadonlyArray<string>> {
    const { world } = this
    const { history } = world
    const { next, records } = await readRecords(world.lunlog, this.world.unseen)
    history.end = world.clock.tick()
    history.records = records
    this.world.unseen = next
    history.sessions = world.seen()
    const wrong = [...this.#judge(history, isKilled)]
    this.#media.settle(world.clock.tick())
    if (wrong.length > 0) return wrong
    const asked = new History(world.clock.tick())
    wrong.push(...(await performIoCommands(world, asked, this.there)))
    asked.end = world.clock.tick()
    wrong.push(...checkIo(asked, this.#lives, this.#media))
    noteFound(asked, this.#lives, this.#media, world.clock.tick())
    wrong.push(...this.#attentions.check(history, this.#lives, [...history.ios, ...asked.ios]))
    wrong.push(...(await checkState(world.lunlog, this.there)))
    return wrong
  }

  /** Sessions that have ended are forgotten. */
  nextRound(): void {
    this.world.retired.length = 0
    for (const [name, { session }] of this.world.initiators) if (session.isClosed) this.world.initiators.delete(name)
    this.#lives.forgetBefore(this.world.history.begin)
  }

  #fold(history: Times & Pick<History, "records">, wrong: Array<string>) {
    const states = foldRound(this.there, history.records, wrong)
    history.records.forEach((record, at) => {
      this.#lives.take(record, states[at] ?? this.there, history)
    })
    this.there = states.at(-1) ?? this.there
    return states
  }

  #judge(history: History, isKilled: boolean): ReadonlyArray<string> {
    const wrong: Array<string> = []
    const states = this.#fold(history, wrong)
    for (const { kind, name, of } of history.faults) {
      if (of === "file" && (kind === "sync" || kind === "EIO")) this.#lives.lostSyncs.add(name)
    }
    return [
      ...wrong,
      ...checkRpcs(history, states),
      ...checkSessions(history, states, isKilled),
      ...checkIo(history, this.#lives, this.#media)
    ]
  }
}
