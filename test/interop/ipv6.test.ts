/**
 * IPv6 with an initiator of somebody else's: libiscsi finds a wildcard portal by the address that it came to, in
 * brackets, and networks of both families decide for themselves.
 */
import { networkInterfaces } from "node:os"
import { assert, it } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { guideTargetName, lunUrl, portalUrl, setUpGuide } from "../support/guide.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { freePort, startTarget } from "../support/target-process.ts"

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"))

const run = async (command: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const { stderr, stdout } = await runCommand({ command, args }, 20_000)
  return stdout + stderr
}

describeWithTools(["iscsi-ls", "iscsi-inq"], "a portal on every address", () => {
  it.runIf(hasIpv6)("is found and used over IPv6 and IPv4, each by its own networks", async () => {
    const [port, other] = [await freePort("::1"), await freePort()]
    await using target = await startTarget()
    await setUpGuide(target.rpc, other)
    const portals = ["[*]", "*"].map((host) => ({ host, port: String(port) }))
    await target.rpc.call("iscsi_create_portal_group", { tag: 6, portals })
    const admit = (tag: number, netmasks: ReadonlyArray<string>) =>
      target.rpc.call("iscsi_create_initiator_group", { tag, initiators: ["ANY"], netmasks })
    await admit(6, ["[::1]/128", "[fd00::]/8"])
    const maps = [{ pg_tag: 6, ig_tag: 6 }]
    await target.rpc.call("iscsi_target_node_add_pg_ig_maps", { name: guideTargetName, pg_ig_maps: maps })
    const listing = await run("iscsi-ls", portalUrl(port, "[::1]"))
    assert.include(listing, `Target:${guideTargetName} Portal:127.0.0.1:${other},1`)
    assert.include(listing, `Portal:[::1]:${port},6`)
    assert.include(await run("iscsi-ls", portalUrl(port)), `Portal:127.0.0.1:${port},6`)
    assert.include(await run("iscsi-inq", lunUrl(port, 0, "[::1]")), "Peripheral Qualifier:CONNECTED")
    assert.include(await run("iscsi-inq", lunUrl(port, 0)), "(514)")
    await admit(4, ["127.0.0.0/8"])
    await target.rpc.call("iscsi_target_node_add_pg_ig_maps", {
      name: guideTargetName,
      pg_ig_maps: [{ pg_tag: 6, ig_tag: 4 }]
    })
    assert.include(await run("iscsi-inq", lunUrl(port, 0)), "Peripheral Qualifier:CONNECTED")
  })
})
