/**
 * What `iscsi-test-cu` is expected to say (`expected.json`): per test the kinds of LUN it passes on, and for the others
 * why it is skipped there. Made by `npm run conformance -- --update`.
 */
import assert from "node:assert/strict"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type LoginName, type LunKind, lunKindOf, lunKinds } from "./lun-kinds.ts"
import type { PlannedTest } from "./run-conformance.ts"
import type { TestOutcome } from "./TestBench.ts"

/** Text by `Suite.Test` and kind of LUN. */
type Reasons = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Every test of the list is in at least one of the three. */
export interface Expected {
  /** Names of kinds by `Suite.Test`. */
  readonly passes: Readonly<Record<string, ReadonlyArray<string>>>
  /** By `Suite.Test`, then by kind: what the tool printed. */
  readonly skips: Reasons
  /** As `skips`: what does not work yet. */
  readonly failures: Reasons
}

const path = join(import.meta.dirname, "expected.json")

const isExpected = (value: unknown): value is Expected =>
  typeof value === "object" && value !== null && "passes" in value && "skips" in value && "failures" in value

/** The committed result. */
export const readExpected = (): Expected => {
  const value: unknown = existsSync(path)
    ? JSON.parse(readFileSync(path, "utf8"))
    : { passes: {}, skips: {}, failures: {} }
  assert(isExpected(value), "expected.json needs passes, skips and failures")
  return value
}

const reasonsOf = (outcomes: ReadonlyArray<TestOutcome>): Reasons =>
  Object.fromEntries(
    Object.entries(Object.groupBy(outcomes, ({ test }) => test)).map(([test, of = []]) => [
      test,
      Object.fromEntries(of.map(({ kind, reason }) => [kind, reason]))
    ])
  )

const kindsOf = (outcomes: ReadonlyArray<TestOutcome>): Expected["passes"] =>
  Object.fromEntries(
    Object.entries(Object.groupBy(outcomes, ({ test }) => test)).map(([test, of = []]) => [
      test,
      of.map(({ kind }) => kind)
    ])
  )

const outcomesOf = (status: TestOutcome["status"], reasons: Reasons): ReadonlyArray<TestOutcome> =>
  Object.entries(reasons).flatMap(([test, of]) =>
    Object.entries(of).map(([kind, reason]) => ({ test, kind, status, reason, millis: 0 }))
  )

/** What was committed of other kinds than these. */
const keptOutcomes = (kinds: ReadonlyArray<LunKind>): ReadonlyArray<TestOutcome> => {
  const { failures, passes, skips } = readExpected()
  const passed = Object.entries(passes).flatMap(([test, of]) =>
    of.map((kind) => ({ test, kind, status: "pass" as const, reason: "", millis: 0 }))
  )
  const all = [...passed, ...outcomesOf("skip", skips), ...outcomesOf("fail", failures)]
  return all.filter((outcome) => !kinds.some(({ name }) => name === outcome.kind))
}

/** Commits to what a run of all tests on these kinds of LUN has shown. */
export const writeExpected = (shown: ReadonlyArray<TestOutcome>, kinds: ReadonlyArray<LunKind>): void => {
  const outcomes = [...keptOutcomes(kinds), ...shown]
  const expected: Expected = {
    passes: kindsOf(outcomes.filter(({ status }) => status === "pass")),
    skips: reasonsOf(outcomes.filter(({ status }) => status === "skip")),
    failures: reasonsOf(outcomes.filter(({ status }) => status !== "pass" && status !== "skip"))
  }
  writeFileSync(path, `${JSON.stringify(expected, undefined, 2)}\n`)
}

/** Every test on the first kind of LUN, and on one where it passes if it does not pass there. */
export const shortPlan = (tests: ReadonlyArray<string>, { passes }: Expected): ReadonlyArray<PlannedTest> =>
  tests.flatMap((test) => {
    const first = passes[test]?.[0] ?? "fixed"
    return [...new Set(["fixed", first])].map((kind) => ({ test, kind: lunKindOf(kind) }))
  })

/** Every test on each of the kinds of LUN that suit it. */
export const wholePlan = (
  tests: ReadonlyArray<string>,
  kinds = lunKinds,
  login: LoginName = "plain"
): ReadonlyArray<PlannedTest> =>
  kinds.flatMap((kind) => tests.filter((test) => kind.suits(test, login)).map((test) => ({ test, kind })))

/** What is not as committed, in words. */
export const departures = (outcomes: ReadonlyArray<TestOutcome>, expected: Expected): ReadonlyArray<string> =>
  outcomes.flatMap(({ test, kind, status, reason }) => {
    const known = status === "skip" ? expected.skips : expected.failures
    if (status === "pass" || known[test]?.[kind] === reason) return []
    const wanted = expected.passes[test]?.includes(kind) === true ? "pass" : "another reason"
    return [`${test} on ${kind}: ${status}, not ${wanted}: ${reason}`]
  })
