/** The benchmarks' frame: numbers become medians and ratios, runs are compared, and the docs say what is committed. */
import { readFileSync } from "node:fs"
import { relative } from "node:path"
import { assert, describe, it } from "vitest"
import { projectDirectory } from "../support/target-process.ts"
import { type Benchmark, checkedValues } from "./support/Benchmark.ts"
import { type BenchResult, decodeBenchResult, type Table } from "./support/BenchResult.ts"
import { chartOf } from "./support/charts.ts"
import { compareResults } from "./support/compare.ts"
import { committedBenchmarks, committedResult, generatedFiles, pageWith } from "./support/documents.ts"
import { inTurns, isMet, ratioOf, rowOf, type Samples, spreadOf } from "./support/samples.ts"
import { markdownTable, numberText, textTable } from "./support/tables.ts"

const machine = {
  cpu: "A <fast> CPU",
  cores: 2,
  memoryGib: 4,
  kernel: "6.1",
  node: "v24",
  peers: { tgtd: "1.0.85" },
  loadBefore: 0,
  loadAfter: 1
}

const tableOf = (samples: Samples, more: Partial<Table> = {}): Table => ({
  name: "path",
  title: "The data <path>",
  unit: "µs",
  contenders: ["lunlog", "tgt"],
  rows: [
    rowOf({ name: "read4k", title: "4 KiB read & more", at: 1 }, samples, [
      { over: "tgt", under: "lunlog", aim: { atLeast: 6 } }
    ]),
    rowOf({ name: "read8k", title: "8 KiB read", at: 8 }, samples)
  ],
  ...more
})

const resultOf = (table: Table): BenchResult => ({
  benchmark: "example",
  command: "npm run bench -- example",
  date: "2026-01-02T03:04:05.678Z",
  commit: "0123456789",
  machine,
  tables: [table]
})

/** Throws unless every element is closed in its order and every `&` begins an escape. */
const assertWellFormed = (xml: string): void => {
  const open: Array<string> = []
  const rest = xml.replaceAll(
    /<(\/?)([a-z]+)((?: [a-zA-Z0-9:-]+="[^"<]*")*)(\/?)>/g,
    (_, end, name, _attributes, empty) => {
      if (end === "/") assert.strictEqual(open.pop(), name)
      else if (empty !== "/") open.push(name)
      return ""
    }
  )
  assert.deepStrictEqual(open, [])
  assert.notMatch(rest, /[<>]/)
  assert.notMatch(xml, /&(?!amp;|lt;|gt;|quot;)/)
  assert.notMatch(xml, /NaN|Infinity|undefined/)
}

/** Everything lies within the drawing. */
const assertInside = (svg: string): void => {
  const size = (name: string): number => Number(new RegExp(`<svg[^>]* ${name}="(\\d+)"`).exec(svg)?.[1])
  for (const [, name = "", value] of svg.matchAll(/ (x|x1|x2|cx|y|y1|y2|cy)="([^"]*)"/g)) {
    assert.isAtLeast(Number(value), 0)
    assert.isAtMost(Number(value), size(name.includes("x") ? "width" : "height"), `${name} of ${svg}`)
  }
}

describe("samples", () => {
  it("have a median, the lowest and the highest", () => {
    assert.deepStrictEqual(spreadOf([3, 1, 2]), { median: 2, low: 1, high: 3 })
    assert.deepStrictEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, low: 1, high: 4 })
    assert.deepStrictEqual(spreadOf([1 / 3]), { median: 0.3333, low: 0.3333, high: 0.3333 })
  })

  it("are taken in turns", async () => {
    const order: Array<string> = []
    const samples = await inTurns([{ label: "a" }, { label: "b" }], 2, async ({ label }, round) => {
      order.push(`${label}${round}`)
      return order.length
    })
    assert.deepStrictEqual(order, ["a0", "b0", "a1", "b1"])
    assert.deepStrictEqual(samples, { a: [1, 3], b: [2, 4] })
  })

  it("have the ratio of their medians, and the range of the rounds' ratios", () => {
    const ratio = ratioOf({ a: [2, 2, 2], b: [12, 16, 10] }, { over: "b", under: "a", aim: { atLeast: 6 } })
    assert.deepStrictEqual(ratio, { name: "b : a", median: 6, low: 5, high: 8, better: "more", aim: { atLeast: 6 } })
    assert.isUndefined(ratioOf({ a: [1] }, { over: "b", under: "a" }))
  })

  it("meet an aim or miss it", () => {
    const ratio = { name: "", median: 6, low: 5, high: 7, better: "more" } as const
    assert.isUndefined(isMet(ratio))
    assert.isTrue(isMet({ ...ratio, aim: { atLeast: 6 } }))
    assert.isFalse(isMet({ ...ratio, aim: { atMost: 5 } }))
  })
})

describe("tables", () => {
  const table = tableOf({ lunlog: [5, 4, 6], tgt: [1000, 1000, 1500] })

  it("write numbers with three digits", () => {
    assert.deepStrictEqual([0, 0.123, 4.66, 28.53, 99.96, 1234567].map(numberText), [
      "0",
      "0.12",
      "4.7",
      "28.5",
      "100",
      "1,234,567"
    ])
  })

  it("show people the spread, and whether the aim is met", () => {
    const [, , row] = textTable(table).split("\n")
    assert.match(row ?? "", /^read4k +5\.0 ±20% +1,000 ±50% +200 \(aim >= 6: met\)$/)
  })

  it("are aligned in Markdown", () => {
    const lines = markdownTable(table).split("\n")
    assert.lengthOf(lines, 4)
    assert.lengthOf(new Set(lines.map(({ length }) => length)), 1)
    assert.match(lines[2] ?? "", /^\| 4 KiB read & more \|/)
  })
})

