/**
 * What has happened before docs/incident.md begins: a target of two hosts in three lives. Set up on a Saturday; on the
 * night after it one disk fails reads, a cleanup job deletes the bdev under a LUN that is in use, and the target is
 * killed; then it is started again, without that LUN.
 */
import { readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { processTree } from "../child-process.ts"
import { cdb, clearUnitAttentions, writeBlocks } from "../initiator/commands.ts"
import { startLoad } from "../initiator/load.ts"
import { makeRandom } from "../initiator/random.ts"
import { Session } from "../initiator/Session.ts"
import type { Endpoint } from "../initiator/Wire.ts"
import { connectRpc } from "../rpc-client.ts"
import { projectDirectory, startTarget, type TargetProcess } from "../target-process.ts"

/** The target's configuration, as the page has it. */
export const configFile = "docs/examples/incident/shop.yaml"

/** Target and hosts of the configuration. */
export const names = {
  database: "iqn.2026-01.org.example:db",
  backup: "iqn.2026-01.org.example:backup",
  databaseHost: "iqn.2026-01.org.example:db01",
  backupHost: "iqn.2026-01.org.example:bk01",
  /** Let in by somebody on that night, and no part of the story. */
  secondBackupHost: "iqn.2026-01.org.example:bk02"
} as const

/** When each life of the target began, and when somebody looked, in the story's calendar (UTC). */
const times = {
  setUp: "2026-11-21T16:20:11Z",
  night: "2026-11-22T02:12:30Z",
  diskFails: "2026-11-22T02:31:08Z",
  cleanup: "2026-11-22T02:40:00Z",
  outOfMemory: "2026-11-22T02:46:50Z",
  restart: "2026-11-22T02:47:05Z",
  paged: "2026-11-22T03:12:40Z"
} as const

/** Environment of a program that runs at a time of the story. */
export const at = (time: keyof typeof times): Readonly<Record<string, string>> => ({
  STORY_OFFSET_MILLIS: String(Date.parse(times[time]) - Date.now()),
  TZ: "UTC"
})

const timeFile = (directory: string): string => join(directory, "time")

/** The module that makes it so. */
export const storyClock = join(import.meta.dirname, "story-clock.mjs")

/** A night that is over: the target runs again, and the hosts are logged in. */
export interface Night extends AsyncDisposable {
  readonly process: TargetProcess
  readonly endpoint: Endpoint
}

interface Hosts {
  readonly database: Session
  readonly backup: Session
}

const logIn = async (endpoint: Endpoint): Promise<Hosts> => {
  const database = await Session.open({ endpoint, targetName: names.database, initiatorName: names.databaseHost })
  await clearUnitAttentions(database, 0)
  const backup = await Session.open({ endpoint, targetName: names.backup, initiatorName: names.backupHost })
  await clearUnitAttentions(backup, 0)
  return { database, backup }
}

const diskBytes = 16 * 1024 * 1024

const block = (fill: number): Buffer => Buffer.alloc(512, fill)

/** Time passes for a process: from one moment of the story to another. */
const goTo = async (target: TargetProcess, time: keyof typeof times): Promise<void> => {
  writeFileSync(timeFile(target.directory), times[time])
  for (const pid of processTree(target.pid)) {
    process.kill(pid, "SIGUSR2")
    while (!target.stderr().includes(`in process ${pid} it is ${times[time]}`)) await delay(5)
  }
}

/** Five reads of the database's disk that end with MEDIUM ERROR. */
const failReads = async ({ rpc }: TargetProcess, { database }: Hosts): Promise<void> => {
  await rpc.call("bdev_error_inject_error", { name: "EE_disk7", io_type: "read", error_type: "failure", num: 5 })
  for (const address of [20_480, 20_481, 20_482, 20_483, 20_484]) {
    await database.command({ lun: 0, cdb: cdb.read16(address, 1), readBytes: 512 })
  }
}

/** The cleanup job means `wal-old`. */
const deleteTheWrongOne = async (socketPath: string): Promise<void> => {
  const job = await connectRpc(socketPath)
  await job.call("lunlog_identify", { source: "cli", actor: "cleanup" })
  await job.call("bdev_aio_delete", { name: "wal" })
  job.close()
}

const loseTheJournal = async ({ socketPath }: TargetProcess, { database }: Hosts): Promise<void> => {
  await clearUnitAttentions(database, 1)
  const load = startLoad({
    session: database,
    lun: 1,
    random: makeRandom(7),
    ioBytes: 8192,
    queueDepth: 4,
    slots: 8,
    reads: 0,
    refusalsMax: 4
  })
  await load.more(40)
  await deleteTheWrongOne(socketPath)
  await load.done
}

/** `directory` is the target's: its configuration, state and socket. Resolves when the restarted target serves. */
export const playNight = async (directory: string, port: number): Promise<Night> => {
  const endpoint = { host: "127.0.0.1", port }
  const config = join(directory, "shop.yaml")
  const text = readFileSync(join(projectDirectory, configFile), "utf8")
  writeFileSync(config, text.replaceAll(":3260", `:${port}`))
  for (const disk of ["disk7", "wal", "wal-old", "backup"]) {
    const file = join(directory, `${disk}.img`)
    writeFileSync(file, "")
    truncateSync(file, diskBytes)
  }
  const start = (time: keyof typeof times) =>
    startTarget({
      directory,
      configFile: config,
      preload: storyClock,
      environment: { ...at(time), STORY_TIME_FILE: timeFile(directory) }
    })
  {
    await using first = await start("setUp")
    await first.stop()
  }
  {
    await using second = await start("night")
    const hosts = await logIn(endpoint)
    await writeBlocks(hosts.database, 0, 0, block(1))
    await writeBlocks(hosts.backup, 0, 0, block(2))
    await goTo(second, "diskFails")
    await failReads(second, hosts)
    await goTo(second, "cleanup")
    await loseTheJournal(second, hosts)
    await goTo(second, "outOfMemory")
    await writeBlocks(hosts.backup, 0, 1, block(3))
    await second.rpc.call("iscsi_initiator_group_add_initiators", { tag: 2, initiators: [names.secondBackupHost] })
    await second.kill()
  }
  const restarted = await start("restart")
  const hosts = await logIn(endpoint)
  await hosts.database.command({ lun: 1, cdb: cdb.testUnitReady() })
  return {
    process: restarted,
    endpoint,
    [Symbol.asyncDispose]: async () => {
      hosts.database.drop()
      hosts.backup.drop()
      await restarted[Symbol.asyncDispose]()
    }
  }
}
