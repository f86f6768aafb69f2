/** What a machine can say about the accessibility of a page: axe-core's rules for WCAG 2.2 AA, and its width. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import type { Page } from "playwright-core"

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** Best practices beside WCAG's rules, of which landmarks, headings and unique ids are part. */
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: ReadonlyArray<{ readonly target: ReadonlyArray<string>; readonly failureSummary?: string }>
}

const isViolations = (value: unknown): value is ReadonlyArray<Violation> =>
  Array.isArray(value) && value.every((each) => typeof each === "object" && each !== null && "nodes" in each)

const inWords = ({ help, id, nodes }: Violation): string =>
  `${id}: ${help}\n${nodes
    .slice(0, 5)
    .map(({ failureSummary = "", target }) => `    ${target.join(" ")}: ${failureSummary.replace(/\s+/gu, " ")}`)
    .join("\n")}`

/** What axe-core finds wrong with the page as it is now, in words; nothing is right. */
export const accessibilityProblems = async (page: Page): Promise<ReadonlyArray<string>> => {
  // By the debugger, as the page's own policy lets no other script in.
  await page.evaluate(axeSource)
  const options = JSON.stringify({ runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] })
  const violations: unknown = await page.evaluate(`axe.run(document, ${options}).then((found) => found.violations)`)
  if (!isViolations(violations)) throw new Error(`axe-core answered ${JSON.stringify(violations)}`)
  return violations.map(inWords)
}

/** How many CSS pixels the page can be scrolled sideways; 0 is right. */
export const sidewaysPixels = async (page: Page): Promise<number> =>
  Number(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
