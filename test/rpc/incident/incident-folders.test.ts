/** Folders of incidents on a real file system: whole or not there, bounded, and read without trusting what is there. */
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { afterEach, assert, beforeEach, it } from "vitest"
import type { KeptIncident } from "../../../src/history/incident/KeptIncident.ts"
import { IncidentStore } from "../../../src/rpc/incident/IncidentStore.ts"
import { pruneFolders, writeFolder, writeInto } from "../../../src/rpc/incident/incident-folders.ts"
import { makeDirectory, removeDirectory } from "../../support/target-process.ts"

let root: string
let directory: string

beforeEach(() => {
  root = makeDirectory("folders")
  directory = join(root, "incidents")
})

afterEach(() => removeDirectory(root))

const incident = (seq: number): KeptIncident => ({
  version: 1,
  seq,
  at: seq * 1000,
  type: "IoFailed",
  text: "a read failed",
  kept_at: seq * 1000,
  joined: [],
  joined_count: 0,
  missing: []
})

const write = (seq: number, bytes = 10) =>
  writeFolder(
    directory,
    seq,
    new Map<string, Uint8Array | string>([
      ["capture.pcapng", new Uint8Array(bytes)],
      ["incident.json", JSON.stringify(incident(seq))]
    ])
  )

const seqs = async () => (await Effect.runPromise(IncidentStore.at(directory).all)).map((stored) => stored.incident.seq)

it("what is written is read again, by nobody else", async () => {
  await write(12, 100)
  const [stored] = await Effect.runPromise(IncidentStore.at(directory).all)
  assert.deepStrictEqual(stored?.incident, incident(12))
  assert.deepStrictEqual(
    stored?.files.map(({ name }) => name),
    ["capture.pcapng", "incident.json"]
  )
  assert.strictEqual(statSync(directory).mode & 0o777, 0o700)
  assert.strictEqual(statSync(join(directory, "12")).mode & 0o777, 0o700)
  assert.strictEqual(statSync(join(directory, "12/capture.pcapng")).mode & 0o777, 0o600)
  await writeInto(directory, 12, "incident.json", JSON.stringify({ ...incident(12), joined_count: 7 }))
  const [again] = await Effect.runPromise(IncidentStore.at(directory).all)
  assert.strictEqual(again?.incident.joined_count, 7)
  assert.strictEqual(statSync(join(directory, "12/incident.json")).mode & 0o777, 0o600)
})

it("the oldest go when there are too many, or they are too large; the newest stays", async () => {
  for (const seq of [9, 100, 20, 3]) await write(seq, 300)
  await pruneFolders(directory, { count: 3, bytes: 1e9 })
  assert.deepStrictEqual(await seqs(), [9, 20, 100])
  await pruneFolders(directory, { count: 3, bytes: 1000 })
  assert.deepStrictEqual(await seqs(), [20, 100])
  await write(200, 5000)
  await pruneFolders(directory, { count: 3, bytes: 700 })
  assert.deepStrictEqual(await seqs(), [200])
})

it("what was broken off is no incident, and goes", async () => {
  await write(5)
  mkdirSync(join(directory, "7.new"))
  writeFileSync(join(directory, "7.new", "incident.json"), "{")
  assert.deepStrictEqual(await seqs(), [5])
  await pruneFolders(directory, { count: 9, bytes: 1e9 })
  assert.deepStrictEqual(readdirSync(directory), ["5"])
})

it("what somebody else has put there is passed over", async () => {
  await write(5)
  for (const name of ["x", "06", "8", "9", "10"]) mkdirSync(join(directory, name))
  writeFileSync(join(directory, "8", "incident.json"), "no JSON")
  writeFileSync(join(directory, "9", "incident.json"), JSON.stringify(incident(5)))
  writeFileSync(join(directory, "11"), "a file")
  assert.deepStrictEqual(await seqs(), [5])
  const { read } = IncidentStore.at(directory)
  symlinkSync("/etc/passwd", join(directory, "5", "passwd"))
  for (const name of ["passwd", "../../x.json", "/etc/passwd", "", "a/b.json", "nothing.json"]) {
    assert.isUndefined(await Effect.runPromise(read(5, name, 0, 100)), name)
  }
  assert.isUndefined(await Effect.runPromise(read(4, "incident.json", 0, 100)))
  const beyond = await Effect.runPromise(read(5, "incident.json", 1e9, 100))
  assert.strictEqual(beyond?.part.length, 0)
})

it("a folder that cannot be written leaves nothing", async () => {
  writeFileSync(directory, "a file in its place")
  let failed: unknown
  await write(5).catch((error: unknown) => {
    failed = error
  })
  assert.instanceOf(failed, Error)
  assert.deepStrictEqual(readdirSync(root), ["incidents"])
  chmodSync(directory, 0o600)
})
