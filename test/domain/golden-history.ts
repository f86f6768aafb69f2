/**
 * The history of a golden log: commands through the real control plane, until every type of event has happened. Rounds
 * of random commands, each of which begins an epoch, so that what is under way is interrupted or forgotten; a round in
 * which nothing new happens is left out.
 */
import { Effect, Result, Stream } from "effect"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { controlKey, lastSeq, observationKey } from "../../eventlog/key.ts"
import { MemoryEventLog, MemoryStore } from "../../eventlog/MemoryEventLog.ts"
import type { Command } from "../../src/domain/Command.ts"
import type { ControlPlane } from "../../src/domain/ControlPlane.ts"
import { DESIRED_PART_ENTRIES_MAX } from "../../src/domain/config/AppliedConfig.ts"
import { decide } from "../../src/domain/decide.ts"
import { Event } from "../../src/domain/Event.ts"
import { FOLD_VERSION } from "../../src/domain/evolve.ts"
import { Uuid } from "../../src/domain/ids.ts"
import { lunsOf, type State, targetsOf } from "../../src/domain/State.ts"
import { cause, controlOn } from "./control-plane-support.ts"
import { at, bdevName, createBdev, guide, malloc, startEpoch } from "./examples.ts"
import { canonical, type GoldenState, storedRecord } from "./golden-log.ts"
import { diceOf, randomCommand } from "./random.ts"
import { everyAction } from "./random-reservations.ts"
import { fold, type History } from "./specification.ts"

/** Rounds tried at most, and commands in each. */
const roundsMax = 1000
/** Rounds tried in search of what is rare, when every type has happened. */
const roundsMin = 200
const commandsPerRound = 40
/** A state is recorded after so many control records, and around every start. */
const stateEvery = 50

const injection = {
  ioType: "write",
  errorType: "failure",
  count: 3,
  queueDepth: 0,
  corruptOffset: 0,
  corruptValue: 0
} as const

/** One more entry than one event has, so that a part goes before. */
const longFile = Array.from({ length: DESIRED_PART_ENTRIES_MAX + 1 }, () => ({ type: "X", v: 1, payload: "" }))

/** What random commands never do. The epochs after it find the guide's target, and a bdev with errors. */
const opening: ReadonlyArray<Command> = [
  ...guide,
  createBdev(undefined, { _tag: "Error", base: "Malloc1" }),
  ...everyAction,
  createBdev("Removable", { ...malloc, removable: true }),
  createBdev("Kept", { ...malloc, filename: "/var/lib/lunlog/kept" }),
  { _tag: "InjectBdevError", name: "EE_Malloc1", injection },
  createBdev("Passthru0", { _tag: "Passthru", base: "Removable" }),
  { _tag: "SplitBdev", base: "Passthru0", parts: 2, partMebibytes: 0 },
  createBdev("Overlay0", { _tag: "Overlay", base: "Passthru0p0" }),
  createBdev("Overlay1", { _tag: "Overlay", base: "Passthru0p1", filename: "/srv/changes" }),
  { _tag: "ResetOverlayBdev", name: "Overlay1" },
  { _tag: "RecordConfigApplied", name: "long.yaml", fileHash: "c".repeat(64), desired: longFile },
  { _tag: "RecordConfigApplied", name: "short.yaml", fileHash: "d".repeat(64), desired: [] }
]

/** Types of event that only the closing has. */
const closingTypes = ["ReplayStarted", "RecordsReplayed", "ReplayEnded"]

/** A replay that plays something, skips something, and is stopped; with a start in between. */
const closing = ({ fork }: State): ReadonlyArray<Command> => {
  const from = fork?.sourceSeq ?? 0
  const disk = { name: bdevName("Replayed"), incarnation: at(from + 1) }
  const spec = { _tag: "Null", blockCount: 8, blockSize: 512, physicalBlockSize: 512 } as const
  const uuid = Uuid.make("8d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11")
  const created: Event = { _tag: "BdevCreated", name: disk.name, uuid, uuidExplicit: true, spec }
  const resized: Event = { _tag: "BdevResized", ...disk, blockCount: 16 }
  const elsewhere: Event = { _tag: "BdevRemoved", name: disk.name, incarnation: at(from + 4) }
  const records = [created, resized, elsewhere].map((event, index) => ({ seq: at(from + 1 + index), event }))
  return [
    { _tag: "StartReplay", through: from + 9 },
    { _tag: "ReplayRecords", through: from + 2, records: records.slice(0, 2) },
    startEpoch("resume"),
    { _tag: "ReplayRecords", through: from + 5, records },
    { _tag: "StopReplay" }
  ]
}

/** LUNs and targets that are on their way out. */
export const removalsIn = (state: State): number =>
  targetsOf(state).reduce(
    (sum, target) =>
      sum +
      Number(target.phase._tag !== "Active") +
      lunsOf(target).filter(({ phase }) => phase._tag === "Draining").length,
    0
  )

