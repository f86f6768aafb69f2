/** `lunlog serve --otlp-endpoint`: what a change went through comes to a collector; one that is away harms nobody. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { freePort } from "../support/free-port.ts"
import { type ReceivedSpan, receiveSpans, type SpanReceiver } from "../support/SpanReceiver.ts"
import { makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"
import { until } from "../support/until.ts"
import { runProgram } from "./support.ts"

let directory: string
beforeEach(() => {
  directory = makeDirectory("tracing")
})
afterEach(() => removeDirectory(directory))

const environment = { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json", OTEL_BSP_SCHEDULE_DELAY: "20" }

const serving = (to: { readonly url: string }, args: ReadonlyArray<string> = [], more: Record<string, string> = {}) =>
  startTarget({ directory, args: ["--otlp-endpoint", to.url, ...args], environment: { ...environment, ...more } })

const named = async (receiver: SpanReceiver, name: string): Promise<ReceivedSpan> => {
  await until(`a span ${name} has come`, () => receiver.last(name) !== undefined)
  return receiver.last(name) ?? assert.fail(name)
}

/** Paths of the last spans of these names, when all that they are in has come. */
const paths = async (receiver: SpanReceiver, names: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const found = () => names.map((name) => receiver.last(name)).map((span) => (span ? receiver.path(span) : ["?"]))
  await until(`${names.join(", ")} have come`, () => !found().flat().includes("?"))
  return found().map((path) => path.join(" < "))
}

const target = "iqn.2016-06.io.spdk:d1"

const setUp = async ({ rpc }: TargetProcess): Promise<void> => {
  await rpc.call("bdev_malloc_create", { name: "M0", num_blocks: 2048, block_size: 512 })
  await rpc.call("iscsi_create_portal_group", { tag: 1, portals: [{ host: "127.0.0.1", port: `${await freePort()}` }] })
  await rpc.call("iscsi_create_initiator_group", { tag: 1, initiators: ["ANY"], netmasks: ["ANY"] })
  const luns = [{ bdev_name: "M0", lun_id: 0 }]
  const maps = [{ pg_tag: 1, ig_tag: 1 }]
  const node = { name: "d1", alias_name: "A", pg_ig_maps: maps, luns, queue_depth: 8, disable_chap: true }
  await rpc.call("iscsi_create_target_node", node)
}

