/** Plans of files: from what is there to what a file wants. */
import { assert, describe, it } from "vitest"
import { demoConfig, demoTarget } from "../../src/cli/serve/demo-config.ts"
import { listChanges } from "../../src/config/plan/list-changes.ts"
import { applyTo, byRpc, driftTexts, nothing, planFor, type Running, recorded, stepTexts } from "./plan-support.ts"
import { desiredOf, readText } from "./support.ts"

const file = (source: string, running: Running = nothing) => desiredOf(readText(source), running.state)
const demo = demoConfig(3260)
const made = applyTo(nothing, file(demo))

const tags = (running: Running, source: string) =>
  planFor(running, file(source, running)).works.map(({ command }) => command._tag)

describe("a plan", () => {
  it("on nothing creates everything, in an order that works", () => {
    assert.deepStrictEqual(tags(nothing, demo), [
      "CreateBdev",
      "CreateBdev",
      "CreatePortalGroup",
      "CreateInitiatorGroup",
      "CreateTargetNode"
    ])
  })

  it("on its own result does nothing, and leaves no record", () => {
    const plan = planFor(made, file(demo, made))
    const { conflicts, drift, kept, steps, works } = plan
    assert.deepStrictEqual([conflicts, drift, kept, steps, works, recorded(made, plan)], [[], [], [], [], [], []])
  })

  it("counts nothing that only looks different: comments, units, the order of keys", () => {
    const other = `# the same\n${demo}`.replaceAll("64 MiB", "65536 KiB")
    assert.notStrictEqual(other, demo)
    assert.deepStrictEqual(recorded(made, planFor(made, file(other, made))), [])
  })

  it("removes what a file has made and no longer declares, users first", () => {
    assert.deepStrictEqual(tags(made, ""), [
      "DeleteTargetNode",
      "DeleteBdev",
      "DeleteBdev",
      "DeletePortalGroup",
      "DeleteInitiatorGroup"
    ])
  })

  it("sets a target's histogram as the file says, and leaves one alone that was enabled by hand", () => {
    const on = demo.replace("alias:", "histogram: true\n    alias:")
    assert.deepStrictEqual(tags(made, on), ["SetTargetNodeHistogram"])
    const counting = applyTo(made, file(on, made))
    assert.deepStrictEqual(tags(counting, on), [])
    assert.deepStrictEqual(tags(counting, demo), ["SetTargetNodeHistogram"])
    const byHand = byRpc(made, { _tag: "SetTargetNodeHistogram", target: demoTarget, enabled: true })
    assert.deepStrictEqual(tags(byHand, demo), [])
  })

  it("changes in place what a map gives, and leaves alone what was changed by hand", () => {
    const narrowed = demo.replace("initiatorGroup: 2 }", "initiatorGroup: 2, luns: [1], readOnly: true }")
    assert.deepStrictEqual(tags(made, narrowed), ["SetTargetNodeMapAccess"])
    const after = applyTo(made, file(narrowed, made))
    assert.deepStrictEqual(tags(after, narrowed), [])
    assert.deepStrictEqual(tags(after, demo), ["SetTargetNodeMapAccess"])
    const ref = { target: demoTarget, portalGroup: 1, initiatorGroup: 2 }
    const byHand = byRpc(made, { _tag: "SetTargetNodeMapAccess", ...ref, readOnly: true })
    assert.deepStrictEqual(tags(byHand, demo), [])
  })

  it("maps a LUN id to another bdev by removing it first", () => {
    assert.deepStrictEqual(tags(made, demo.replace("lun: 1, bdev: Malloc1", "lun: 1, bdev: Malloc0")), [
      "RemoveLun",
      "AddLun"
    ])
  })

  it.each([
    [
      "a disk's size",
      "name: Malloc0, size: 64 MiB",
      "name: Malloc0, size: 32 MiB",
      /Malloc0 has blockCount 131072 and/
    ],
    [
      "a disk's type",
      "type: malloc, name: Malloc1",
      "type: null, name: Malloc1",
      /Malloc1 has type malloc and not null/
    ],
    [
      "what a disk has not",
      "type: malloc, name: Malloc1",
      "type: malloc, removable: true, name: Malloc1",
      /Malloc1 has no removable, and the file asks for true;/
    ]
  ])("refuses to change %s, which would lose data, and names it", (_, before, after, expected) => {
    const source = demo.replace(before, after)
    assert.notStrictEqual(source, demo)
    const { conflicts } = planFor(made, file(source, made))
    assert.lengthOf(conflicts, 1)
    assert.match(conflicts[0]?.message ?? "", expected)
  })

  it("makes anew what can only be made anew", () => {
    const other = demo.replace("127.0.0.1:3260", "127.0.0.2:3260").replace("Data Disk1", "Other")
    assert.deepStrictEqual(stepTexts(planFor(made, file(other, made))), [
      'replace portal group 1; portals: "127.0.0.1:3260" -> "127.0.0.2:3260"',
      'replace target iqn.2016-06.io.spdk:disk1; alias: "Data Disk1" -> "Other"'
    ])
  })

  it("makes a disk anew that becomes removable", () => {
    const source = (removable: string) => `bdevs: [{ type: null, name: Null0, size: 64 MiB${removable} }]`
    const before = applyTo(nothing, file(source("")))
    assert.deepStrictEqual(stepTexts(planFor(before, file(source(", removable: false"), before))), [])
    const texts = stepTexts(planFor(before, file(source(", removable: true"), before)))
    assert.lengthOf(texts, 1)
    assert.match(texts[0] ?? "", /^replace bdev Null0; removable: .*true/u)
  })

  it("sets options only when the file has some and they differ", () => {
    assert.deepStrictEqual(tags(made, `options: { nopTimeout: 60 }\n${demo}`), [])
    assert.deepStrictEqual(tags(made, `options: { nopTimeout: 61 }\n${demo}`), ["SetIscsiOptions"])
  })

  it("grows null bdevs, and changes latencies and limits in place", () => {
    const source = (size: string, latency: number, qos: string) => `
bdevs:
  - { type: null, name: Null0, size: ${size}, qos: ${qos} }
  - { type: delay, name: Slow, base: Null0, averageRead: ${latency}, p99Read: 50 }`
    const before = applyTo(nothing, file(source("64 MiB", 10, "{ readWriteIops: 2000 }")))
    assert.deepStrictEqual(stepTexts(planFor(before, file(source("128 MiB", 20, "{}"), before))), [
      "change bdev Null0; blockCount: 131072 -> 262144; qos.readWriteIops: 2000 -> 0",
      "change bdev Slow; averageReadMicros: 10 -> 20"
    ])
    assert.deepStrictEqual(tags(before, source("128 MiB", 20, "{}")), [
      "ResizeNullBdev",
      "SetBdevQos",
      "SetBdevLatencies"
    ])
  })

  it("tells the size of a file's disk from what the file says of it", () => {
    const aio = "bdevs: [{ type: aio, name: f, file: /srv/f, blockSize: 512 }]"
    const running = applyTo(nothing, file(aio))
    const grown = { ...running, seq: running.seq + 1 }
    assert.deepStrictEqual(driftTexts(planFor(grown, file(aio, grown))), [])
  })
})

describe("changes of a list", () => {
  const change = (now: string, wanted: string) => {
    const { added, removed } = listChanges([...now], [...wanted], (item) => item)
    return `-${removed.join("")} +${added.join("")}`
  }

  it.each([
    ["abc", "abc", "- +"],
    ["ab", "abc", "- +c"],
    ["abc", "ac", "-b +"],
    ["abc", "acd", "-b +d"],
    ["abc", "cba", "-abc +cba"],
    ["bc", "abc", "-bc +abc"]
  ])("from %s to %s are %s", (now, wanted, expected) => {
    assert.strictEqual(change(now, wanted), expected)
  })
})
