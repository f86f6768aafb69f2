/** Files that are no incident bundles, or bundles that were made to do harm: each is refused with one line. */
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type ArchiveFile, archiveOf, filesOfArchive, forged } from "../support/bundle-archive.ts"
import { type SessionLog, sessionLog } from "../support/session-log.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"

let directory: string
let log: SessionLog
let whole: Buffer
let files: ReadonlyArray<ArchiveFile>
let folder: string

/** Where commands of this file work: other tests leave theirs elsewhere. */
const workplace = (): string => join(directory, "tmp")
const usual = process.env["TMPDIR"]

beforeAll(async () => {
  directory = makeDirectory("hostile")
  log = await sessionLog("whole")
  const good = join(directory, "good.tar.gz")
  const around = String(log.record("LunRemovalStarted").seq)
  const made = await lunlogHere("incident", "bundle", "--around", around, "--state", log.stateDirectory, "-o", good)
  assert.isUndefined(made.failure)
  whole = readFileSync(good)
  files = await filesOfArchive(whole)
  folder = files[0]?.name.split("/")[0] ?? ""
  mkdirSync(workplace())
  process.env["TMPDIR"] = workplace()
}, 120_000)

afterAll(() => {
  if (usual === undefined) delete process.env["TMPDIR"]
  else process.env["TMPDIR"] = usual
  log[Symbol.dispose]()
  removeDirectory(directory)
})

const file = (): string => join(directory, "bundle.tar.gz")

const open = async (bytes: Buffer) => {
  writeFileSync(file(), bytes)
  return await lunlogHere("incident", "open", file())
}

/** One line that names the file, and nothing of our insides. */
const refused = async (bytes: Buffer, why: RegExp): Promise<void> => {
  const { failure = "", stdout } = await open(bytes)
  assert.strictEqual(stdout, "")
  assert.isTrue(failure.startsWith(`${file()}: `), failure)
  assert.match(failure, why)
  assert.notMatch(failure, /\n|node:internal|undefined|Error:/u)
  assert.deepStrictEqual(readdirSync(workplace()), [])
}

const named = (name: string): string => `${folder}/${name}`
const added = (...more: ReadonlyArray<ArchiveFile>) => archiveOf([...files, ...more])
const small = Buffer.from("x")

describe("what is no bundle", () => {
  it("is called so", async () => {
    await refused(Buffer.alloc(0), /it was cut off/u)
    await refused(Buffer.from("not gzip at all"), /gzip cannot read it/u)
    await refused(gzipSync(Buffer.from("not tar at all".repeat(100))), /no incident bundle, or damaged/u)
    await refused(gzipSync(Buffer.from('{"format":"lunlog-log"}\n')), /no incident bundle/u)
    await refused(await archiveOf([{ name: "a/b", content: small }]), /there is no manifest\.json/u)
    await refused(await archiveOf([{ name: named("manifest.json"), content: small }]), /does not say "format"/u)
    const other = Buffer.from('{"format":"lunlog-incident-bundle","version":99}')
    await refused(
      await archiveOf([{ name: named("manifest.json"), content: other }]),
      /version 99, this lunlog reads 1/u
    )
    const empty = Buffer.from('{"format":"lunlog-incident-bundle","version":1}')
    await refused(await archiveOf([{ name: named("manifest.json"), content: empty }]), /is not what it should be/u)
  })

  it("nor is what is not there, or is a directory", async () => {
    const missing = await lunlogHere("incident", "open", join(directory, "nowhere"))
    assert.match(String(missing.failure), /nowhere: .*ENOENT/u)
    const folderOnly = await lunlogHere("incident", "open", directory)
    assert.match(String(folderOnly.failure), /EISDIR/u)
  })
})

