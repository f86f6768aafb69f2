/** What the pages of what there is are made of: rows, trees, problems, the index of objects, addresses, numbers. */
import { assert, describe, it } from "vitest"
import {
  agoText,
  counted,
  durationText,
  iopsText,
  latencyText,
  sizeText,
  throughputText
} from "../../src/console/format.ts"
import { targetNodes } from "../../src/console/live/topology-nodes.ts"
import { chartSummary, sampledRows } from "../../src/console/parts/chart-data.ts"
import { filteredRows, sortedRows } from "../../src/console/parts/table-rows.ts"
import { type TreeNode, treeLines, treeMove } from "../../src/console/parts/tree-nodes.ts"
import { hrefOf, linkTo, parseHash } from "../../src/console/route.ts"
import { getBdevs, getTargets, lunlogStatus } from "../../src/console/rpc/methods.ts"
import { AnswerMismatch } from "../../src/console/rpc/reader-codec.ts"
import { holding, isSame } from "../../src/console/store/is-same.ts"
import { objectIndex, stackOf } from "../../src/console/store/ObjectIndex.ts"
import { problemsOf } from "../../src/console/store/problems.ts"
import { pauseAfter } from "../../src/console/store/Repeated.ts"

const bdev = (name: string, driver: object = {}) => ({
  name,
  product_name: "Malloc disk",
  block_size: 512,
  num_blocks: 2048,
  uuid: `uuid ${name}`,
  driver_specific: driver
})

const target = (name: string, luns: ReadonlyArray<readonly [number, string]>) => ({
  name,
  alias_name: "",
  pg_ig_maps: [{ pg_tag: 1, ig_tag: 2 }],
  luns: luns.map(([lun_id, bdev_name]) => ({ lun_id, bdev_name })),
  queue_depth: 64,
  disable_chap: true,
  require_chap: false,
  mutual_chap: false,
  chap_group: 0,
  header_digest: false,
  data_digest: false
})

const healthy = {
  version: "0.1.0",
  instance_id: "i",
  pid: 1,
  started_at: 0,
  state: "RUNTIME",
  log: { durable_seq: 5, tip_seq: 5, control_no: 3, dropped_observations: 0 },
  portals: [{ tag: 1, host: "10.0.0.1", port: 3260, state: "listening" }],
  bdevs: [{ name: "b0", state: "up" }],
  memory: { limit: 100, used: 10, connections: 0, commands: 0, output: 0, disks: 10, process: { resident: 1 } }
}

const status = (changes: object = {}) => lunlogStatus.reader({ ...healthy, ...changes })

describe("rows of a table", () => {
  const rows = ["disk10", "disk9", "Disk1"]

  it("are ordered as people count, and equal ones stay where they are", () => {
    assert.deepStrictEqual(sortedRows(rows, { by: (row) => row }, false), ["Disk1", "disk9", "disk10"])
    assert.deepStrictEqual(sortedRows(rows, { by: () => 0 }, true), rows)
    assert.deepStrictEqual(sortedRows([1, 30, 4], { by: (row) => row }, true), [30, 4, 1])
  })

  it("are kept if they hold all words of the filter", () => {
    assert.deepStrictEqual(
      filteredRows(rows, " DISK 1 ", (row) => row),
      ["disk10", "Disk1"]
    )
    assert.strictEqual(
      filteredRows(rows, "  ", (row) => row),
      rows
    )
  })
})

describe("a tree", () => {
  const leaf = (key: string): TreeNode => ({ key, label: key })
  const roots: ReadonlyArray<TreeNode> = [
    { ...leaf("a"), children: () => [leaf("a1"), { ...leaf("a2"), children: () => assert.fail("not open") }] },
    leaf("b")
  ]

  it("makes children of what is open, and of nothing else", () => {
    assert.deepStrictEqual(
      treeLines(roots, new Set()).map(({ node }) => node.key),
      ["a", "b"]
    )
    const lines = treeLines(roots, new Set(["a"]))
    assert.deepStrictEqual(
      lines.map(({ level, node, parent, position, siblings }) => [node.key, level, parent, position, siblings]),
      [
        ["a", 1, -1, 1, 2],
        ["a1", 2, 0, 1, 2],
        ["a2", 2, 0, 2, 2],
        ["b", 1, -1, 2, 2]
      ]
    )
  })

  it("is walked by the keys that trees are walked by", () => {
    const lines = treeLines(roots, new Set(["a"]))
    assert.deepStrictEqual(treeMove(lines, 0, "ArrowRight"), { _tag: "Go", index: 1 })
    assert.deepStrictEqual(treeMove(lines, 2, "ArrowRight"), { _tag: "Toggle", key: "a2" })
    assert.deepStrictEqual(treeMove(lines, 2, "ArrowLeft"), { _tag: "Go", index: 0 })
    assert.deepStrictEqual(treeMove(lines, 0, "ArrowLeft"), { _tag: "Toggle", key: "a" })
    assert.deepStrictEqual(treeMove(lines, 3, "ArrowDown"), { _tag: "Go", index: 3 })
    assert.deepStrictEqual(treeMove(lines, 3, "Home"), { _tag: "Go", index: 0 })
    assert.strictEqual(treeMove(lines, 3, "x"), undefined)
    assert.strictEqual(treeMove([], 0, "ArrowDown"), undefined)
  })
})

