/** A fork of a running target to libiscsi: found by its own name and port, and nobody is sent to the source. */

import { join } from "node:path"
import { assert, it } from "vitest"
import { serveProgram } from "../cli/support.ts"
import { runCommand } from "../support/child-process.ts"
import { guideTargetName, setUpGuide } from "../support/guide.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import type { RpcClient } from "../support/rpc-client.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"
import { until } from "../support/until.ts"

const output = async (command: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const { code, stderr, stdout } = await runCommand({ command, args }, 20_000)
  assert.strictEqual(code, 0, stdout + stderr)
  return stdout
}

/** Logins over the guide's portal are sent to a second one. */
const redirect = async ({ rpc }: TargetProcess): Promise<void> => {
  const port = String(await freePort())
  await rpc.call("iscsi_create_portal_group", { tag: 2, portals: [{ host: "127.0.0.1", port }], private: true })
  const maps = [{ pg_tag: 2, ig_tag: 2 }]
  await rpc.call("iscsi_target_node_add_pg_ig_maps", { name: guideTargetName, pg_ig_maps: maps })
  const to = { redirect_host: "127.0.0.1", redirect_port: port }
  await rpc.call("iscsi_target_node_set_redirect", { name: guideTargetName, pg_tag: 1, ...to })
}

/** Logins need the secret of a user. */
const requireChap = async ({ rpc }: TargetProcess): Promise<void> => {
  await rpc.call("iscsi_create_auth_group", { tag: 1, secrets: [{ user: "anna", secret: "anna-has-a-secret" }] })
  await rpc.call("iscsi_target_node_set_auth", { name: guideTargetName, require_chap: true, chap_group: 1 })
}

const portsOf = async (rpc: RpcClient): Promise<ReadonlyArray<number>> => {
  const groups = await rpc.call("iscsi_get_portal_groups")
  assert(Array.isArray(groups))
  return groups.map(({ portals }: { readonly portals: ReadonlyArray<{ readonly port: string }> }) =>
    Number(portals[0]?.port)
  )
}

const sessionsIn = async (rpc: RpcClient): Promise<ReadonlyArray<string | undefined>> => {
  const records = JSON.stringify(await rpc.call("eventlog_tail", { count: 1000 }))
  return [...records.matchAll(/"type":"SessionOpened".*?"portalGroupTag":(\d+)/gu)].map(([, tag]) => tag)
}

describeWithTools(["iscsi-ls", "iscsi-inq"], "a fork, to libiscsi", () => {
  it("is another target on other ports, redirects included", { timeout: 60_000 }, async () => {
    const directory = makeDirectory("fork")
    try {
      await using source = await startTarget()
      await setUpGuide(source.rpc, await freePort())
      await redirect(source)
      await requireChap(source)
      const state = join(directory, "fork")
      const args = ["fork", "--at", "HEAD", "-r", source.socketPath, "--fork-state", state, "--suffix", "night"]
      await using fork = await serveProgram("lunlog", args, join(state, "rpc.sock"))
      await fork.rpc.call("framework_wait_init")
      const [port = 0, other = 0] = await portsOf(fork.rpc)
      const [sourcePort = 0, sourceOther = 0] = await portsOf(source.rpc)
      assert.strictEqual(port - sourcePort, other - sourceOther)
      assert.notInclude([sourcePort, sourceOther], port)
      const listing = await output("iscsi-ls", `iscsi://127.0.0.1:${port}`)
      assert.include(listing, `Target:${guideTargetName}-night Portal:127.0.0.1:${port},1`)
      const lun = `127.0.0.1:${port}/${guideTargetName}-night/0`
      // The fork has the key of the source's secrets.
      const url = `iscsi://anna%anna-has-a-secret@${lun}`
      assert.include(await output("iscsi-inq", url), "Peripheral Qualifier:CONNECTED")
      const wrong = await runCommand({ command: "iscsi-inq", args: [`iscsi://anna%another-secret@${lun}`] }, 20_000)
      assert.include(wrong.stdout + wrong.stderr, "Authentication failure")
      await until("its session is told", async () => (await sessionsIn(fork.rpc)).length === 1)
      assert.deepStrictEqual(await sessionsIn(fork.rpc), ["2"])
      assert.deepStrictEqual(await sessionsIn(source.rpc), [])
    } finally {
      removeDirectory(directory)
    }
  })
})
