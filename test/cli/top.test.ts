/** `lunlog top` as a process, beside IO that a scripted initiator does. */
import { assert, it } from "vitest"
import { startChild } from "../support/child-process.ts"
import { clearUnitAttentions, readBlocks } from "../support/initiator/commands.ts"
import { Session } from "../support/initiator/Session.ts"
import { freePort, projectDirectory, startTarget } from "../support/target-process.ts"
import { until } from "../support/until.ts"
import { binOf, lunlog } from "./support.ts"

const targetName = "iqn.2016-06.io.spdk:disk1"

it("shows what LUNs and sessions do, as text and as JSON, and ends after its count or with Ctrl-C", async () => {
  await using target = await startTarget({ stateMode: "empty" })
  const { call } = target.rpc
  const port = await freePort()
  await call("bdev_malloc_create", { name: "Malloc0", num_blocks: 2048, block_size: 512 })
  await call("iscsi_create_portal_group", { tag: 1, portals: [{ host: "127.0.0.1", port: String(port) }] })
  await call("iscsi_create_initiator_group", { tag: 1, initiators: ["ANY"], netmasks: ["127.0.0.0/8"] })
  await call("iscsi_create_target_node", {
    name: "disk1",
    alias_name: "",
    pg_ig_maps: [{ pg_tag: 1, ig_tag: 1 }],
    luns: [{ bdev_name: "Malloc0", lun_id: 0 }],
    queue_depth: 32,
    disable_chap: true
  })
  const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName })
  await clearUnitAttentions(session, 0)
  const before = Object(await call("lunlog_get_statistics", {}))
  const args = [binOf("lunlog"), "top", "--json", "--interval", "200ms", "-r", target.socketPath]
  const child = await startChild({ command: process.execPath, args, directory: projectDirectory })
  const shown = () => child.stdout().split("\n").slice(0, -1)
  // Until an interval has reads from its beginning to its end.
  while (shown().length < 3) await readBlocks(session, 0, 0, 8)
  child.signal("SIGINT")
  assert.deepStrictEqual(await child.exited, { code: 0, signal: null })
  const interval = JSON.parse(shown()[2] ?? "")
  assert.deepInclude(interval.luns[0], { target: targetName, lun_id: 0, bdev_name: "Malloc0", errors_per_second: 0 })
  const [lun] = interval.luns
  assert.isAbove(lun.reads_per_second, 0)
  assert.approximately(lun.bytes_read_per_second, lun.reads_per_second * 4096, 4096)
  assert.isAbove(lun.read_latency_micros, 0)
  assert.deepInclude(interval.sessions[0], { initiator_addr: "127.0.0.1", reads_per_second: lun.reads_per_second })
  const after = Object(await call("lunlog_get_statistics"))
  assert.isAbove(after.at_nanos, before.at_nanos)
  assert.isAbove(after.luns[0].reads, before.luns[0].reads)
  assert.deepInclude(after.sessions[0], { reads: after.luns[0].reads, bytes_read: after.luns[0].bytes_read })
  const [page, short] = await Promise.all([
    lunlog("top", "-n", "1", "-r", target.socketPath),
    lunlog("top", "--interval", "5ms", "-r", target.socketPath)
  ])
  assert.match(page.stdout, /^\d+ IO\/s, .*, 1 LUN, 1 session, in [\d.]+ s\n\nTARGET +LUN +BDEV/u)
  assert.notInclude(page.stdout, "\u001b")
  assert.strictEqual(page.code, 0)
  assert.match(short.stderr, /5ms is too short; use 100ms or more/)
  await until("a sample of the history", async () => {
    const { samples } = Object(await call("lunlog_get_metrics_history"))
    return samples.some(({ totals }: { readonly totals: { readonly reads: number } }) => totals.reads > 0)
  })
  const [past, history, longAgo, metrics] = await Promise.all([
    lunlog("top", "--since", "10m", "-r", target.socketPath),
    lunlog("top", "--since", "10m", "--json", "-r", target.socketPath),
    lunlog("top", "--since", "48h", "-r", target.socketPath),
    lunlog("metrics", "-r", target.socketPath)
  ])
  assert.match(past.stdout, /^AT +READ\/s .* SESSIONS +CPU +LAG\n\d{4}-\d\d-\d\dT[\d:]+Z /u)
  const samples: ReadonlyArray<{ readonly luns: ReadonlyArray<unknown> }> = JSON.parse(history.stdout).samples
  const known = samples.flatMap(({ luns }) => luns)
  assert.deepInclude(known[0], { target: targetName, lun_id: 0, bdev_name: "Malloc0", errors: 0 })
  assert.match(longAgo.stderr, /"48h" is no duration that the target remembers; write 90s, 10m or 6h \(up to 24h\)/)
  assert.include(metrics.stdout, `lunlog_lun_info{target="${targetName}",lun="0",bdev="Malloc0"} 1\n`)
  session.drop()
})
