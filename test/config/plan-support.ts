/** Plans without files and without a target: what a file wants is a list of commands, what runs is a folded state. */
import { Result } from "effect"
import type { Wanted } from "../../src/config/native/DesiredState.ts"
import { defaultPlanOptions, type Plan, type PlanOptions, planOf } from "../../src/config/plan/Plan.ts"
import type { Command } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import type { Event } from "../../src/domain/Event.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { activeTargetsOf, initialState, lunsOf, type State, targetsOf } from "../../src/domain/State.ts"
import { epoch } from "./support.ts"

/** A state and the last seq in it. */
export interface Running {
  readonly state: State
  readonly seq: number
}

export const nothing: Running = { state: { ...initialState, epoch }, seq: 0 }

/** What a file with these commands would want. Throws if they are refused. */
export const wanting = (...commands: ReadonlyArray<Command>): Wanted => {
  let state: State = { ...initialState, epoch }
  const events: Array<Event> = []
  for (const command of commands) {
    for (const event of Result.getOrThrow(decide(state, command))) state = evolve(state, event, events.push(event))
  }
  const options = commands.find((command) => command._tag === "SetIscsiOptions")
  const log = commands.find((command) => command._tag === "SetLogOptions")
  return {
    log: log === undefined ? undefined : { command: log, path: ["log"] },
    options: options === undefined ? undefined : { command: options, path: ["options"] },
    declared: commands.map((command, index) => ({ command, path: ["commands", index] })),
    events,
    state
  }
}

/** Everything that drains is gone. */
const settle = (running: Running): Running => {
  let { seq, state } = running
  const facts = (): ReadonlyArray<Command> =>
    targetsOf(state).flatMap((target) => [
      ...lunsOf(target)
        .filter(({ phase }) => phase._tag === "Draining")
        .map(({ incarnation, lun }) => ({
          _tag: "RecordLunDrained" as const,
          target: target.name,
          lun,
          incarnation,
          drained: 0,
          aborted: 0,
          durationMillis: 0
        })),
      ...(target.phase._tag === "Active"
        ? []
        : [
            {
              _tag: "RecordTargetSessionsClosed" as const,
              target: target.name,
              incarnation: target.incarnation,
              closed: 0,
              cut: 0
            }
          ])
    ])
  for (const fact of facts()) {
    for (const event of Result.getOrThrow(decide(state, fact))) state = evolve(state, event, ++seq)
  }
  return { state, seq }
}

/** Commands by RPC: those that are refused change nothing. What they remove is gone at once. */
export const byRpc = (from: Running, ...commands: ReadonlyArray<Command>): Running =>
  commands.reduce((running, command) => {
    const decision = decide(running.state, command)
    if (Result.isFailure(decision)) return running
    let { seq, state } = running
    for (const event of decision.success) state = evolve(state, event, ++seq)
    return settle({ state, seq })
  }, from)

export const planFor = (running: Running, desired: Wanted, options: Partial<PlanOptions> = {}): Plan =>
  planOf(running.state, desired, { ...defaultPlanOptions, ...options }, running.seq)

/** The commands of a plan, none of which may be refused. */
export const carriedOut = (from: Running, { works }: Plan): Running =>
  works.reduce((running, { command }) => {
    let { seq, state } = running
    for (const event of Result.getOrThrow(decide(state, command))) state = evolve(state, event, ++seq)
    return settle({ state, seq })
  }, from)

/** Events that recording the plan's file leads to. */
export const recorded = ({ state }: Running, { desired, fileHash, staysDown, works }: Plan): ReadonlyArray<Event> => {
  const file = { name: "f.yaml", fileHash, desired, takenDown: staysDown, hasChanged: works.length > 0 }
  return Result.getOrThrow(decide(state, { _tag: "RecordConfigApplied", ...file }))
}

/** A plan of which only the first commands were carried out. */
export const brokenOff = (from: Running, plan: Plan, count: number): Running => {
  const command = { _tag: "RecordConfigTakenDown", name: "f.yaml", takenDown: plan.takenDown } as const
  const begun = plan.takenDown.length === 0 ? from : byRpc(from, command)
  return carriedOut(begun, { ...plan, works: plan.works.slice(0, count) })
}

/** A plan from its first command to its record. */
export const applied = (from: Running, plan: Plan): Running => {
  const running = carriedOut(from, plan)
  let { seq, state } = running
  for (const event of recorded(running, plan)) state = evolve(state, event, ++seq)
  return { state, seq }
}

/** A file applied, which must be possible. */
export const applyTo = (from: Running, desired: Wanted, options: Partial<PlanOptions> = {}): Running => {
  const plan = planFor(from, desired, options)
  if (plan.conflicts.length > 0) throw new Error(plan.conflicts.map(({ message }) => message).join("\n"))
  return applied(from, plan)
}

/** Steps as `lunlog plan` shows them, in short. */
export const stepTexts = ({ steps }: Plan): ReadonlyArray<string> =>
  steps.map(({ action, changes, object }) =>
    [`${action} ${object}`, ...changes.map(({ field, from = "", to = "" }) => `${field}: ${from} -> ${to}`)].join("; ")
  )

export const driftTexts = ({ drift }: Plan): ReadonlyArray<string> => drift.map(({ message }) => message)

export const targetNames = ({ state }: Running): ReadonlyArray<string> => activeTargetsOf(state).map(({ name }) => name)
