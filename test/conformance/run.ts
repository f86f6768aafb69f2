/**
 * `npm run conformance`: libiscsi's tests on every kind of LUN, and what they say.
 *
 *   npm run conformance                                  all, plain login
 *   npm run conformance -- Sanitize Inquiry.BlockLimits  some suites or tests
 *   npm run conformance -- --kind fixed --login chap     one kind of LUN; plain, chap or header-digest
 *   npm run conformance -- --workers 2                   with that many threads for IO
 *   npm run conformance -- --update                      writes expected.json; of some kinds with --kind
 */
import { parseArgs } from "node:util"
import { wholePlan, writeExpected } from "./expected.ts"
import { type LoginName, lunKinds } from "./lun-kinds.ts"
import { runConformance } from "./run-conformance.ts"
import { listTests, type TestOutcome } from "./TestBench.ts"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kind: { type: "string", multiple: true },
    login: { type: "string", default: "plain" },
    workers: { type: "string", default: "0" },
    update: { type: "boolean", default: false }
  }
})

const logins: ReadonlyArray<LoginName> = ["plain", "chap", "header-digest"]
const login = logins.find((name) => name === values.login)
if (login === undefined) throw new Error(`--login is one of ${logins.join(", ")}`)

const chosenTests = async () =>
  (await listTests()).filter(
    (test) => positionals.length === 0 || positionals.some((part) => test === part || test.startsWith(`${part}.`))
  )

const kinds = lunKinds.filter((kind) => values.kind?.includes(kind.name) ?? true)
const tests = await chosenTests()
const print = (text: string): void => void process.stdout.write(`${text}\n`)
const tell = ({ test, kind, status, reason }: TestOutcome): void => {
  if (status !== "pass" || positionals.length > 0) print(`${status.padEnd(5)} ${kind.padEnd(9)} ${test} ${reason}`)
}
const began = performance.now()
const threads = ["--workers", values.workers]
const outcomes = await runConformance(wholePlan(tests, kinds), login, tell, threads)
const count = (among: ReadonlyArray<TestOutcome>) =>
  (["pass", "skip", "fail", "hang", "crash"] as const)
    .map((status) => `${status} ${among.filter((outcome) => outcome.status === status).length}`)
    .join(", ")
print("")
for (const kind of kinds) {
  print(`${kind.name}: ${count(outcomes.filter((outcome) => outcome.kind === kind.name))}`)
}
const passed = new Set(outcomes.filter(({ status }) => status === "pass").map(({ test }) => test))
const seconds = Math.round((performance.now() - began) / 1000)
print(`${tests.length} tests, ${passed.size} of them pass on some kind, ${seconds} s`)
if (values.update) writeExpected(outcomes, kinds)