describe("the index", () => {
  const lists = {
    drains: [{ target: "iqn.t", lun_id: 1, commands_left: 4, deadline_at: 99 }],
    states: status().bdevs,
    targets: getTargets.reader([target("iqn.t", [[0, "slow"]])]),
    bdevs: getBdevs.reader([bdev("slow", { delay: { name: "slow", base_bdev_name: "b0" } }), bdev("b0")]),
    sessions: []
  }

  it("has LUNs that take commands and those that drain, each once", () => {
    const index = objectIndex(lists)
    assert.deepStrictEqual(
      index.luns.map(({ bdev: name, key }) => [key, name]),
      [
        ["iqn.t/0", "slow"],
        ["iqn.t/1", undefined]
      ]
    )
    const both = objectIndex({ ...lists, targets: getTargets.reader([target("iqn.t", [[1, "b0"]])]) })
    assert.deepStrictEqual(
      both.luns.map(({ drain, key }) => [key, drain?.commands_left]),
      [["iqn.t/1", 4]]
    )
  })

  it("follows stacks down, and ends where one leads back to itself", () => {
    const index = objectIndex(lists)
    assert.deepStrictEqual(
      stackOf(index, "slow").map(({ name }) => name),
      ["slow", "b0"]
    )
    assert.deepStrictEqual(index.above.get("b0"), ["slow"])
    const round = [bdev("x", { a: { base_bdev: "y" } }), bdev("y", { a: { base_bdev: "x" } })]
    assert.strictEqual(stackOf(objectIndex({ ...lists, bdevs: getBdevs.reader(round) }), "x").length, 2)
  })

  it("becomes a tree that tells what drains", () => {
    const topology = {
      index: objectIndex(lists),
      targets: lists.targets,
      portalGroups: [],
      initiatorGroups: [],
      portals: []
    }
    const [root] = targetNodes(topology)
    assert.strictEqual(root?.detail, "2 LUNs, 0 sessions")
    const badges = root?.children?.().map(({ badge, label }) => [label, badge?.text])
    assert.deepStrictEqual(badges?.slice(0, 2), [
      ["LUN 0", undefined],
      ["LUN 1", "draining, 4 commands left"]
    ])
  })
})

describe("problems", () => {
  it("are none of a target that is well", () => {
    assert.deepStrictEqual(problemsOf(status()), [])
  })

  it("begin with the worst, and lead to the object", () => {
    const found = problemsOf(
      status({
        warnings: ["began empty"],
        portals: [{ tag: 3, host: "10.0.0.1", port: 3260, state: "failed", code: "EADDRINUSE" }],
        bdevs: [
          { name: "weak", state: "degraded", detail: "a sync has failed" },
          { name: "gone", state: "detached" }
        ],
        reactors: [{ index: 1, state: "down", targets: ["t"], bdevs: 0, connections: 0, failures: 1 }],
        memory: { ...healthy.memory, used: 95 },
        drift_count: 2,
        drift: [{ message: "LUN 1 was removed" }]
      })
    )
    assert.deepStrictEqual(
      found.map(({ tone, title }) => [tone, title]),
      [
        ["bad", "Portal 10.0.0.1:3260 is failed"],
        ["bad", "Reactor 1 is down"],
        ["bad", "Disk gone is detached"],
        ["warn", "began empty"],
        ["warn", "Disk weak is degraded"],
        ["warn", "Memory is 95% used"],
        ["warn", "2 differences from the configuration"]
      ]
    )
    assert.strictEqual(found[2]?.href, "#/disks/gone")
  })

  it("are bounded however many disks have failed", () => {
    const bdevs = Array.from({ length: 10_000 }, (_, index) => ({ name: `b${index}`, state: "failed" }))
    const found = problemsOf(status({ bdevs }))
    assert.strictEqual(found.length, 21)
    assert.strictEqual(found.at(-1)?.title, "9,980 more disks are not up")
  })
})

