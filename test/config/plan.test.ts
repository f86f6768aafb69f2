/** Plans: from what is there to what a file wants. */
import { assert, describe, it } from "vitest"
import { demoConfig } from "../../src/cli/demo-config.ts"
import { listChanges } from "../../src/config/list-changes.ts"
import { noQos } from "../../src/domain/Bdev.ts"
import { findBdev, initialState, type State } from "../../src/domain/State.ts"
import { carryOut, commandsOf, epoch, planFor } from "./support.ts"

const nothing: State = { ...initialState, epoch }
const demo = demoConfig(3260)
const made = carryOut(commandsOf(planFor(nothing, demo)))

const tags = (now: State, source: string, byConfig?: ReadonlySet<number>) =>
  commandsOf(planFor(now, source, byConfig)).map(({ _tag }) => _tag)

describe("a plan", () => {
  it("on nothing creates everything, in an order that works", () => {
    const expected = ["CreateBdev", "CreateBdev", "CreatePortalGroup", "CreateInitiatorGroup", "CreateTargetNode"]
    assert.deepStrictEqual(tags(nothing, demo), expected)
  })

  it("on its own result does nothing", () => {
    const plan = planFor(made.state, demo, made.seqs)
    assert.deepStrictEqual({ ...plan }, { removals: [], changes: [], kept: [], conflicts: [] })
  })

  it("removes what a file has made and no longer declares, users first", () => {
    const expected = ["DeleteTargetNode", "DeleteBdev", "DeleteBdev", "DeletePortalGroup", "DeleteInitiatorGroup"]
    assert.deepStrictEqual(tags(made.state, "", made.seqs), expected)
  })

  it("keeps what was made otherwise, and names it", () => {
    const plan = planFor(made.state, "")
    assert.deepStrictEqual(commandsOf(plan), [])
    assert.deepStrictEqual(plan.kept, [
      "target iqn.2016-06.io.spdk:disk1",
      "bdev Malloc1",
      "bdev Malloc0",
      "portal group 1",
      "initiator group 2"
    ])
  })

  it("maps a LUN id to another bdev by removing it first", () => {
    const swapped = demo.replace("lun: 1, bdev: Malloc1", "lun: 1, bdev: Malloc0")
    assert.deepStrictEqual(tags(made.state, swapped, made.seqs), ["RemoveLun", "AddLun"])
  })

  it("does not take a LUN id from a mapping that was made by RPC", () => {
    const first = demo.replace(/ +- \{ lun: 1.*\n/, "")
    const byFile = carryOut(commandsOf(planFor(nothing, first)))
    const target = "iqn.2016-06.io.spdk:disk1"
    const now = carryOut([{ _tag: "AddLun", target, bdev: "Malloc0", lun: 1 }], byFile)
    const { conflicts } = planFor(now.state, demo, byFile.seqs)
    assert.match(conflicts.map(({ message }) => message).join(), /LUN 1 of .*disk1 is bdev Malloc0, mapped by RPC/)
  })

  it.each([
    [
      "a disk's size",
      "name: Malloc0, size: 64 MiB",
      "name: Malloc0, size: 32 MiB",
      /bdev Malloc0 has blockCount 131072/
    ],
    [
      "a disk's type",
      "type: malloc, name: Malloc1",
      "type: null, name: Malloc1",
      /Malloc1 is of type Malloc and not Null/
    ],
    [
      "a portal's address",
      "127.0.0.1:3260",
      "127.0.0.2:3260",
      /portal group 1 has 127\.0\.0\.1:3260 and not 127\.0\.0\.2/
    ],
    ["an alias", "Data Disk1", "Other", /target .*disk1 has alias "Data Disk1" and not "Other"/]
  ])("refuses to change %s, and names it", (_, before, after, expected) => {
    const source = demo.replace(before, after)
    assert.notStrictEqual(source, demo)
    const { conflicts } = planFor(made.state, source, made.seqs)
    assert.lengthOf(conflicts, 1)
    assert.match(conflicts[0]?.message ?? "", expected)
  })

  it("changes in place what a map gives, so that its sessions stay", () => {
    const narrowed = demo.replace("initiatorGroup: 2 }", "initiatorGroup: 2, luns: [1], readOnly: true }")
    const [command, ...more] = commandsOf(planFor(made.state, narrowed, made.seqs))
    assert.deepStrictEqual(more, [])
    const target = "iqn.2016-06.io.spdk:disk1"
    const ref = { _tag: "SetTargetNodeMapAccess", target, portalGroup: 1, initiatorGroup: 2 }
    assert.deepEqual<object | undefined>(command, { ...ref, luns: [1], readOnly: true })
    const after = carryOut(command === undefined ? [] : [command], made)
    assert.deepStrictEqual(tags(after.state, narrowed, made.seqs), [])
    assert.deepEqual<ReadonlyArray<object>>(commandsOf(planFor(after.state, demo, made.seqs)), [ref])
  })

  it("grows null bdevs, and changes latencies and limits in place", () => {
    const file = (size: string, latency: number, qos: string) => `
bdevs:
  - { type: null, name: Null0, size: ${size}, qos: ${qos} }
  - { type: delay, name: Slow, base: Null0, averageRead: ${latency}, p99Read: 50 }`
    const before = carryOut(commandsOf(planFor(nothing, file("64MiB", 10, "{ readWriteIops: 1500 }"))))
    assert.deepEqual<object | undefined>(findBdev(before.state, "Null0")?.qos, { ...noQos, readWriteIops: 2000 })
    assert.deepStrictEqual(tags(before.state, file("64MiB", 10, "{ readWriteIops: 1500 }"), before.seqs), [])
    const changes = commandsOf(planFor(before.state, file("128MiB", 20, "{ writeMiBPerSecond: 7 }"), before.seqs))
    assert.deepEqual<ReadonlyArray<object>>(changes, [
      { _tag: "ResizeNullBdev", name: "Null0", byteLength: 128 * 2 ** 20 },
      {
        _tag: "SetBdevLatencies",
        name: "Slow",
        averageReadMicros: 20,
        p99ReadMicros: 50,
        averageWriteMicros: 0,
        p99WriteMicros: 0
      },
      { _tag: "SetBdevQos", name: "Null0", ...noQos, writeMiBPerSecond: 7 }
    ])
    const after = carryOut(changes, before)
    assert.deepStrictEqual(tags(after.state, file("128MiB", 20, "{ writeMiBPerSecond: 7 }"), after.seqs), [])
    const { conflicts } = planFor(after.state, file("64MiB", 20, "{}"), after.seqs)
    assert.match(conflicts.map(({ message }) => message).join(), /bdev Null0 has blockCount 262144 and not 131072/)
    assert.deepStrictEqual(tags(after.state, file("128MiB", 20, "{}"), after.seqs), ["SetBdevQos"])
  })

  it("sets options only when the file has some and they differ", () => {
    assert.deepStrictEqual(tags(made.state, `options: { nopTimeout: 60 }\n${demo}`), [])
    assert.deepStrictEqual(tags(made.state, `options: { nopTimeout: 61 }\n${demo}`), ["SetIscsiOptions"])
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