describe("a server with a collector", () => {
  it("sends a span of each part of a change, one in the other, with the records that it wrote", async () => {
    await using receiver = await receiveSpans()
    await using served = await serving(receiver, [], {
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20collector-token",
      OTEL_SERVICE_NAME: "disks",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test,service.name=other"
    })
    await setUp(served)
    assert.deepStrictEqual(await paths(receiver, ["acquire", "dispatch CreateTargetNode", "decode"]), [
      "acquire < iscsi_create_portal_group",
      "dispatch CreateTargetNode < iscsi_create_target_node",
      "decode < iscsi_create_target_node"
    ])
    const dispatched = receiver.last("dispatch CreateTargetNode")
    const inside = receiver.spans.filter(({ parentSpanId }) => parentSpanId === dispatched?.spanId)
    assert.sameMembers(
      inside.map(({ name }) => name),
      ["decide", "evolve", "append", "apply"]
    )
    const [written] = await paths(receiver, ["write and sync"])
    assert.strictEqual(written, "write and sync < append < dispatch CreateTargetNode < iscsi_create_target_node")
    const { records } = await read(served, "TargetNodeCreated")
    assert.strictEqual(dispatched?.attributes["lunlog.seq"], records[0]?.seq)
    const call = await named(receiver, "iscsi_create_target_node")
    assert.deepInclude(call.attributes, { "rpc.system.name": "jsonrpc", "rpc.method": "iscsi_create_target_node" })
    assert.strictEqual(receiver.headers()["authorization"], "Bearer collector-token")
    const resource = { "service.name": "disks", "deployment.environment": "test", "process.pid": served.pid }
    assert.deepInclude(receiver.resource(), resource)
    assert.notInclude(served.stderr(), "collector-token")
  })

  it("sends the drain of a LUN as a part of what removed it, up to the record that it is gone", async () => {
    await using receiver = await receiveSpans()
    await using served = await serving(receiver)
    await setUp(served)
    await served.rpc.call("iscsi_target_node_remove_lun", { name: target, lun_id: 0 })
    const [removed] = await paths(receiver, ["dispatch RecordLunDrained"])
    const method = "iscsi_target_node_remove_lun"
    assert.strictEqual(removed, `dispatch RecordLunDrained < drain LUN < apply < dispatch RemoveLun < ${method}`)
    const drain = await named(receiver, "drain LUN")
    const [started, gone] = [await read(served, "LunRemovalStarted"), await read(served, "LunRemoved")]
    assert.deepInclude(drain.attributes, { "lunlog.target": target, "lunlog.cause.seq": started.records[0]?.seq })
    assert.strictEqual(
      receiver.last("dispatch RecordLunDrained")?.attributes["lunlog.seq"],
      gone.records.find(({ type }) => type === "LunRemoved")?.seq
    )
  })

  it("sends its start, with the levels of its configuration, and its lines say which trace they are of", async () => {
    await using receiver = await receiveSpans()
    const configFile = join(directory, "lunlog.yaml")
    writeFileSync(configFile, config(await freePort()))
    await using served = await serving(receiver, ["-c", configFile, "--log-format", "json"])
    const parts = ["open log", "read state", "dispatch StartEpoch", "start data plane", "config level"]
    assert.deepStrictEqual(await paths(receiver, parts), [
      "open log < start",
      "read state < start",
      "dispatch StartEpoch < begin epoch < start",
      "start data plane < start",
      "config level < config apply < bring up < start"
    ])
    const start = await named(receiver, "start")
    const lines = served.stderr().trim().split("\n")
    const ready = lines.map((line): unknown => JSON.parse(line)).find((line) => JSON.stringify(line).includes("ready"))
    assert.deepInclude(ready, { traceId: start.traceId })
    assert.strictEqual((await served.stop()).code, 0)
    // Sent by the last request of all, when the log is closed already.
    assert.deepStrictEqual(await paths(receiver, ["snapshot"]), ["snapshot"])
  })

  it("goes on with the trace of an HTTP caller, if that is kept, and tells failures but no secrets", async () => {
    await using receiver = await receiveSpans()
    await using served = await serving(receiver, ["--http", "0"])
    const token = readFileSync(join(served.stateDirectory, "http-token"), "utf8").trim()
    const url = /RPC over HTTP on (\S+), with/u.exec(served.stderr())?.[1] ?? assert.fail(served.stderr())
    const [kept, dropped] = ["4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"]
    const call = async (traceId: string, flags: string, method: string, params: unknown) => {
      const headers = { authorization: `Bearer ${token}`, traceparent: `00-${traceId}-00f067aa0ba902b7-${flags}` }
      await (await fetch(url, { method: "POST", headers, body: JSON.stringify({ id: 1, method, params }) })).text()
    }
    const secrets = [{ user: "u", secret: "a-long-secret-of-chap" }]
    await call(dropped, "00", "iscsi_create_auth_group", { tag: 1, secrets })
    await call(kept, "01", "iscsi_create_auth_group", { tag: 2, secrets })
    await call(kept, "01", "iscsi_create_auth_group", { tag: 3, secrets: [{ user: "u", secret: 987_654_321_987 }] })
    await until("the call that fails has come", () => receiver.last("iscsi_create_auth_group")?.status.code === 2)
    const failed = receiver.last("iscsi_create_auth_group")
    assert.deepInclude(failed?.attributes, { "rpc.response.status_code": "-32602", "error.type": "-32602" })
    const calls = receiver.spans.filter(({ name }) => name === "iscsi_create_auth_group")
    assert.deepStrictEqual([...new Set(calls.map(({ traceId }) => traceId))], [kept])
    assert.notInclude(receiver.text(), dropped)
    for (const secret of [token, "a-long-secret-of-chap", "987654321987"]) assert.notInclude(receiver.text(), secret)
  })

  it("keeps no trace that the sampler leaves out", async () => {
    await using receiver = await receiveSpans()
    await using served = await serving(receiver, [], { OTEL_TRACES_SAMPLER: "always_off" })
    await setUp(served)
    assert.strictEqual((await served.stop()).code, 0)
    assert.strictEqual(receiver.text(), "")
  })
})

