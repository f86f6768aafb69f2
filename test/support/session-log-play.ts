/**
 * What happened in the logs of `session-log.ts`: three runs of a real server with two hosts, an error bdev, a slow one,
 * a LUN pulled out under IO, a crash in the middle of a removal, and a last run that ends in order.
 */
import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Effect, Stream } from "effect"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { FOLD_VERSION } from "../../src/domain/evolve.ts"
import { startChild } from "./child-process.ts"
import { cdb, clearUnitAttentions, writeBlocks } from "./initiator/commands.ts"
import { startLoad } from "./initiator/load.ts"
import { readStory, type StoryRecord } from "./initiator/log-story.ts"
import { asLunlog, createGroups, everybody, type Lunlog, nodeBase, targetParams } from "./initiator/lunlog.ts"
import { makeRandom } from "./initiator/random.ts"
import { LoginRefused, type Session } from "./initiator/Session.ts"
import { callOnce, type RpcParams } from "./rpc-client.ts"
import { freePort, projectDirectory, startTarget, type TargetProcess } from "./target-process.ts"

/** Everything in these logs that has a name. */
export const names = {
  /** Open to everybody: LUN 0 `data`, LUN 1 `EE_bad`, and for a while LUN 2 `pulled`. */
  disk1: `${nodeBase}:disk1`,
  /** For host B alone: LUN 0 `slow`, and for a while LUN 1 `spare`. */
  disk2: `${nodeBase}:disk2`,
  /** Made by the configuration that was applied: LUN 0 `from-file`. */
  disk3: `${nodeBase}:disk3`,
  hostA: "iqn.2020-01.org.example:host-a",
  hostB: "iqn.2020-01.org.example:host-b",
  /** The applied configuration. */
  config: "disks.yaml"
} as const

/** Initiator group of host B. */
const onlyHostB = 2
const latencyMicros = 2000

const latencies: RpcParams = {
  avg_read_latency: latencyMicros,
  p99_read_latency: latencyMicros,
  avg_write_latency: latencyMicros,
  p99_write_latency: latencyMicros
}

const setUp = async (lunlog: Lunlog): Promise<void> => {
  const { call, createMalloc, createTarget } = lunlog
  await createGroups(lunlog.process, lunlog.endpoint)
  await call("iscsi_create_initiator_group", { tag: onlyHostB, initiators: [names.hostB], netmasks: ["ANY"] })
  await Promise.all(["data", "bad", "pulled", "slow-base", "spare"].map((name) => createMalloc(name, 1)))
  await call("bdev_error_create", { base_name: "bad" })
  await call("bdev_delay_create", { base_bdev_name: "slow-base", name: "slow", ...latencies })
  await createTarget({ name: names.disk1, luns: { 0: "data", 1: "EE_bad", 2: "pulled" } })
  const maps = [{ pg_tag: everybody.pg_tag, ig_tag: onlyHostB }]
  await call(
    "iscsi_create_target_node",
    targetParams({ name: names.disk2, luns: { 0: "slow", 1: "spare" }, extra: { pg_ig_maps: maps } })
  )
}

const expectRefusal = async (login: Promise<Session>): Promise<void> => {
  const refusal = await login.then(
    () => undefined,
    (error: unknown) => error
  )
  if (!(refusal instanceof LoginRefused)) throw new Error("the login was to be refused", { cause: refusal })
}

const block = (fill: number): Buffer => Buffer.alloc(512, fill)

/** IO that works, and three writes that end with MEDIUM ERROR. */
const doIo = async ({ call }: Lunlog, a: Session, b: Session): Promise<void> => {
  await clearUnitAttentions(a, 1)
  await clearUnitAttentions(b, 0)
  await Promise.all([1, 2, 3].map((address) => writeBlocks(a, 0, address, block(address))))
  await writeBlocks(b, 0, 0, block(1))
  await call("bdev_error_inject_error", { name: "EE_bad", io_type: "write", error_type: "failure", num: 3 })
  for (const address of [8, 9, 10]) await a.command({ lun: 1, cdb: cdb.write16(address, 1), writeData: block(0xee) })
}

