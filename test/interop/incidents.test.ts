/**
 * Things that go wrong under IO, kept by the target that they happen to, put into one file, and looked into and forked
 * from without it.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { lunlogHere } from "../cli/in-process.ts"
import { serveProgram } from "../cli/support.ts"
import { filesOfArchive } from "../support/bundle-archive.ts"
import { runCommand } from "../support/child-process.ts"
import { diskTargetName } from "../support/disk-target.ts"
import { cdb, clearUnitAttentions, readBlocks } from "../support/initiator/commands.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { Session } from "../support/initiator/Session.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"
import { until } from "../support/until.ts"

/** LUN 0 fails as it is told to, LUN 1 does not. */
const setUp = async ({ rpc }: TargetProcess): Promise<number> => {
  const port = await freePort()
  await rpc.call("bdev_malloc_create", { name: "Base", num_blocks: 8192, block_size: 512 })
  await rpc.call("bdev_error_create", { base_name: "Base" })
  await rpc.call("bdev_malloc_create", { name: "Good", num_blocks: 8192, block_size: 512 })
  await rpc.call("iscsi_create_portal_group", { tag: 1, portals: [{ host: "127.0.0.1", port: String(port) }] })
  await rpc.call("iscsi_create_initiator_group", { tag: 1, initiators: ["ANY"], netmasks: ["127.0.0.0/8"] })
  await rpc.call("iscsi_create_target_node", {
    name: diskTargetName,
    alias_name: "",
    pg_ig_maps: [{ pg_tag: 1, ig_tag: 1 }],
    luns: [
      { bdev_name: "EE_Base", lun_id: 0 },
      { bdev_name: "Good", lun_id: 1 }
    ],
    queue_depth: 64,
    disable_chap: true
  })
  return port
}

const open = async (port: number): Promise<Session> => {
  const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: diskTargetName })
  for (const lun of [0, 1]) await clearUnitAttentions(session, lun)
  return session
}

const inject = ({ rpc }: TargetProcess, error_type: "failure" | "pending"): Promise<unknown> =>
  rpc.call("bdev_error_inject_error", { name: "EE_Base", io_type: "read", error_type, num: 1 })

const read = (session: Session) => session.command({ lun: 0, cdb: cdb.read16(64, 8), readBytes: 4096 })

/** A read that fails with MEDIUM ERROR. */
const failRead = async (target: TargetProcess, session: Session): Promise<void> => {
  await inject(target, "failure")
  assert.include(outcomeText(await read(session)), "3/11/00")
}

interface Kept {
  readonly seq: number
  readonly type: string
  readonly joined: ReadonlyArray<{ readonly type: string; readonly seq: number }>
  readonly in_flight: { readonly session_count: number }
  readonly capture?: {
    readonly pdus: number
    readonly by_opcode: Record<string, number>
    readonly last: ReadonlyArray<string>
  }
  readonly files: ReadonlyArray<{ readonly name: string; readonly bytes: number }>
}

const kept = async (...source: ReadonlyArray<string>): Promise<ReadonlyArray<Kept>> => {
  const { failure, stdout } = await lunlogHere("incident", "list", "--json", ...source)
  assert.isUndefined(failure)
  return stdout.split("\n").flatMap((line): ReadonlyArray<Kept> => (line === "" ? [] : [JSON.parse(line)]))
}

const secret = "nobody-else-knows-this"

let directory: string

beforeEach(() => {
  directory = makeDirectory("incident")
})

afterEach(() => removeDirectory(directory))

const succeeded = async (...words: ReadonlyArray<string>): Promise<string> => {
  const { failure, stdout } = await lunlogHere(...words)
  assert.isUndefined(failure, words.join(" "))
  return stdout
}

/** What joins an incident is written a little later. */
const keptWith = async (type: string, target: TargetProcess): Promise<Kept> => {
  const isIt = (one: Kept) => one.type === type || one.joined.some((joined) => joined.type === type)
  let found: Kept | undefined
  await until(`an incident with ${type}`, async () => {
    found = (await kept("-r", target.socketPath)).find(isIt)
    return found !== undefined
  })
  if (found === undefined) throw new Error("unreachable")
  return found
}

