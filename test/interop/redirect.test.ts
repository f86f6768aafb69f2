/**
 * SPDK's fail-over scenario with an initiator of somebody else's: libiscsi comes to the public portal, is sent to the
 * private one, finds its disk there, and comes back when the redirect is cleared.
 */
import { assert, it } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { guideTargetName, lunUrl, portalUrl, setUpGuide } from "../support/guide.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { freePort, startTarget, type TargetProcess } from "../support/target-process.ts"
import { until } from "../support/until.ts"

const toolMillis = 20_000

const output = async (command: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const result = await runCommand({ command, args }, toolMillis)
  assert.strictEqual(result.code, 0, `${command} ${args.join(" ")}: ${result.stdout}${result.stderr}`)
  return result.stdout
}

/** The guide's target, mapped to a private portal group 2 as well; gives that one's port. */
const setUpTwoGroups = async ({ rpc }: TargetProcess, port: number): Promise<number> => {
  await setUpGuide(rpc, port)
  const otherPort = await freePort()
  const portals = [{ host: "127.0.0.1", port: String(otherPort) }]
  await rpc.call("iscsi_create_portal_group", { tag: 2, portals, private: true })
  const maps = [{ pg_tag: 2, ig_tag: 2 }]
  await rpc.call("iscsi_target_node_add_pg_ig_maps", { name: guideTargetName, pg_ig_maps: maps })
  return otherPort
}

/** Portal groups of the sessions that have been, in order. */
const sessionGroups = async ({ rpc }: TargetProcess): Promise<ReadonlyArray<string | undefined>> => {
  const records = JSON.stringify(await rpc.call("eventlog_tail", { count: 1000 }))
  return [...records.matchAll(/"type":"SessionOpened".*?"portalGroupTag":(\d+)/g)].map(([, tag]) => tag)
}

describeWithTools(["iscsi-ls", "iscsi-inq"], "a redirected target", () => {
  it("is found by libiscsi at the portal that it is sent to, and nowhere else", async () => {
    const port = await freePort()
    await using target = await startTarget()
    const otherPort = await setUpTwoGroups(target, port)
    const to = { redirect_host: "127.0.0.1", redirect_port: String(otherPort) }
    await target.rpc.call("iscsi_target_node_set_redirect", { name: guideTargetName, pg_tag: 1, ...to })
    const listing = await output("iscsi-ls", portalUrl(port))
    assert.include(listing, `Portal:127.0.0.1:${port},1`)
    assert.notInclude(listing, String(otherPort))
    assert.include(await output("iscsi-inq", lunUrl(port, 0)), "Peripheral Qualifier:CONNECTED")
    const forGood = { name: guideTargetName, pg_tag: 1, ...to, permanent: true }
    await target.rpc.call("iscsi_target_node_set_redirect", forGood)
    // libiscsi names a permanent one, and does not follow it.
    const moved = await runCommand({ command: "iscsi-inq", args: [lunUrl(port, 0)] }, toolMillis)
    assert.include(moved.stdout + moved.stderr, "Target moved permanently(258)")
    assert.match(target.stderr(), /redirected/)
    await target.rpc.call("iscsi_target_node_set_redirect", { name: guideTargetName, pg_tag: 1 })
    assert.include(await output("iscsi-inq", lunUrl(port, 0)), "Peripheral Qualifier:CONNECTED")
    await until("both sessions are told", async () => (await sessionGroups(target)).length === 2)
    assert.deepStrictEqual(await sessionGroups(target), ["2", "1"])
  })
})
