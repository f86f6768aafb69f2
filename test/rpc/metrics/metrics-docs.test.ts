/** docs/metrics.md lists all metrics as they are. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { projectDirectory } from "../../support/target-process.ts"
import { runningTarget } from "../target-support.ts"
import { readExposition } from "./exposition-parser.ts"

const row = /^\| `([a-z_]+)` +\| (counter|gauge|histogram) +\| ([^|]*?) *\|/u

const documented = (): ReadonlyMap<string, { readonly type: string; readonly labels: ReadonlySet<string> }> => {
  const lines = readFileSync(join(projectDirectory, "docs/metrics.md"), "utf8").split("\n")
  return new Map(
    lines.flatMap((line) => {
      const [, name, type = "", labels = ""] = row.exec(line) ?? []
      const names = new Set([...labels.matchAll(/`([a-z_]+)`/gu)].map(([, label]) => label ?? ""))
      return name === undefined ? [] : [[name, { type, labels: names }] as const]
    })
  )
}

it.live("the page of metrics has each with its type and its labels, and no other", () =>
  Effect.gen(function* () {
    const { client } = yield* runningTarget()
    yield* client.call("bdev_null_create", { name: "N0", num_blocks: 8, block_size: 512 })
    const { text } = Object(yield* client.call("lunlog_get_metrics"))
    const metrics = readExposition(text)
    const page = documented()
    assert.isAbove(page.size, 50)
    assert.deepStrictEqual([...page.keys()].sort(), [...metrics.keys()].sort())
    for (const { name, series, type } of metrics.values()) {
      assert.strictEqual(page.get(name)?.type, type, name)
      for (const { labels } of series) {
        const given = [...labels.keys()].filter((label) => label !== "le").sort()
        assert.deepStrictEqual(given, [...(page.get(name)?.labels ?? [])].sort(), name)
      }
    }
  })
)