const pullUnderIo = async ({ call }: Lunlog, session: Session): Promise<void> => {
  await clearUnitAttentions(session, 2)
  const load = startLoad({
    session,
    lun: 2,
    random: makeRandom(1),
    ioBytes: 4096,
    queueDepth: 4,
    slots: 8,
    reads: 0.5
  })
  await load.more(50)
  await call("iscsi_target_node_remove_lun", { name: names.disk1, lun_id: 2 })
  await load.done
}

const apply = async ({ call, endpoint }: Lunlog): Promise<void> => {
  const config = {
    portalGroups: [{ tag: everybody.pg_tag, portals: [`${endpoint.host}:${endpoint.port}`] }],
    initiatorGroups: [{ tag: everybody.ig_tag, initiators: ["ANY"], netmasks: ["ANY"] }],
    bdevs: [{ type: "null", name: "from-file", size: "1MiB" }],
    targets: [
      {
        name: names.disk3,
        maps: [{ portalGroup: everybody.pg_tag, initiatorGroup: everybody.ig_tag }],
        luns: [{ lun: 0, bdev: "from-file" }]
      }
    ]
  }
  await call("lunlog_config_upload", { name: names.config, chunk: JSON.stringify(config), restart: true })
  await call("lunlog_config_apply", {})
}

/** Ends in order. */
const firstRun = async (lunlog: Lunlog): Promise<void> => {
  await setUp(lunlog)
  const a = await lunlog.open(names.disk1, { initiatorName: names.hostA }, 0)
  const b = await lunlog.open(names.disk2, { initiatorName: names.hostB })
  await expectRefusal(lunlog.open(names.disk2, { initiatorName: names.hostA }))
  await expectRefusal(lunlog.open(`${nodeBase}:nowhere`, { initiatorName: names.hostA }))
  await doIo(lunlog, a, b)
  await pullUnderIo(lunlog, a)
  await lunlog.call("bdev_malloc_delete", { name: "spare" })
  await lunlog.call("lunlog_kick_session", { initiator: names.hostB, target: names.disk2, timeout: 0 })
  await b.wire.closed
  await apply(lunlog)
  await a.logout()
}

/** Resolves when the log has a record of this type from `from` on. */
const untilRecorded = async (process: TargetProcess, from: number, type: string): Promise<void> => {
  for (let next = from; ; ) {
    await process.rpc.call("eventlog_read", { from: next, timeout: 20_000 })
    const news = await readStory(process.rpc, next)
    if (news.some((record) => record.type === type)) return
    next = (news.at(-1)?.seq ?? next - 1) + 1
  }
}

/** Killed with IO going on, and with a LUN's removal under way: a write hangs in its bdev. */
const secondRun = async (lunlog: Lunlog): Promise<void> => {
  const { call, process } = lunlog
  const a = await lunlog.open(names.disk1, { initiatorName: names.hostA }, 0)
  await clearUnitAttentions(a, 1)
  // The first command that uses the medium is told that a restart has emptied it.
  await a.command({ lun: 1, cdb: cdb.read16(0, 1), readBytes: 512 })
  await call("bdev_error_inject_error", { name: "EE_bad", io_type: "write", error_type: "pending", num: 1 })
  const seq = (await readStory(process.rpc, 1)).length
  const hanging = Promise.allSettled([a.command({ lun: 1, cdb: cdb.write16(0, 1), writeData: block(0xbb) })])
  await a.nop()
  // On a connection of its own: one's requests are answered in turn.
  const lun = { name: names.disk1, lun_id: 1 }
  const removal = Promise.allSettled([callOnce(process.socketPath, "iscsi_target_node_remove_lun", lun)])
  await untilRecorded(process, seq + 1, "LunRemovalStarted")
  const load = startLoad({
    session: a,
    lun: 0,
    random: makeRandom(2),
    ioBytes: 4096,
    queueDepth: 4,
    slots: 8,
    reads: 0.5,
    contents: "unknown"
  })
  await load.more(20)
  await process.kill()
  await Promise.all([hanging, removal, load.done])
}