describe("a bundle that was made to do harm", () => {
  it("unpacks no more than it may", { timeout: 60_000 }, async () => {
    // Members of gzip may follow each other.
    const zeros = gzipSync(Buffer.alloc(16 * 1024 * 1024))
    const padding = Buffer.concat(Array.from({ length: 17 }, () => zeros))
    await refused(padding, /unpacks to more than 256 MiB/u)
    const large = await archiveOf([{ name: named("large"), content: small, size: 193 * 1024 * 1024 }])
    await refused(large, /"large" in it is larger than 192 MiB/u)
    const halves = [1, 2].map((index) => ({ name: named(`half${index}`), content: small, size: 128 * 1024 * 1024 }))
    const headers = await Promise.all(halves.map((half) => archiveOf([half])))
    const filled = headers.flatMap((header) => [header, ...Array.from({ length: 9 }, () => zeros)])
    await refused(Buffer.concat(filled), /unpacks to more than 256 MiB/u)
    const many = Array.from({ length: 1100 }, (_, index) => ({ name: named(`f${index}`), content: small }))
    await refused(await added(...many), /more than 1024 files/u)
  })

  it("leads nowhere else", async () => {
    const names = [
      "../x",
      "/etc/passwd",
      "../../x",
      `${folder}/../../x`,
      `${folder}//x`,
      `${folder}/.x`,
      "other/x",
      folder
    ]
    for (const name of names) await refused(await added({ name, content: small }), /is no name of a bundle's file/u)
    for (const type of ["symlink", "link", "directory", "fifo"] as const) {
      const link = { name: named("incidents/1/incident.json"), content: small, type, linkname: "/etc/passwd" }
      await refused(await added(link), /is no plain file/u)
    }
    assert.isFalse(existsSync(join(directory, "x")))
  })

  it("has each file once, all of them, and no other", async () => {
    const [, second] = files
    if (second === undefined) throw new Error("the bundle has one file")
    await refused(await added(second), /is in it twice/u)
    await refused(
      await added({ name: named("more.json"), content: small }),
      /"more.json" is in it, and not in its manifest/u
    )
    await refused(await archiveOf(files.slice(0, -1)), /"report.txt" is missing/u)
    const changed = files.map((one) => (one === second ? { ...one, content: Buffer.from("other") } : one))
    await refused(await archiveOf(changed), /is not what was put into it: its SHA-256 is/u)
  })

  it("is found out if its hashes were made to fit", async () => {
    const lie = async (name: string, from: string, to: string, why: RegExp): Promise<void> => {
      const change = (content: Buffer) => Buffer.from(content.toString().replace(from, to))
      await refused(await archiveOf(forged(files, name, change)), why)
    }
    await lie("state/after.json", '"name":"', '"name":"x', /is another than state\/after\.json says/u)
    await lie("state/before.json", "{", "{ ", /is another than state\/before\.json says/u)
    await lie("log/records.ndjson", '"type":"LunRemovalStarted"', '"type":"LunAdded"', /records\.ndjson: line \d+/u)
    await lie("log/records.ndjson", "\n", "\n\n", /records\.ndjson: line 2/u)
    const cut = (content: Buffer) => content.subarray(0, content.length - 200)
    await refused(await archiveOf(forged(files, "log/records.ndjson", cut)), /records\.ndjson: line \d+/u)
    const none = (): Buffer => Buffer.alloc(0)
    await refused(await archiveOf(forged(files, "log/records.ndjson", none)), /records\.ndjson: line 1/u)
  })
})

describe("a bundle that was damaged on its way", () => {
  it("is refused wherever it was cut off", async () => {
    for (let part = 1; part < 20; part++) {
      writeFileSync(file(), whole)
      truncateSync(file(), Math.floor((whole.length * part) / 20))
      await refused(readFileSync(file()), /cut off|damaged/u)
    }
  })

  it("is refused, or all of it is what it was, whichever byte is another", { timeout: 120_000 }, async () => {
    const archive = gunzipSync(whole)
    let state = 12345
    const random = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return state % below
    }
    const good = await open(whole)
    for (let round = 0; round < 60; round++) {
      const isInside = round % 2 === 0
      const bytes = Buffer.from(isInside ? archive : whole)
      for (let count = random(3); count >= 0; count--) bytes[random(bytes.length)] = random(256)
      const result = await open(isInside ? gzipSync(bytes) : bytes)
      if (result.failure === undefined) assert.deepStrictEqual(result, good, `round ${round}`)
      else assert.match(result.failure, /^\/[^\n]+: [^\n]+$/u, `round ${round}`)
    }
    assert.deepStrictEqual(readdirSync(workplace()), [])
  })
})
