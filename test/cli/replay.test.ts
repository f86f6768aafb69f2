/**
 * `lunlog fork --replay` and `lunlog replay`, of a source that has lost a LUN and was killed: an initiator of the fork
 * sees both, and a fork that is killed in the middle goes on there.
 */

import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cdb, clearUnitAttentions, reportLuns } from "../support/initiator/commands.ts"
import { readStory } from "../support/initiator/log-story.ts"
import { asLunlog, createGroups, type Lunlog, nodeBase } from "../support/initiator/lunlog.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { Session } from "../support/initiator/Session.ts"
import type { RpcClient } from "../support/rpc-client.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"
import { serveProgram } from "./support.ts"

const directory = makeDirectory("replay")
const disk = `${nodeBase}:disk1`
const forkedDisk = `${disk}-fork`

/** Begun before its end, so that a test that fails leaves no process. */
let source: TargetProcess
let sourceSocket = ""
/** Last record of the moment that is forked. */
let forkSeq = 0
/** Of the whole log. */
let lastSeq = 0

const lastSeqOf = async (rpc: RpcClient): Promise<number> => (await readStory(rpc, 1)).at(-1)?.seq ?? 0

const setUp = async (lunlog: Lunlog): Promise<void> => {
  await lunlog.createMalloc("Malloc0", 2)
  await lunlog.createMalloc("Malloc1", 2)
  await lunlog.createTarget({ name: disk, luns: { 0: "Malloc0", 1: "Malloc1" } })
}

/** What happens after the moment: a LUN goes, the process is killed, and another disk comes. */
const incident = async (lunlog: Lunlog, endpoint: Lunlog["endpoint"]): Promise<TargetProcess> => {
  const session = await lunlog.open(disk, {}, 0)
  await lunlog.call("bdev_malloc_delete", { name: "Malloc1" })
  session.drop()
  await lunlog.process.kill()
  const again = await startTarget({ directory: join(directory, "source") })
  const after = asLunlog(again, endpoint)
  await after.createMalloc("Late", 2)
  await after.call("iscsi_target_node_add_lun", { name: disk, bdev_name: "Late", lun_id: 2 })
  return again
}

beforeAll(async () => {
  mkdirSync(join(directory, "source"))
  source = await startTarget({ directory: join(directory, "source") })
  const endpoint = { host: "127.0.0.1", port: await freePort() }
  await createGroups(source, endpoint)
  const lunlog = asLunlog(source, endpoint)
  await setUp(lunlog)
  forkSeq = await lastSeqOf(source.rpc)
  source = await incident(lunlog, endpoint)
  sourceSocket = source.socketPath
  lastSeq = await lastSeqOf(source.rpc)
}, 60_000)

afterAll(async () => {
  await source.stop()
  removeDirectory(directory)
})

const startFork = async (name: string, ...args: ReadonlyArray<string>) => {
  const place = join(directory, name)
  const state = join(place, "state")
  const names = ["-r", sourceSocket, "--fork-state", state, "--suffix", "fork", "--at", String(forkSeq)]
  const fork = await serveProgram("lunlog", ["fork", ...names, "--replay", ...args], join(state, "rpc.sock"))
  await fork.rpc.call("framework_wait_init")
  return { fork, place, socket: join(state, "rpc.sock") }
}

const openFork = async (rpc: RpcClient): Promise<Session> => {
  const groups = await rpc.call("iscsi_get_portal_groups")
  assert(Array.isArray(groups))
  const endpoint = { host: "127.0.0.1", port: Number(groups[0].portals[0].port) }
  const session = await Session.open({ endpoint, targetName: forkedDisk })
  for (const lun of await reportLuns(session)) await clearUnitAttentions(session, lun)
  return session
}

const replay = async (socket: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const { failure, stdout } = await lunlogHere("replay", ...args, "-r", socket)
  assert.isUndefined(failure)
  return stdout
}

const ready = async (session: Session, lun: number): Promise<string> =>
  outcomeText(await session.command({ lun, cdb: cdb.testUnitReady() }))

