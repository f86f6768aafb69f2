/** The text that Prometheus reads: whatever names and numbers there are, they are read back as they were. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { labelled, type Metric, metricText, noLabels, type Series } from "../../../src/rpc/metrics/exposition.ts"
import { readExposition } from "./exposition-parser.ts"

const textOf = (...metrics: ReadonlyArray<Metric>): string => metrics.map(metricText).join("")

const gauge = (series: ReadonlyArray<Series>, help = "What it is."): Metric => ({
  name: "lunlog_a",
  type: "gauge",
  help,
  series
})

describe("a metric", () => {
  it.prop(
    "has labels of any text, and any number",
    { value: Schema.String, other: Schema.String, number: Schema.Number, help: Schema.String },
    ({ help, number, other, value }) => {
      const read = readExposition(
        textOf(gauge([{ labels: labelled({ one: value, two: other }), value: number }], help))
      )
      const [series] = read.get("lunlog_a")?.series ?? []
      assert.deepStrictEqual(Object.fromEntries(series?.labels ?? []), { one: value, two: other })
      assert.isTrue(series?.value === number || Number.isNaN(number))
      assert.strictEqual(read.get("lunlog_a")?.help, help)
    }
  )

  it("escapes quotes, backslashes and ends of lines, and nothing else", () => {
    const awkward = 'iqn.2026-01:a"b\\c\nd{e="f"} # é'
    assert.deepStrictEqual(
      metricText(gauge([{ labels: labelled({ target: awkward }), value: 1 }], 'say "\\"')).split("\n"),
      [
        '# HELP lunlog_a say "\\\\"',
        "# TYPE lunlog_a gauge",
        'lunlog_a{target="iqn.2026-01:a\\"b\\\\c\\nd{e=\\"f\\"} # é"} 1',
        ""
      ]
    )
  })

  it("that nothing is known of is told of without a number", () => {
    const text = metricText(gauge([]))
    assert.strictEqual(text, "# HELP lunlog_a What it is.\n# TYPE lunlog_a gauge\n")
    assert.deepStrictEqual(readExposition(text).get("lunlog_a")?.series, [])
  })

  it.prop("of observations is told as Prometheus adds them up", [Schema.Array(Schema.Natural)], ([some]) => {
    const counts = [0, 1, 2, 3].map((at) => Math.min(some[at] ?? 0, 2 ** 40))
    const [first = 0, second = 0] = counts
    const series = [{ labels: labelled({ target: "a" }), bounds: [0.01, 0.5, 10], counts, sum: 2.5 }]
    const text = textOf({ name: "lunlog_b_seconds", type: "histogram", help: "B.", series })
    const read = readExposition(text).get("lunlog_b_seconds")?.series ?? []
    assert.deepStrictEqual(
      read.map(({ labels, name }) => `${name} ${labels.get("le")}`),
      [
        ...["0.01", "0.5", "10", "+Inf"].map((bound) => `lunlog_b_seconds_bucket ${bound}`),
        "lunlog_b_seconds_sum undefined",
        "lunlog_b_seconds_count undefined"
      ]
    )
    assert.strictEqual(read[1]?.value, first + second)
    assert.strictEqual(
      read.at(-1)?.value,
      counts.reduce((sum, count) => sum + count, 0)
    )
  })

  it.each([
    { name: "lunlog a", type: "gauge" },
    { name: "1lunlog", type: "gauge" },
    { name: "lunlog_a", type: "counter" }
  ] as const)("with a name that is against the conventions is a mistake: $name as a $type", (wrong) => {
    const metric = { ...wrong, help: "", series: [{ labels: noLabels, value: 1 }] }
    assert.throws(() => metricText(metric))
  })

  it("with a wrong label is a mistake", () => {
    for (const label of ["__a", "a-b", "1"]) {
      assert.throws(() => metricText(gauge([{ labels: labelled({ [label]: "" }), value: 1 }])), label)
    }
  })
})