describe("a collector that is away", () => {
  it("is told of once, and nothing else changes", async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    await using served = await serving({ url })
    await setUp(served)
    await until("it is told", () => served.stderr().includes("spans cannot be sent"))
    await served.rpc.call("iscsi_delete_target_node", { name: target })
    assert.strictEqual((await served.stop()).code, 0)
    const told = served.stderr().match(/^.*spans cannot.*$/gmu)
    assert.match(String(told), new RegExp(`^\\S+ warn spans cannot be sent to ${url}/v1/traces \\(.*ECONNREFUSED.*\\)`))
    assert.lengthOf(told ?? [], 1)
    assert.match(served.stderr(), /ended in order/)
  })

  it("or hangs gets a few requests at a time, and does not hold up the end", async () => {
    await using receiver = await receiveSpans({ hangs: true })
    await using served = await serving(receiver, [], { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "1" })
    await setUp(served)
    await until("it is told", () => served.stderr().includes("slower than spans come"))
    assert.isAtMost(receiver.openMax(), 4)
    assert.deepInclude(await served.stop(), { code: 0 })
  })
})

describe("spans", () => {
  it("are sent as protobuf unless the environment says otherwise, by code that is loaded only for them", async () => {
    const preload = join(directory, "loads.mjs")
    const hook = 'if (url.includes("/observability/")) process.stderr.write("loads " + url + "\\n")'
    const hooks = `{ load: (url, context, next) => { ${hook}; return next(url, context) } }`
    writeFileSync(preload, `import { registerHooks } from "node:module"; registerHooks(${hooks})`)
    const url = `http://127.0.0.1:${await freePort()}`
    for (const [endpoint, isLoaded] of [
      [undefined, false],
      [url, true]
    ] as const) {
      await using served = await startTarget({ preload, environment: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } })
      assert.strictEqual(served.stderr().includes("loads "), isLoaded, served.stderr())
      assert.strictEqual(served.stderr().includes(`spans go to ${url}/v1/traces`), isLoaded)
    }
  })

  it("that cannot be sent as the environment says are refused before anything starts", async () => {
    const state = join(directory, "state")
    const outcome = await runProgram("lunlog", ["serve", "--state", state], {
      OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317"
    })
    assert.strictEqual(outcome.code, 1)
    assert.match(
      outcome.stderr,
      /^lunlog: OTEL_EXPORTER_OTLP_ENDPOINT cannot be used: it has to be an http:\/\/ or https:\/\//
    )
  })
})

const config = (port: number): string => `
bdevs:
  - { type: malloc, name: one, size: 1 MiB }
portalGroups:
  - { tag: 1, portals: ["127.0.0.1:${port}"] }
initiatorGroups:
  - { tag: 1, initiators: [ANY], netmasks: [ANY] }
targets:
  - { name: d1, maps: [{ portalGroup: 1, initiatorGroup: 1 }], luns: [{ lun: 0, bdev: one }] }
`

interface Page {
  readonly records: ReadonlyArray<{ readonly seq: number; readonly type: string }>
}

const isPage = (value: unknown): value is Page => typeof value === "object" && value !== null && "records" in value

const read = async ({ rpc }: TargetProcess, type: string): Promise<Page> => {
  const page = await rpc.call("eventlog_read", { type: [type] })
  return isPage(page) ? page : assert.fail(JSON.stringify(page))
}
