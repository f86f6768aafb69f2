/** The text of docs/conformance.md. `npm run conformance-doc` writes it; a test compares. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type Expected, readExpected } from "../expected.ts"
import { lunKinds, unsuited } from "../lun-kinds.ts"
import { runTwice } from "../TestBench.ts"
import { commandTable, logPageTable, modePageTable, vpdTable } from "./command-tables.ts"
import { keyTable, loginStatusTable, rejectTable, taskManagementTable } from "./iscsi-tables.ts"
import { code, table } from "./markdown.ts"

const suiteCount = ({ failures, passes, skips }: Expected): number =>
  new Set([...Object.keys(passes), ...Object.keys(skips), ...Object.keys(failures)]).size

const countOf = (expected: Expected, kind: string): ReadonlyArray<string> => {
  const skipped = Object.values(expected.skips).filter((reasons) => kind in reasons).length
  const failed = Object.values(expected.failures).filter((reasons) => kind in reasons).length
  const passed = Object.values(expected.passes).filter((kinds) => kinds.includes(kind)).length
  return [kind, String(passed), String(failed), String(skipped)]
}

/** Measured with the same tool on the same kind of machine, each as its project ships it. */
const peers: ReadonlyArray<readonly [target: string, passed: string, failed: string, skipped: string, how: string]> = [
  ["tgt 1.0.85", "170", "11", "49", "thin-provisioned, one process and a clean LUN per test"],
  ["SPDK iscsi_tgt 26.05", "76", "36", "118", "one run"],
  ["istgt 0.4", "58", "84", "74", "one process per test; 13 hang, one crashes the client"]
]

const measured = (expected: Expected): string => {
  const { failures, passes } = expected
  const tests = suiteCount(expected)
  const passed = Object.keys(passes).length
  const failed = Object.keys(failures).filter((test) => !(test in passes)).length
  const own = [
    "lunlog",
    String(passed),
    String(failed),
    String(tests - passed - failed),
    "one process and a new LUN per test"
  ]
  const fixed = ["lunlog, fixed LUN alone", ...countOf(expected, "fixed").slice(1), "the same"]
  return table(["target", "passed", "failed", "skipped", "how"], [own, fixed, ...peers])
}

/** Tests that pass nowhere, by what the tool says. */
const skipped = ({ passes, skips }: Expected): string => {
  const never = Object.entries(skips).filter(([test]) => !(test in passes))
  const byReason = Object.groupBy(never, ([, reasons]) => Object.values(reasons)[0] ?? "")
  const rows = Object.entries(byReason).map(([reason, of = []]) => [of.map(([test]) => code(test)).join(" "), reason])
  return rows.length === 0 ? "None." : table(["tests", "reason, as printed"], rows)
}

const notRun = (): string =>
  table(
    ["test", "where it is not run", "reason"],
    unsuited.map(({ kind, login, reason, test }) => [code(test), kind ?? `with ${login}`, reason])
  )

const template = (): string => readFileSync(join(import.meta.dirname, "template.md"), "utf8")

/** The whole document, with tables that are not aligned. */
export const conformanceDoc = (): string => {
  const expected = readExpected()
  const parts: Readonly<Record<string, string>> = {
    kindNames: lunKinds.map(({ name }) => code(name)).join(", "),
    measured: measured(expected),
    kinds: table(
      ["kind", "passed", "failed", "skipped"],
      lunKinds.map(({ name }) => countOf(expected, name))
    ),
    skipped: skipped(expected),
    unsuited: notRun(),
    runTwice: [...runTwice].map(code).join(", "),
    commands: commandTable(expected),
    vpd: vpdTable(),
    modePages: modePageTable(),
    logPages: logPageTable(),
    taskManagement: taskManagementTable(),
    keys: keyTable(),
    loginStatuses: loginStatusTable(),
    rejects: rejectTable()
  }
  return template().replaceAll(/\{\{(\w+)\}\}/gu, (_, name: string) => {
    const part = parts[name]
    if (part === undefined) throw new Error(`template.md names a part that there is not: ${name}`)
    return part
  })
}