/** What a round would do on top of `history`, if all goes as it is decided: its commands and its events. */
const tryRound = (
  start: History,
  seed: number
): { readonly commands: ReadonlyArray<Command>; readonly end: History } => {
  const dice = diceOf(seed)
  const commands: Array<Command> = []
  let end = start
  const attempt = (command: Command): void => {
    const decision = decide(end.state, command)
    if (Result.isFailure(decision)) return
    commands.push(command)
    end = fold(end, decision.success)
  }
  const isEmpty = seed % 4 === 0
  for (const command of isEmpty ? [startEpoch("empty"), ...guide.slice(1)] : [startEpoch("resume")]) attempt(command)
  for (let step = 0; step < commandsPerRound; step++) attempt(randomCommand(dice, end.state, end.seq))
  return { commands, end }
}

/** An event's type, and what it says where it can say several things. */
const kindOf = (event: Event): string => {
  const { _tag } = event
  if (_tag === "BdevCreated") return `${_tag} ${event.spec._tag} ${event.autoNumber === undefined}`
  if (_tag === "EpochStarted") return `${_tag} ${event.mode}`
  if (_tag === "GroupNamed") return `${_tag} ${event.kind} ${event.name === undefined}`
  if (_tag === "TargetNodeRedirectSet") return `${_tag} ${event.permanent === undefined}`
  if (_tag === "ReservationsChanged") return `${_tag} ${event.action} ${event.reservation === undefined}`
  return "cause" in event ? `${_tag} ${event.cause}` : _tag
}

const stateAt = (seq: number, state: State): GoldenState => ({
  seq,
  foldVersion: FOLD_VERSION,
  text: canonical(state)
})

/** All commands are accepted: they were decided on this very state before. */
const dispatchAll = (
  log: EventLog["Service"],
  control: ControlPlane["Service"],
  commands: ReadonlyArray<Command>,
  states: Array<GoldenState>
) =>
  Effect.forEach(
    commands,
    (command) =>
      Effect.gen(function* () {
        const [before, { controlSeq }] = [control.state(), log.durable()]
        const { records, state } = yield* control.dispatch(command, cause)
        const last = records.at(-1)
        const isDue = records.some(({ controlNo }) => controlNo % stateEvery === 0) || command._tag === "StartEpoch"
        if (last === undefined || !isDue) return
        // What an epoch has found, and what it has made of it.
        if (command._tag === "StartEpoch" && controlSeq > 0) states.push(stateAt(controlSeq, before))
        states.push(stateAt(last.seq, state))
      }),
    { discard: true }
  )

const observe = (log: EventLog["Service"], round: number): number | undefined =>
  log.observe({ type: "GoldenObserved", v: 1, cause, payload: { round, text: "é", bytes: Buffer.from([1, 2]) } })

/** Stored bytes of all records, in order. */
const storedIn = async (store: MemoryStore): Promise<ReadonlyArray<Uint8Array>> => {
  const range = (key: (seq: number) => string) =>
    store.range({ gte: key(0), lte: key(lastSeq), limit: Number.MAX_SAFE_INTEGER })
  const values = [...(await range(controlKey)), ...(await range(observationKey))].map(([, value]) => value)
  return values.toSorted((a, b) => storedRecord(a).seq - storedRecord(b).seq)
}

/** A history with every type of event, as it is stored, and the states on its way. */
export const goldenHistory: Effect.Effect<{
  readonly values: ReadonlyArray<Uint8Array>
  readonly states: ReadonlyArray<GoldenState>
}> = Effect.scoped(
  Effect.gen(function* () {
    const store = new MemoryStore()
    const log = yield* MemoryEventLog.make({ store })
    const control = yield* controlOn(log)
    const states: Array<GoldenState> = []
    const types = new Set<string>()
    const kinds = new Set<string>()
    const due = Object.keys(Event.cases).length - closingTypes.length
    yield* dispatchAll(log, control, opening, states)
    for (const { type } of yield* Stream.runCollect(log.read({ kind: "control" }))) types.add(type)
    for (let seed = 1; seed <= (types.size < due ? roundsMax : roundsMin); seed++) {
      const start = { state: control.state(), seq: log.tip().seq, events: [] }
      const { commands, end } = tryRound(start, seed)
      if (end.events.every((event) => kinds.has(kindOf(event)))) continue
      yield* dispatchAll(log, control, commands, states)
      for (const event of end.events) {
        types.add(event._tag)
        kinds.add(kindOf(event))
      }
      observe(log, seed)
      yield* log.append(log.tip().controlSeq, cause, [])
    }
    yield* dispatchAll(log, control, closing(control.state()), states)
    const final = stateAt(log.tip().controlSeq, control.state())
    return { values: yield* Effect.promise(() => storedIn(store)), states: [...states, final] }
  })
).pipe(Effect.orDie)
