/** Metrics of a running target: what initiators do is counted, and nothing falls that Prometheus takes to rise. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { cdb, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { Session } from "../support/initiator/Session.ts"
import { type MetricValues, metricValues } from "../support/metric-values.ts"
import { describeWithTools, findTool } from "../support/requires-tool.ts"
import { projectDirectory } from "../support/target-process.ts"

/** SYNCHRONIZE CACHE(10) of the whole disk. */
const synchronizeCache = Buffer.from([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0])

const name = `${nodeBase}:metrics`

const sessions: Array<Session> = []
afterEach(() => {
  for (const session of sessions.splice(0)) session.drop()
})

const scrape = async (lunlog: Lunlog): Promise<MetricValues> => metricValues(await textOf(lunlog))

const textOf = async (lunlog: Lunlog): Promise<string> => String(Object(await lunlog.call("lunlog_get_metrics")).text)

/** Three reads, two writes and a flush of LUN 0, a read of LUN 1, a login that is refused. */
const play = async (lunlog: Lunlog): Promise<void> => {
  for (const disk of ["A", "B"]) await lunlog.createMalloc(disk, 1)
  await lunlog.createTarget({ name, luns: { 0: "A", 1: "B" } })
  const session = await lunlog.open(name, {}, 0)
  sessions.push(session)
  await session.command({ lun: 1, cdb: cdb.testUnitReady() })
  for (let round = 0; round < 3; round++) await readBlocks(session, 0, 0, 8)
  for (let round = 0; round < 2; round++) await writeBlocks(session, 0, 8 * round, makePattern(0, 8, 1, 512))
  await session.command({ lun: 0, cdb: synchronizeCache })
  await readBlocks(session, 1, 0, 8)
  const refused = Session.open({ endpoint: lunlog.endpoint, targetName: `${nodeBase}:nobody` })
  await refused.then(
    () => assert.fail("a login to no target was accepted"),
    () => undefined
  )
}

const target = { target: name }

describe("metrics of a target", () => {
  it.each([
    ["with one reactor", []],
    ["with workers", ["--workers", "2"]]
  ] as const)("%s are what initiators did, and stay when a LUN goes", async (_, args) => {
    await using lunlog = await startLunlog({ args })
    await play(lunlog)
    const first = await scrape(lunlog)
    const ios = (operation: string) => first("lunlog_target_ios_total", { ...target, operation })
    assert.deepStrictEqual([ios("read"), ios("write"), ios("flush")], [4, 2, 1])
    assert.strictEqual(first("lunlog_target_io_bytes_total", { ...target, operation: "read" }), 4 * 4096)
    assert.strictEqual(first("lunlog_lun_ios_total", { ...target, lun: "1", operation: "read" }), 1)
    assert.strictEqual(first("lunlog_lun_info", { ...target, lun: "1", bdev: "B" }), 1)
    assert.strictEqual(first("lunlog_bdev_ios_total", { bdev: "A", operation: "write" }), 2)
    assert.strictEqual(first("lunlog_session_io_bytes_total", { operation: "write" }), 2 * 4096)
    const commands = (command: string) => first("lunlog_command_duration_seconds_count", { ...target, command })
    assert.deepStrictEqual([commands("READ"), commands("WRITE"), commands("SYNCHRONIZE CACHE")], [4, 2, 1])
    assert.isAbove(first("lunlog_command_duration_seconds_sum", { ...target, command: "READ" }) ?? 0, 0)
    assert.strictEqual(first("lunlog_login_refusals_total", { status: "0203" }), 1)
    assert.isAbove(first("lunlog_log_sync_duration_seconds_count") ?? 0, 0)
    assert.isAbove(first("lunlog_log_stored_bytes") ?? 0, 0)
    assert.isAbove(first("process_open_fds") ?? 0, 0)
    await lunlog.call("iscsi_target_node_remove_lun", { name, lun_id: 1 })
    const second = await scrape(lunlog)
    assert.strictEqual(second("lunlog_target_ios_total", { ...target, operation: "read" }), 4)
    assert.isUndefined(second("lunlog_lun_ios_total", { ...target, lun: "1", operation: "read" }))
    assert.strictEqual(second("lunlog_target_luns", target), 1)
    const drained = [0, 1, 2].map((reactor) =>
      second("lunlog_drains_total", { reactor: `${reactor}`, outcome: "drained" })
    )
    assert.strictEqual(
      drained.reduce((sum: number, count) => sum + (count ?? 0), 0),
      1
    )
  })
})

const metricNames = (text: string): ReadonlyArray<string> => [
  ...new Set(text.match(/\b(?:lunlog|process|nodejs)_[a-z_]+/gu) ?? [])
]

describeWithTools(["promtool"], "what is made for Prometheus", () => {
  const promtool = (args: ReadonlyArray<string>, input?: string) => {
    const { status, stderr, stdout } = spawnSync(findTool("promtool") ?? "", args, {
      encoding: "utf8",
      ...(input === undefined ? {} : { input })
    })
    return { status, output: `${stdout}${stderr}` }
  }

  it("is right in promtool's eyes, and asks only for what there is", async () => {
    await using lunlog = await startLunlog()
    await play(lunlog)
    const text = await textOf(lunlog)
    assert.deepStrictEqual(promtool(["check", "metrics"], text), { status: 0, output: "" })
    const deploy = join(projectDirectory, "deploy/prometheus")
    const checked = promtool(["check", "config", join(deploy, "prometheus.yml")])
    assert.strictEqual(checked.status, 0, checked.output)
    const tested = promtool(["test", "rules", join(deploy, "lunlog.rules.test.yml")])
    assert.strictEqual(tested.status, 0, tested.output)
    const known = new Set(metricNames(text))
    const used = ["grafana/lunlog.json", "prometheus/lunlog.rules.yml"].flatMap((file) =>
      metricNames(readFileSync(join(projectDirectory, "deploy", file), "utf8"))
    )
    assert.isAbove(used.length, 20)
    assert.deepStrictEqual(
      used.filter((metric) => !known.has(metric)),
      []
    )
  })
})