describe("a read that fails, a removal that aborts, and a kill", () => {
  it("are kept, put into one file, told to a stranger, and forked from", { timeout: 120_000 }, async () => {
    const bundle = join(directory, "first.tar.gz")
    await using target = await startTarget({ directory, stateMode: "resume", removalDeadline: "300ms" })
    const session = await open(await setUp(target))
    const secrets = [{ user: "anna", secret }]
    await target.rpc.call("iscsi_create_auth_group", { tag: 7, secrets })
    await failRead(target, session)
    const failed = await keptWith("IoFailed", target)
    assert.strictEqual(failed.type, "IoFailed")
    assert.strictEqual(failed.in_flight.session_count, 1)
    assert.isAtLeast(failed.capture?.by_opcode["SCSI Command"] ?? 0, 1)
    assert.match(failed.capture?.last.join("\n") ?? "", /SCSI Command .*CDB 8800[\s\S]*SCSI Response .*status 0x02/u)
    const folder = join(target.stateDirectory, "incidents", String(failed.seq))
    assert.strictEqual(statSync(folder).mode & 0o777, 0o700)
    assert.deepStrictEqual(
      failed.files.map(({ name }) => name),
      ["capture.pcapng", "incident.json", "metrics.json"]
    )

    await inject(target, "pending")
    const hung = read(session)
    await session.nop()
    await target.rpc.call("iscsi_target_node_remove_lun", { name: diskTargetName, lun_id: 0 })
    assert.notStrictEqual(outcomeText(await hung), "GOOD")
    const removed = await keptWith("LunRemoved", target)
    assert.strictEqual(removed.seq, failed.seq, "what follows within seconds joins")

    const shown = await succeeded("incident", "show", String(removed.joined[0]?.seq), "-r", target.socketPath)
    assert.include(shown, `Incident ${failed.seq}, `)
    await succeeded("incident", "bundle", "-r", target.socketPath, "-o", bundle)
    const report = await succeeded("incident", "open", bundle)
    assert.include(report, `Incident ${failed.seq}, `)
    assert.match(report, /What was on the wire[\s\S]*SCSI Response .*status 0x02/u)
    assert.match(report, /What has changed[\s\S]*bdev EE_Base/u)
    assert.match(report, /fails the next .*on purpose/u)
    const files = await filesOfArchive(readFileSync(bundle))
    assert.isTrue(
      files.some(({ content }) => content.includes("anna")),
      "the group is in it"
    )
    const key = readFileSync(join(target.stateDirectory, "secret-key"), "utf8").trim()
    for (const { content, name } of files) {
      for (const one of [secret, key, Buffer.from(key, "hex")]) assert.isFalse(content.includes(one), name)
    }
    const opened = await lunlogHere("log", "state", "--with-secrets", "--state", bundle)
    assert.match(String(opened.failure), /is a bundle, which has no key/u)

    session.drop()
    await target.kill()
    const state = ["--state", target.stateDirectory]
    assert.deepStrictEqual(
      (await kept(...state)).map(({ seq }) => seq),
      [failed.seq]
    )
    const second = join(directory, "second.tar.gz")
    await succeeded("incident", "bundle", "--around", String(failed.seq), ...state, "-o", second)
    assert.deepStrictEqual(await kept("--state", second), await kept("--state", bundle))

    await using again = await startTarget({ directory, stateMode: "resume" })
    const killed = await keptWith("ProcessStarted", again)
    assert.include(await succeeded("incident", "list", "-r", again.socketPath), "was killed, or lost power")
    assert.isAbove(killed.seq, failed.seq)
    const place = join(directory, "fork")
    const args = ["fork", "--at", String(failed.seq), "--state", bundle, "--portal", "127.0.0.1", "--fork-state", place]
    await using fork = await serveProgram("lunlog", args, join(place, "rpc.sock"))
    const nodes = JSON.stringify(await fork.rpc.call("iscsi_get_target_nodes"))
    assert.match(nodes, /"EE_Base"/u, "the LUN is there again, as it was then")
    assert.match(nodes, /disks-fork-/u)
  })

  it("of a target with workers, too", { timeout: 60_000 }, async () => {
    await using target = await startTarget({ directory, args: ["--workers", "2"] })
    const session = await open(await setUp(target))
    await failRead(target, session)
    const failed = await keptWith("IoFailed", target)
    assert.match(failed.capture?.last.join("\n") ?? "", /SCSI Response .*status 0x02/u)
    session.drop()
  })
})

describe("what cannot or shall not be kept", () => {
  it("is told as a warning, and IO goes on", { timeout: 60_000 }, async () => {
    mkdirSync(join(directory, "state"), { mode: 0o700 })
    writeFileSync(join(directory, "state", "incidents"), "in its place")
    await using target = await startTarget({ directory })
    const session = await open(await setUp(target))
    await failRead(target, session)
    await until("a warning", () => /incident \d+ could not be kept/u.test(target.stderr()))
    assert.strictEqual((await readBlocks(session, 1, 0, 8)).length, 4096)
    assert.deepStrictEqual(await kept("-r", target.socketPath), [])
    session.drop()
  })

  it("is not kept with --incident-space 0", { timeout: 60_000 }, async () => {
    await using target = await startTarget({ directory, args: ["--incident-space", "0"] })
    const session = await open(await setUp(target))
    await failRead(target, session)
    session.drop()
    await target.stop()
    assert.deepStrictEqual(await kept("--state", target.stateDirectory), [])
    const bundle = join(directory, "none.tar.gz")
    const around = ["--around", "HEAD", "--state", target.stateDirectory, "-o", bundle]
    await succeeded("incident", "bundle", ...around)
    assert.include(await succeeded("incident", "open", bundle), "nothing is kept of record")
  })
})

describeWithTools(["tshark"], "to tshark", () => {
  it("what was kept is iSCSI, with the record that it led to", { timeout: 60_000 }, async () => {
    await using target = await startTarget({ directory })
    const port = await setUp(target)
    const session = await open(port)
    await failRead(target, session)
    const { seq } = await keptWith("IoFailed", target)
    const file = join(target.stateDirectory, "incidents", String(seq), "capture.pcapng")
    const args = ["-r", file, "-d", `tcp.port==${port},iscsi`, "-Y", "iscsi", "-T", "fields", "-e", "iscsi.opcode"]
    const { code, stderr, stdout } = await runCommand({ command: "tshark", args }, 30_000)
    assert.strictEqual(code, 0, stderr)
    assert.match(stdout, /0x01[\s\S]*0x21/u)
    session.drop()
  })
})
