/**
 * The example of SPDK's iSCSI guide, end to end: its commands over the socket, then what real initiators see. In
 * `empty` mode every start begins with nothing, so the same commands work again; in `resume` mode a start brings
 * everything back.
 */
import { afterEach, assert, beforeEach, it } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { guideTargetName, lunUrl, mallocBytes, portalUrl, setUpGuide } from "../support/guide.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"

const toolMillis = 20_000

const output = async (command: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const result = await runCommand({ command, args }, toolMillis)
  assert.strictEqual(result.code, 0, `${command} ${args.join(" ")}: ${result.stdout}${result.stderr}`)
  return result.stdout
}

/** The guide's two disks as three initiator tools show them. */
const seesGuideDisks = async (port: number): Promise<void> => {
  const listing = (await output("iscsi-ls", "-s", portalUrl(port))).trim().split("\n")
  assert.deepStrictEqual(
    listing.map((line) => line.trim().replace(/\s+/g, " ")),
    [
      `Target:${guideTargetName} Portal:127.0.0.1:${port},1`,
      "Lun:0 Type:DIRECT_ACCESS (Size:63M)",
      "Lun:1 Type:DIRECT_ACCESS (Size:63M)"
    ],
    "iscsi-ls shows 64 MiB as 63M: it rounds the last block's address down"
  )
  for (const lun of [0, 1]) {
    const inquiry = await output("iscsi-inq", lunUrl(port, lun))
    assert.include(inquiry, "Peripheral Qualifier:CONNECTED")
    assert.include(inquiry, "Peripheral Device Type:DIRECT_ACCESS")
    const capacity = await output("iscsi-readcapacity16", lunUrl(port, lun))
    assert.include(capacity, `RETURNED LOGICAL BLOCK ADDRESS:${mallocBytes / 512 - 1}\n`)
    assert.include(capacity, "LOGICAL BLOCK LENGTH IN BYTES:512\n")
    assert.include(capacity, `Total size:${mallocBytes}\n`)
  }
}

const identity = async (port: number, lun: number): Promise<string> =>
  output("iscsi-inq", "-e", "1", "-c", "131", lunUrl(port, lun))

/** What the RPC methods say about everything that the guide made. */
const described = async (target: TargetProcess): Promise<unknown> => ({
  portalGroups: await target.rpc.call("iscsi_get_portal_groups"),
  initiatorGroups: await target.rpc.call("iscsi_get_initiator_groups"),
  targetNodes: await target.rpc.call("iscsi_get_target_nodes"),
  bdevs: await target.rpc.call("bdev_get_bdevs")
})

describeWithTools(["iscsi-ls", "iscsi-inq", "iscsi-readcapacity16"], "the example of SPDK's iSCSI guide", () => {
  let directory: string

  beforeEach(() => {
    directory = makeDirectory("guide")
  })

  afterEach(() => removeDirectory(directory))

  it("works on two consecutive starts that begin empty", async () => {
    const port = await freePort()
    for (const start of [1, 2]) {
      await using target = await startTarget({ directory, stateMode: "empty" })
      assert.deepStrictEqual(await target.rpc.call("iscsi_get_target_nodes"), [], `start ${start}`)
      assert.deepStrictEqual(await target.rpc.call("bdev_get_bdevs"), [], `start ${start}`)
      await setUpGuide(target.rpc, port)
      await seesGuideDisks(port)
      assert.deepStrictEqual(await target.stop(), { code: 0, signal: null }, target.stderr())
    }
  })

  it("is there again, with the same identities, after a stop and after kill -9", async () => {
    const port = await freePort()
    let before: unknown
    let identities: ReadonlyArray<string>
    {
      await using target = await startTarget({ directory, stateMode: "resume" })
      await setUpGuide(target.rpc, port)
      await seesGuideDisks(port)
      before = await described(target)
      identities = [await identity(port, 0), await identity(port, 1)]
      assert.notStrictEqual(identities[0], identities[1])
    }
    for (const end of ["stop", "kill"] as const) {
      await using target = await startTarget({ directory, stateMode: "resume" })
      await seesGuideDisks(port)
      assert.deepStrictEqual(await described(target), before)
      assert.deepStrictEqual([await identity(port, 0), await identity(port, 1)], identities)
      await target[end]()
    }
    await using target = await startTarget({ directory, stateMode: "resume" })
    assert.deepStrictEqual(await described(target), before)
  })

  it("lets no initiator in that the initiator group does not name", async () => {
    const port = await freePort()
    await using target = await startTarget({ directory, stateMode: "empty" })
    await setUpGuide(target.rpc, port)
    await target.rpc.call("iscsi_initiator_group_remove_initiators", { tag: 2, initiators: ["ANY"] })
    await target.rpc.call("iscsi_initiator_group_add_initiators", {
      tag: 2,
      initiators: ["iqn.2020-01.org.example:one"]
    })
    const listing = await runCommand({ command: "iscsi-ls", args: [portalUrl(port)] }, toolMillis)
    assert.notInclude(listing.stdout, guideTargetName, "SendTargets leaves out what the initiator may not use")
    const refused = await runCommand({ command: "iscsi-inq", args: [lunUrl(port, 0)] }, toolMillis)
    assert.notStrictEqual(refused.code, 0)
    const named = ["-i", "iqn.2020-01.org.example:one", lunUrl(port, 0)]
    assert.include(await output("iscsi-inq", ...named), "DIRECT_ACCESS")
  })
})