describe("answers", () => {
  it("are refused with the place that is wrong", () => {
    const wrong = { ...healthy, portals: [{ tag: 1, host: "h", port: "3260", state: "listening" }] }
    try {
      lunlogStatus.reader(wrong)
      assert.fail("it was read")
    } catch (error) {
      assert(error instanceof AnswerMismatch)
      assert.strictEqual(`${error.path}: ${error.message}`, ".portals[0].port: expected a number")
    }
  })

  it("that say the same stay the same object", () => {
    assert.isTrue(isSame({ a: [1, { b: null }] }, { a: [1, { b: null }] }))
    assert.isFalse(isSame({ a: 1 }, { a: 1, b: undefined }))
    assert.isFalse(isSame([1], { 0: 1 }))
    const hold = holding<ReadonlyArray<number>>()
    const first = hold([1, 2])
    assert.strictEqual(hold([1, 2]), first)
    assert.deepStrictEqual(hold([1, 3]), [1, 3])
  })
})

describe("addresses", () => {
  it("are read as they were written, whatever is in the names", () => {
    const name = "iqn.2016-06.io.spdk:disk/1?x#%"
    const { segments } = parseHash(linkTo.lun(name, 3))
    assert.deepStrictEqual(segments, ["targets", name, "luns", "3"])
    const { query } = parseHash(hrefOf(["log"], { object: `target:${name}`, q: "a b" }))
    assert.strictEqual(query.get("object"), `target:${name}`)
    assert.strictEqual(query.get("q"), "a b")
    assert.deepStrictEqual(parseHash("#/a%ZZ").segments, ["a%ZZ"])
    assert.deepStrictEqual(parseHash("").segments, [])
  })
})

describe("numbers", () => {
  it("are short, with their units", () => {
    assert.deepStrictEqual([0, 0.34, 812, 12_345, 1_234_567].map(iopsText), ["0", "0.3", "812", "12,345", "1.23 M"])
    assert.deepStrictEqual([0, 0.85, 12.34, 4500, 1_200_000].map(latencyText), [
      "–",
      "850 ns",
      "12.3 µs",
      "4.5 ms",
      "1.2 s"
    ])
    assert.deepStrictEqual([0, 999, 12_345_678].map(throughputText), ["0", "999 B/s", "12.3 MB/s"])
    assert.deepStrictEqual([0, 512, 64 * 1024 ** 2, 1.5 * 1024 ** 4].map(sizeText), [
      "0 B",
      "512 B",
      "64 MiB",
      "1.5 TiB"
    ])
    assert.deepStrictEqual([0, 59, 61, 3600, 90_000].map(durationText), ["0 s", "59 s", "1 min 1 s", "1 h", "1 d 1 h"])
    assert.strictEqual(agoText(1_000_000, 1_065_000), "1 min ago")
    assert.strictEqual(counted(1, "LUN"), "1 LUN")
    assert.strictEqual(counted(10_000, "LUN"), "10,000 LUNs")
  })

  it("of a chart are a sentence, and a few rows", () => {
    const times = Array.from({ length: 300 }, (_, index) => 1000 + index)
    const lines = [{ label: "Read", values: times.map((time) => (time === 1299 ? null : time - 1000)) }]
    const summary = chartSummary({ title: "IOPS", times, lines, format: iopsText })
    assert.strictEqual(summary, "IOPS over 4 min 59 s: Read now 298, at most 298")
    const rows = sampledRows(times, lines)
    assert.strictEqual(rows.length, 12)
    assert.deepStrictEqual(rows[0], { at: 1299, values: [null] })
    assert.strictEqual(chartSummary({ title: "IOPS", times: [], lines, format: iopsText }), "IOPS: no samples yet")
  })

  it("of pauses double with failures, up to the longest", () => {
    const pace = { intervalMillis: 1000, longestMillis: 10_000 }
    assert.deepStrictEqual(
      [0, 1, 3, 4, 1000].map((failures) => pauseAfter(failures, pace)),
      [1000, 2000, 8000, 10_000, 10_000]
    )
  })
})