/** What is gone when the disk is full is not worth copying. */
const withoutBallast = (source: string): boolean => !source.endsWith("/ballast")

/** Copies an idle state directory. */
export const copyState = (from: string, to: string): void => {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true, filter: withoutBallast })
}

const payloadOf = (payload: unknown): StoryRecord["payload"] =>
  typeof payload === "object" && payload !== null ? Object.fromEntries(Object.entries(payload)) : {}

/** All records of a log that nobody has open. */
const recordsIn = (logDirectory: string): Promise<ReadonlyArray<StoryRecord>> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const records = yield* Stream.runCollect((yield* openForReading(logDirectory)).read())
        return records.map(({ payload, seq, type }) => ({ seq, type, payload: payloadOf(payload) }))
      })
    )
  )

/** Its own records of the first run go to an archive. */
const compact = (logDirectory: string): Promise<void> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const log = yield* LevelEventLog.make({ directory: logDirectory, ballastBytes: 0 })
        const records = yield* Stream.runCollect(log.read({ kind: "control" }))
        const restart = records.filter(({ type }) => type === "EpochStarted")[1]
        const snapshot = yield* log.snapshotAtOrBefore(FOLD_VERSION, (restart?.seq ?? 0) - 1)
        if (snapshot === undefined) throw new Error("the first run has left no snapshot")
        yield* log.compact(snapshot)
      })
    )
  )

/** Makes a fork of the moment before LUN 2 was removed, lets it start, and ends it. */
const fork = async (source: string, forked: string, seq: number): Promise<void> => {
  const words = ["fork", `--at=${seq}`, "--state", source, "--fork-state", forked, "--portal", "127.0.0.1"]
  const child = await startChild({
    command: process.execPath,
    args: [join(projectDirectory, "bin/lunlog.js"), ...words],
    environment: { NODE_OPTIONS: "", VITEST: undefined, NODE_ENV: undefined }
  })
  const said = (): string => `${child.stdout()}${child.stderr()}`
  while (!/\bready\b/u.test(said())) {
    if (child.exitStatus() !== undefined) throw new Error(`the fork ended:\n${said()}`)
    await delay(10)
  }
  child.signal("SIGTERM")
  await child.exited
}

/** What a play leaves: each kind of log is a state directory of that name in its directory. */
export interface Played {
  readonly port: number
  /** All records that the log holds in the end. */
  readonly records: ReadonlyArray<StoryRecord>
}

/**
 * Plays everything. Afterwards `directory/whole` is the state directory as it was after the last orderly end,
 * `directory/cut` as kill -9 left it, and of `whole` there is a compacted copy and a fork.
 */
export const playSessions = async (directory: string): Promise<Played> => {
  const endpoint = { host: "127.0.0.1", port: await freePort() }
  const state = join(directory, "state")
  const run = async <A>(act: (lunlog: Lunlog) => Promise<A>): Promise<A> => {
    await using process = await startTarget({ directory, stateMode: "resume" })
    return await act(asLunlog(process, endpoint))
  }
  await run(firstRun)
  await run(secondRun)
  copyState(state, join(directory, "cut"))
  await run(async (lunlog) => {
    const a = await lunlog.open(names.disk1, { initiatorName: names.hostA }, 0)
    // The first command that uses the medium is told that a restart has emptied it.
    await a.command({ lun: 0, cdb: cdb.read16(0, 1), readBytes: 512 })
    await writeBlocks(a, 0, 0, block(3))
    await a.logout()
    await lunlog.call("bdev_malloc_create", { name: "last", num_blocks: 8, block_size: 512 })
  })
  copyState(state, join(directory, "whole"))
  const records = await recordsIn(join(state, "log"))
  copyState(state, join(directory, "compacted"))
  await compact(join(directory, "compacted/log"))
  const removal = records.find(({ type }) => type === "LunRemovalStarted")?.seq ?? 0
  await fork(state, join(directory, "forked"), removal - 1)
  rmSync(join(directory, "forked/log/ballast"), { force: true })
  rmSync(state, { recursive: true, force: true })
  return { port: endpoint.port, records }
}
