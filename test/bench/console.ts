/**
 * What the web console costs: the browser that shows it, and the target that it asks, with few LUNs and with many.
 *
 *   npm run bench -- console [--luns=10000] [--active=100]
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import type { Page } from "playwright-core"
import { type Browser, startBrowser } from "../support/browser/Browser.ts"
import { type ConsoleTarget, startConsoleTarget } from "../support/browser/ConsoleTarget.ts"
import { startPacedLoad } from "../support/browser/paced-load.ts"
import { elementCount, longTasks, PageMeter, scrollFrames } from "../support/browser/page-cost.ts"
import { cpuSeconds } from "../support/cpu-time.ts"
import { clearUnitAttentions } from "../support/initiator/commands.ts"
import { Session } from "../support/initiator/Session.ts"
import { freePort, makeDirectory, removeDirectory } from "../support/target-process.ts"
import { largeConfig } from "./config.ts"
import { type BenchContext, type Benchmark, runBenchmark } from "./support/Benchmark.ts"
import type { Table } from "./support/BenchResult.ts"
import { rowOf } from "./support/samples.ts"

const lunsOfTarget = 100
const scrollPixels = 120
const frames = 120
/** Commands per second of each LUN that has IO. */
const rate = 2

/** By the name of what is measured. */
type Found = Readonly<Record<string, number>>

const share = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0

/** Milliseconds of CPU per second, while nothing else happens. */
const targetLoad = async ({ process }: ConsoleTarget, seconds: number): Promise<number> => {
  const before = cpuSeconds(process.pid)
  await delay(seconds * 1000)
  return ((cpuSeconds(process.pid) - before) * 1000) / seconds
}

/** What a page costs that nobody touches, and the target beside it. */
const standing = async (page: Page, target: ConsoleTarget, seconds: number) => {
  const meter = await PageMeter.of(page)
  const before = await meter.read()
  const targetMillis = await targetLoad(target, seconds)
  const after = await meter.read()
  return {
    pageMillis: ((after.taskSeconds - before.taskSeconds) * 1000) / seconds,
    heapMebibytes: after.heapBytes / 1024 / 1024,
    targetMillis
  }
}

const lookAround = async (browser: Browser, target: ConsoleTarget, luns: number, seconds: number): Promise<Found> => {
  const without = await targetLoad(target, seconds)
  const count = luns.toLocaleString("en-GB")
  const begin = performance.now()
  return browser.visit(target.url, async ({ page }) => {
    await page.getByRole("link", { name: `${count} LUNs` }).waitFor()
    const opened = performance.now() - begin
    // What the first answers bring is over then.
    await delay(10_000)
    const tasksOfOpening = await longTasks(page)
    const overview = await standing(page, target, seconds)
    await page.goto(`${target.page}#/luns`)
    const table = page.getByRole("table", { name: "LUNs" })
    await table.getByRole("row").nth(1).waitFor()
    const list = await standing(page, target, seconds)
    const times = (await scrollFrames(table, scrollPixels, frames)).toSorted((a, b) => a - b)
    const elements = await elementCount(page)
    const tasks = (await longTasks(page)).slice(tasksOfOpening.length)
    return {
      opened,
      longestOfOpening: Math.max(0, ...tasksOfOpening),
      longestLater: Math.max(0, ...tasks),
      overviewPage: overview.pageMillis,
      listPage: list.pageMillis,
      without,
      withOverview: overview.targetMillis,
      withList: list.targetMillis,
      frame: share(times, 0.5),
      slowFrame: share(times, 0.95),
      heap: list.heapMebibytes,
      elements
    }
  })
}

const measure = async (browser: Browser, luns: number, active: number, seconds: number): Promise<Found> => {
  const directory = makeDirectory("bench-console")
  try {
    const configFile = join(directory, "bench.yaml")
    const port = await freePort()
    const ofTarget = Math.min(luns, lunsOfTarget)
    writeFileSync(configFile, largeConfig(port, luns / ofTarget, ofTarget))
    await using target = await startConsoleTarget({ directory, configFile, readyMillis: 300_000 })
    const [name = ""] = Object(await target.call("iscsi_get_target_nodes"))[0].name.split(" ")
    const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: name })
    const indexes = Array.from({ length: Math.min(active, ofTarget) }, (_, lun) => lun)
    for (const lun of indexes) await clearUnitAttentions(session, lun)
    const loads = indexes.map((lun) => startPacedLoad({ session, lun, rate: () => rate }))
    const found = await lookAround(browser, target, luns, seconds)
    await Promise.all(loads.map((load) => load.stop()))
    return found
  } finally {
    removeDirectory(directory)
  }
}

const tables: ReadonlyArray<readonly [name: string, title: string, unit: string, rows: Record<string, string>]> = [
  [
    "page",
    "What the console costs the browser",
    "milliseconds",
    {
      opened: "from the request until the overview has counted the LUNs",
      longestOfOpening: "longest task of the page's thread while it opens",
      longestLater: "longest task later, also while scrolling",
      overviewPage: "the page's thread in a second, overview",
      listPage: "the page's thread in a second, list of LUNs",
      frame: "from frame to frame while the list is scrolled, median",
      slowFrame: "the same, of 95 in 100 frames at most"
    }
  ],
  [
    "target",
    "What an open page costs the target",
    "milliseconds of CPU in a second",
    { without: "no page is open", withOverview: "overview", withList: "list of LUNs" }
  ],
  ["memory", "What the page holds, list of LUNs", "MiB", { heap: "JavaScript" }],
  ["elements", "What is in the document, list of LUNs", "elements", { elements: "elements" }]
]

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const [few, many] = [context.number("few"), context.number("luns")]
  await using browser = await startBrowser()
  const found: Record<string, Array<Found>> = { [`${few} LUNs`]: [], [`${many} LUNs`]: [] }
  for (let round = 0; round < context.number("rounds"); round++) {
    for (const luns of [few, many]) {
      context.progress(`${luns} LUNs`)
      const one = await measure(browser, luns, context.number("active"), context.number("seconds"))
      found[`${luns} LUNs`]?.push(one)
    }
  }
  const contenders = Object.keys(found)
  const samplesOf = (key: string) =>
    Object.fromEntries(contenders.map((label) => [label, (found[label] ?? []).map((one) => one[key] ?? 0)]))
  return tables.map(([name, title, unit, rows]) => ({
    name,
    title,
    unit,
    heading: "what",
    contenders,
    rows: Object.entries(rows).map(([key, text]) => rowOf({ name: key.toLowerCase(), title: text }, samplesOf(key)))
  }))
}

/** See the head of this file. */
export const consoleBenchmark: Benchmark = {
  name: "console",
  about: "what the web console costs the browser and the target",
  options: {
    rounds: { about: "how often everything is done", default: "1" },
    seconds: { about: "how long an open page is watched", default: "30", smoke: "1" },
    few: { about: "LUNs of the one target", default: "10", smoke: "2" },
    luns: { about: "LUNs of the other, a multiple of 100", default: "10000", smoke: "100" },
    active: { about: "LUNs that have 2 commands per second each, 100 at most", default: "100", smoke: "2" }
  },
  tools: ["chromium"],
  run
}

if (import.meta.main) await runBenchmark(consoleBenchmark)
