/** Random sources, and forks of them that play the rest: what the tests of replays begin with. */
import { HashMap, Result } from "effect"
import type { Command, CommandOf } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import type { Event } from "../../src/domain/Event.ts"
import type { ForkMapping } from "../../src/domain/replay/Fork.ts"
import type { Replay } from "../../src/domain/replay/Replay.ts"
import type { State } from "../../src/domain/State.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { mapEvent, mapState } from "../../src/history/fork/ForkMapping.ts"
import { guide, instanceId, startEpoch } from "./examples.ts"
import { diceOf, randomCommand } from "./random.ts"
import { fold, followedBy, type History, historyOf } from "./specification.ts"

/** A fork that has all names, ids and addresses of its source. */
export const nothingElse: ForkMapping = {
  instanceId,
  identity: { _tag: "Kept" },
  portals: { _tag: "Offset", by: 0 },
  redirects: [],
  fileDirectory: "/tmp"
}

export interface Batch {
  readonly command: Command
  readonly first: number
  readonly events: ReadonlyArray<Event>
}

/** A source: its batches in order, and the state at the end. */
export const randomSource = (
  seed: number,
  steps: number
): { readonly batches: Array<Batch>; readonly end: History } => {
  const dice = diceOf(seed)
  const batches: Array<Batch> = []
  let end: History = historyOf()
  const commands = [...guide]
  for (let step = 0; step < steps; step++) {
    const restart = step > 10 && dice.roll(25) === 0 ? startEpoch(dice.roll(3) === 0 ? "empty" : "resume") : undefined
    const command = commands.shift() ?? restart ?? randomCommand(dice, end.state, end.seq)
    const decision = decide(end.state, command)
    if (Result.isFailure(decision) || decision.success.length === 0) continue
    batches.push({ command, first: end.seq + 1, events: decision.success })
    end = fold(end, decision.success)
  }
  return { batches, end }
}

export const recordsOf = ({ events, first }: Batch, mapping = nothingElse): CommandOf<"ReplayRecords"> => ({
  _tag: "ReplayRecords",
  through: first + events.length - 1,
  records: events.map((event, index) => ({ seq: first + index, event: mapEvent(mapping, event) }))
})

/** The state as text, with the source's incarnations, without what only says when, and without the replay. */
export const comparable = (state: State, replay?: Replay): string => {
  const { fork: _, replay: __, ...stored } = JSON.parse(new TextDecoder().decode(encodeSnapshot(state)))
  const inSource = (fork: number): unknown => {
    if (replay === undefined || fork <= replay.from) return fork
    return Object.fromEntries(HashMap.toEntries(replay.things.toSource))[fork] ?? `${fork}?`
  }
  return JSON.stringify(stored, (key, value) => {
    if (key === "incarnation") return inSource(value)
    return key === "since" || key === "startedAt" || key === "seq" ? 0 : value
  })
}

export const forked = (base: History, mapping: ForkMapping): History =>
  followedBy(base, {
    _tag: "RecordForked",
    sourceInstanceId: instanceId,
    sourceSeq: base.seq,
    sourceControlHash: "",
    sourceAt: 0,
    mapping,
    data: "empty"
  })

/** A fork of the first `count` batches, about to play the rest; its own log goes on from there. */
export const forkAfter = (
  batches: ReadonlyArray<Batch>,
  count: number,
  through: number,
  mapping = nothingElse
): History => {
  const base = batches.slice(0, count).reduce((history, { events }) => fold(history, events), historyOf())
  const mapped = { ...base, state: mapState(mapping, base.state) }
  return followedBy(forked(mapped, mapping), { _tag: "StartReplay", through })
}
