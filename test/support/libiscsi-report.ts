/**
 * Reads what `iscsi-test-cu --verbose` prints. A skipped test prints `[SKIPPED]` and then `passed`: it is reported as
 * skipped here. A test without an end (the client crashed or hung) is `unfinished`.
 */

/** One test of a suite with how it ended; `reason` is what was printed first about a skip or a failure. */
export interface LibiscsiTest {
  readonly suite: string
  readonly name: string
  readonly status: "pass" | "skip" | "fail" | "unfinished"
  readonly reason: string
}

const suiteLine = /^Suite: (\S+)/
const testLine = /^ *Test: (\S+) \.\.\.(.*)$/
const skippedText = /\[SKIPPED\] *(.*)/
const assertionText = /^ +\d+\. (.* - CU_.*)$/
const failedText = /(?:\[FAILED\] *(.*))|(?:(?:^|\.\.\.) *FAILED)/
const passedText = /(?:^|[^A-Za-z ])\s*passed/m

/** What is printed behind `passed` is the suite's clean-up, not the test's own. */
const statusOf = (lines: ReadonlyArray<string>): LibiscsiTest["status"] => {
  if (lines.some((line) => /(?:^|\.\.\.) *FAILED/.test(line))) return "fail"
  const printed = lines.join("\n")
  const verdict = passedText.exec(printed)
  if (verdict === null) return "unfinished"
  return skippedText.test(printed.slice(0, verdict.index)) ? "skip" : "pass"
}

const reasonOf = (lines: ReadonlyArray<string>): string => {
  for (const pattern of [assertionText, failedText, skippedText]) {
    for (const line of lines) {
      const reason = pattern.exec(line)?.[1]
      // The suite's clean-up may print on the same line.
      if (reason !== undefined) return reason.replace(/ {2,}\[SKIPPED\].*$/u, "").trim()
    }
  }
  return ""
}

/** All tests of a run, in its order. */
export const parseTestRun = (output: string): ReadonlyArray<LibiscsiTest> => {
  const tests: Array<{ suite: string; name: string; lines: Array<string> }> = []
  let suite = ""
  for (const line of output.split("\n")) {
    suite = suiteLine.exec(line)?.[1] ?? suite
    const test = testLine.exec(line)
    if (test !== null) tests.push({ suite, name: test[1] ?? "", lines: [`...${test[2] ?? ""}`] })
    else if (!line.startsWith("Suite:") && !line.startsWith("Run Summary")) tests.at(-1)?.lines.push(line)
  }
  return tests.map(({ suite, name, lines }) => ({ suite, name, status: statusOf(lines), reason: reasonOf(lines) }))
}