describe("a comparison", () => {
  const was = resultOf(tableOf({ lunlog: [5, 5], tgt: [50, 50] }))

  it("says what got worse and what better by more than the tolerance", () => {
    const slower = compareResults(resultOf(tableOf({ lunlog: [6, 6], tgt: [50, 50] })), was)
    assert.deepStrictEqual(slower.slice(1), ["  read4k, tgt : lunlog: 8.3, was 10.0: worse by 20%"])
    const faster = compareResults(resultOf(tableOf({ lunlog: [4, 4], tgt: [50, 50] })), was)
    assert.match(faster[1] ?? "", /better by 25%/)
    const alike = compareResults(resultOf(tableOf({ lunlog: [5.5, 5.5], tgt: [50, 50] })), was)
    assert.deepStrictEqual(alike.slice(1), ["  none"])
  })

  it("compares values only where they do not depend on the machine", () => {
    const steady = (lunlog: number) => resultOf(tableOf({ lunlog: [lunlog] }, { steady: "less" }))
    const lines = compareResults(steady(8), steady(4))
    assert.lengthOf(lines, 3)
    assert.match(lines[1] ?? "", /read4k, lunlog \(µs\): 8\.0, was 4\.0: worse by 100%/)
  })

  it("says when the other result is of another machine, or of another command", () => {
    const lines = compareResults({ ...was, machine: { ...machine, cores: 64 }, command: "npm run bench" }, was)
    assert.match(lines[1] ?? "", /another machine/)
    assert.include(lines[2], `another command: ${was.command}`)
  })
})

describe("charts", () => {
  it.each(["bars", "lines"] as const)("of %s are well-formed", (kind) => {
    for (const scale of ["linear", "log"] as const) {
      const chart = chartOf(tableOf({ lunlog: [5, 4], tgt: [1000, 2000] }, { chart: { kind, scale, axis: "a & b" } }))
      assertWellFormed(chart ?? "")
      assertInside(chart ?? "")
      assert.include(chart, "The data &lt;path&gt;")
    }
  })

  it("are drawn only where a table has one", () => {
    assert.isUndefined(chartOf(tableOf({ lunlog: [5] })))
  })
})

describe("the docs", () => {
  it("take a result between its markers, and nothing else", () => {
    const result = resultOf(tableOf({ lunlog: [5], tgt: [50] }, { chart: { kind: "bars" } }))
    const page =
      "before\n<!-- bench:example/path -->\nold\n<!-- /bench -->\nafter <!-- bench:other -->\nkept\n<!-- /bench -->"
    const text = pageWith(page, new Map([["example", result]]))
    assert.match(
      text,
      /^before\n<!-- bench:example\/path -->\n\n[\s\S]*\| 4 KiB read & more \|[\s\S]*<!-- \/bench -->\nafter/
    )
    assert.include(text, "](charts/example-path.svg)")
    assert.notInclude(text, "old")
    assert.include(text, "kept")
    assert.strictEqual(pageWith(text, new Map([["example", result]])), text)
    assert.throws(
      () => pageWith("<!-- bench:example/none -->\n<!-- /bench -->", new Map([["example", result]])),
      /none/
    )
  })

  it("say what the committed results say", () => {
    for (const { path, text } of generatedFiles()) {
      const what = `${relative(projectDirectory, path)}: run node test/bench/support/write-docs.ts`
      assert.strictEqual(readFileSync(path, "utf8"), text, what)
    }
  })
})

describe("committed results", () => {
  it("are read by the schema, and named after their benchmark", () => {
    for (const name of committedBenchmarks()) assert.strictEqual(committedResult(name)?.benchmark, name)
  })

  it("with a field too many or a wrong one are refused", () => {
    const result = resultOf(tableOf({ lunlog: [5] }))
    assert.deepStrictEqual(decodeBenchResult(JSON.parse(JSON.stringify(result))), result)
    assert.throws(() => decodeBenchResult({ ...result, extra: 1 }), /extra/)
    assert.throws(() => decodeBenchResult({ ...result, commit: 5 }), /commit/)
  })
})

describe("options", () => {
  const benchmark: Benchmark = {
    name: "example",
    about: "an example",
    options: {
      rounds: { about: "rounds", default: "3" },
      only: { about: "workloads", default: "read4k,write4k" },
      records: { about: "lengths", default: "1,10", smoke: "" },
      directory: { about: "a folder", default: "/tmp" }
    },
    run: async () => []
  }

  it("that would measure nothing are refused, as a result of nothing could be recorded", () => {
    const problem = (...args: ReadonlyArray<string>) => checkedValues(benchmark, args)
    assert.strictEqual(problem("--only=read8k"), "--only has no 'read8k'; there are: read4k, write4k")
    assert.strictEqual(problem("--rounds=x"), "--rounds is x; it must be a number from 0 on")
    assert.strictEqual(problem("--records=1,x"), "--records is 1,x; it must be numbers with commas between them")
    assert.strictEqual(problem("--record", "--smoke"), "--record with --smoke would commit numbers that mean nothing")
    assert.isNotString(problem("--smoke"))
    assert.isNotString(problem("--only=write4k", "--rounds=1", "--records=7", "--directory=/a,b"))
  })
})