describe("a replay", { timeout: 120_000 }, () => {
  it("shows an initiator what happened, step by step, over a kill of the fork in the middle", async () => {
    const { fork, place, socket } = await startFork("steps", "--paused")
    const session = await openFork(fork.rpc)
    assert.deepStrictEqual(await reportLuns(session), [0, 1])
    assert.match(
      await replay(socket, "status"),
      new RegExp(`^Replay of records ${forkSeq + 1} to \\d+: paused, at its`, "u")
    )
    const before = await replay(socket, "until", "LunRemovalStarted", "--before")
    assert.match(before, /Next: \d+ {2}\S+ \S+ {2}bdev Malloc1 began to go/u)
    assert.strictEqual(await ready(session, 1), "GOOD")
    const removal = await replay(socket, "next")
    assert.match(removal, /LUN 1 of iqn\.2016-06\.io\.spdk:disk1 began to drain/u)
    assert.strictEqual(await ready(session, 1), "5/25/00")
    session.drop()
    const [, position] = /paused, at record (\d+)/u.exec(removal) ?? []
    while (!/^ +\d+ {2}.* began to drain/mu.test(fork.child.stdout())) await delay(10)
    fork.child.signal("SIGKILL")
    await fork.child.exited

    // The same state directory, served again: paused at the same record.
    await using resumed = await startTarget({ directory: place })
    const stopped = await replay(resumed.socketPath, "status")
    assert.match(stopped, new RegExp(`paused, at record ${position} `, "u"))
    const again = await openFork(resumed.rpc)
    assert.deepStrictEqual(await reportLuns(again), [0])
    // The source was killed here: so were its connections.
    await replay(resumed.socketPath, "until", "EpochStarted")
    await again.command({ lun: 0, cdb: cdb.testUnitReady() }).then(
      () => assert.fail("the connection is still there"),
      () => undefined
    )
    const later = await openFork(resumed.rpc)
    const end = await replay(resumed.socketPath, "run")
    assert.match(end, new RegExp(`finished, at record ${lastSeq} `, "u"))
    assert.deepStrictEqual(await reportLuns(later), [0, 2])
    const over = await lunlogHere("replay", "next", "-r", resumed.socketPath)
    assert.match(over.failure ?? "", /its last record was played.*fork once more/su)
  })

  it("runs by itself, up to a moment if that is said, and tells every record in the foreground", async () => {
    const { fork, socket } = await startFork("run", "--until", String(lastSeq - 1))
    await using _ = fork
    while (!/^The replay is at its end; the fork goes on\.$/mu.test(fork.child.stdout())) await delay(10)
    const passed = [...fork.child.stdout().matchAll(/^ +(\d+) {2}\d{4}-/gmu)].map(([, seq]) => Number(seq))
    assert.deepStrictEqual([passed[0], passed.at(-1)], [forkSeq + 1, lastSeq - 1])
    assert.deepStrictEqual(
      passed,
      [...passed].sort((a, b) => a - b)
    )
    const { stdout } = await lunlogHere("status", "-r", socket)
    assert.match(stdout, new RegExp(`^replay of its source: finished, at record \\d+ of ${lastSeq - 1}$`, "mu"))
    const json = await lunlogHere("replay", "status", "--json", "-r", socket)
    assert.deepInclude(JSON.parse(json.stdout), { state: "finished", position: lastSeq - 1, skipped: 0 })
  })

  it("is refused where there is nothing to play, with what to do instead", async () => {
    const none = await lunlogHere("replay", "next", "-r", sourceSocket)
    assert.match(none.failure ?? "", /nothing to play in this target/u)
    assert.match((await lunlogHere("replay", "status", "-r", sourceSocket)).stdout, /^Nothing is replayed here/u)
    const state = join(directory, "never")
    const fork = ["fork", "-r", sourceSocket, "--fork-state", state]
    const late = await lunlogHere(...fork, "--at", "HEAD", "--replay")
    assert.match(late.failure ?? "", /there is nothing to replay: no record of the source comes after \d+/u)
    const alone = await lunlogHere(...fork, "--at", "HEAD", "--paused")
    assert.match(alone.failure ?? "", /say how to --replay: add it/u)
    const odd = await lunlogHere("replay", "run", "--speed", "fast", "-r", sourceSocket)
    assert.match(`${odd.failure}${odd.stderr}`, /wrong usage|is no speed/u)
  })
})
