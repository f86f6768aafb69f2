/** The page of `lunlog status`, from made-up answers. */
import { assert, describe, it } from "vitest"
import { type StatusView, statusText } from "../../src/cli/status/status-text.ts"

const view = (status: Partial<StatusView["status"]>, rest: Partial<StatusView> = {}): StatusView => ({
  status: {
    version: "0.1.0",
    pid: 1,
    state: "RUNTIME",
    started_at: 0,
    epoch: { number: 1, mode: "resume" },
    log: { durable_seq: 1, tip_seq: 1, control_no: 1, dropped_observations: 0 },
    portals: [],
    bdevs: [],
    lun_drains: [],
    warnings: [],
    ...status
  },
  targets: [],
  bdevs: [],
  connections: [],
  ...rest
})

/** Lines with runs of spaces as one. */
const linesOf = (text: string): ReadonlyArray<string> => text.split("\n").map((line) => line.trim().replace(/ +/g, " "))

describe("the page", () => {
  it("shows a LUN that drains below its target's others", () => {
    const drain = { target: "iqn.a:t", lun_id: 2, commands_left: 3 }
    const targets = [{ name: "iqn.a:t", luns: [{ lun_id: 0, bdev_name: "Malloc0" }] }]
    const lines = linesOf(statusText(view({ lun_drains: [drain] }, { targets })))
    assert.includeMembers([...lines], ["iqn.a:t 0 Malloc0 active", "2 draining, 3 commands left"])
  })

  it("tells of a bdev with limits how many IOs wait for them", () => {
    const status = { bdevs: [{ name: "M", state: "up", limited: { waiting_ios: 7, delayed_ios: 99 } }] }
    const bdevs = [{ name: "M", product_name: "Malloc disk", block_size: 512, num_blocks: 2048 }]
    const lines = linesOf(statusText(view(status, { bdevs })))
    assert.include(lines, "M Malloc disk 1 MiB 512 up, limited (7 IOs wait)")
  })

  it("begins with what is not as the file says that was applied", () => {
    const drift = Array.from({ length: 12 }, (_, index) => ({ message: `LUN ${index} of target t was added by RPC` }))
    const lines = linesOf(statusText(view({ config: { name: "disks.yaml" }, drift_count: 200, drift })))
    assert.strictEqual(lines[0], "drift: LUN 0 of target t was added by RPC")
    assert.strictEqual(lines[10], "drift: and 190 more; lunlog plan disks.yaml shows all")
    assert.match(lines[12] ?? "", /^lunlog 0\.1\.0/)
  })

  it("says of a fork where it is from", () => {
    const fork = { source_instance_id: "9b2c", source_seq: 42, source_at: 1_000_000, data: "empty" }
    const lines = linesOf(statusText(view({ fork })))
    const origin = "fork of 9b2c as of 1970-01-01T00:00:01.000000Z (last change: record 42)"
    assert.include(lines, `${origin}, begun with empty disks`)
  })

  it("names the group of a portal, if it has a name", () => {
    const portal = { host: "127.0.0.1", port: 3260, state: "listening" }
    const lines = linesOf(
      statusText(
        view({
          portals: [
            { ...portal, tag: 1 },
            { ...portal, tag: 2, group_name: "front" }
          ]
        })
      )
    )
    assert.includeMembers([...lines], ["127.0.0.1:3260 1 listening", "127.0.0.1:3260 front (2) listening"])
  })

  it("shows what a target that is being deleted waits for", () => {
    const drains = [
      { target: "iqn.a:gone", lun_id: 0, commands_left: 1 },
      { target: "iqn.a:gone", lun_id: 5, commands_left: 7 }
    ]
    const lines = linesOf(statusText(view({ lun_drains: drains })))
    assert.includeMembers(
      [...lines],
      ["iqn.a:gone (being deleted) 0 draining, 1 command left", "5 draining, 7 commands left"]
    )
  })

  it("begins with what is wrong", () => {
    const portals = [{ tag: 1, host: "192.0.2.1", port: 3260, state: "failed", code: "EADDRNOTAVAIL" }]
    const bdevs = [{ name: "File0", state: "failed", detail: "the file is gone\u001b[2J" }]
    const targets = [{ name: "iqn.a:alone", pg_ig_maps: [], luns: [] }]
    const lines = statusText(view({ portals, bdevs, warnings: ["the log is away"] }, { targets })).split("\n")
    assert.deepStrictEqual(lines.slice(0, 5), [
      "warning: portal 192.0.2.1:3260 is not listened on (EADDRNOTAVAIL)",
      "warning: bdev File0 is not there: the file is gone?[2J",
      "warning: nobody can reach target iqn.a:alone: it has no map",
      "warning: the log is away",
      ""
    ])
    assert.match(lines[5] ?? "", /^lunlog 0\.1\.0, process 1/)
    assert.match(statusText(view({})), /^lunlog /)
  })
})
