/**
 * What the web console costs: the browser that shows it, and the target that it asks, with few LUNs and with many.
 *
 *   npm run bench -- console [--rounds=1] [--luns=10000] [--active=100]
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

/** How many LUNs there are, and for how long what is looked at. */
interface Sizes {
  readonly luns: number
  readonly active: number
  readonly seconds: number
  readonly settling: number
  readonly frames: number
}

const lookAround = async (
  browser: Browser,
  target: ConsoleTarget,
  { frames, luns, seconds, settling }: Sizes
): Promise<Found> => {
  const without = await targetLoad(target, seconds)
  const count = luns.toLocaleString("en-GB")
  const begin = performance.now()
  return browser.visit(target.url, async ({ page }) => {
    await page.getByRole("link", { name: `${count} LUNs` }).waitFor()
    const opened = performance.now() - begin
    await delay(settling * 1000)
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
      "opening-task": Math.max(0, ...tasksOfOpening),
      "later-task": Math.max(0, ...tasks),
      "overview-second": overview.pageMillis,
      "list-second": list.pageMillis,
      "no-page": without,
      "overview-page": overview.targetMillis,
      "list-page": list.targetMillis,
      frame: share(times, 0.5),
      "slow-frame": share(times, 0.95),
      heap: list.heapMebibytes,
      elements
    }
  })
}

const measure = async (browser: Browser, sizes: Sizes): Promise<Found> => {
  const { active, luns } = sizes
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
    const found = await lookAround(browser, target, sizes)
    await Promise.all(loads.map((load) => load.stop()))
    return found
  } finally {
    removeDirectory(directory)
  }
}

/** Rows are titles by what is found. */
type TableOf = Pick<Table, "name" | "title" | "unit" | "steady"> & { readonly titles: Readonly<Record<string, string>> }

const tables: ReadonlyArray<TableOf> = [
  {
    name: "page",
    title: "What the console costs the browser",
    unit: "milliseconds",
    titles: {
      opened: "from a new tab until the overview has counted the LUNs",
      "opening-task": "longest task of the page's thread until then and shortly after",
      "later-task": "longest task later, also while scrolling (0: none of 50 ms)",
      "overview-second": "the page's thread in a second, overview",
      "list-second": "the page's thread in a second, list of LUNs",
      frame: "from frame to frame while the list is scrolled, median",
      "slow-frame": "the same, of 95 in 100 frames at most"
    }
  },
  {
    name: "target",
    title: "What an open page costs the target",
    unit: "milliseconds of CPU in a second",
    titles: { "no-page": "no page is open", "overview-page": "overview", "list-page": "list of LUNs" }
  },
  { name: "memory", title: "What the page holds, list of LUNs", unit: "MiB", titles: { heap: "JavaScript" } },
  {
    name: "elements",
    title: "What is in the document, list of LUNs",
    unit: "elements",
    steady: "less",
    titles: { elements: "elements" }
  }
]

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const sizes = {
    active: context.number("active"),
    seconds: context.number("seconds"),
    settling: context.number("settling"),
    frames: context.number("frames")
  }
  const counts = [context.number("few"), context.number("luns")]
  await using browser = await startBrowser()
  const found: Record<string, Array<Found>> = Object.fromEntries(counts.map((luns) => [`${luns} LUNs`, []]))
  for (let round = 0; round < context.number("rounds"); round++) {
    for (const luns of counts) {
      context.progress(`${luns} LUNs`)
      found[`${luns} LUNs`]?.push(await measure(browser, { ...sizes, luns }))
    }
  }
  const contenders = Object.keys(found)
  const samplesOf = (key: string) =>
    Object.fromEntries(contenders.map((label) => [label, (found[label] ?? []).map((one) => one[key] ?? 0)]))
  return tables.map(({ titles, ...table }) => ({
    ...table,
    heading: "what",
    contenders,
    rows: Object.entries(titles).map(([name, title]) => rowOf({ name, title }, samplesOf(name)))
  }))
}

/** See the head of this file. */
export const consoleBenchmark: Benchmark = {
  name: "console",
  about: "what the web console costs the browser and the target",
  options: {
    rounds: { about: "how often everything is done", default: "1" },
    seconds: { about: "how long an open page is watched", default: "30", smoke: "0.2" },
    settling: { about: "seconds before that, for what the first answers bring", default: "10", smoke: "0.2" },
    frames: { about: "how long the list is scrolled, in frames", default: "120", smoke: "10" },
    few: { about: "LUNs of the one target", default: "10", smoke: "2" },
    luns: { about: "LUNs of the other, a multiple of 100", default: "10000", smoke: "100" },
    active: { about: "LUNs that have 2 commands per second each, 100 at most", default: "100", smoke: "2" }
  },
  tools: ["chromium"],
  run
}

if (import.meta.main) await runBenchmark(consoleBenchmark)
