/** Watching real files and folders: what the system tells, and what only a look finds. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { nodeWatching } from "../../../src/dataplane/hotplug/node-watching.ts"
import { PathWatch } from "../../../src/dataplane/hotplug/PathWatch.ts"
import { lookWithin, type Seen } from "../../../src/dataplane/hotplug/Seen.ts"

let folder: string
const watches: Array<PathWatch> = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lunlog-hotplug-"))
})
afterEach(() => {
  for (const watch of watches.splice(0)) watch.close()
  rmSync(folder, { recursive: true, force: true })
})

const start = (pollMillis: number | undefined): PathWatch => {
  const refused = (reason: string): void => assert.fail(reason)
  const watch = new PathWatch({ ...nodeWatching("/sys"), pollMillis, refused })
  watches.push(watch)
  return watch
}

/** What is told, one after the other. */
const tellingOf = (watch: PathWatch, path: string) => {
  const told: Array<Seen> = []
  const waiting: Array<(seen: Seen) => void> = []
  watch.watch(path, (seen) => {
    const next = waiting.shift()
    if (next === undefined) told.push(seen)
    else next(seen)
  })
  return (): Promise<Seen> => {
    const seen = told.shift()
    return seen === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(seen)
  }
}

const sizeOf = (seen: Seen): number | string => (seen._tag === "There" ? seen.byteLength : seen.code)

const create = (name: string, bytes: number): string => {
  const path = join(folder, name)
  writeFileSync(path, "")
  truncateSync(path, bytes)
  return path
}

describe("without polling, by what the system tells", () => {
  it("a file comes, grows, is moved away and back, is replaced, and goes", async () => {
    const path = join(folder, "a.img")
    const next = tellingOf(start(undefined), path)
    assert.strictEqual(sizeOf(await next()), "ENOENT")
    create("a.img", 4096)
    const first = await next()
    assert.strictEqual(sizeOf(first), 4096)
    truncateSync(path, 8192)
    assert.strictEqual(sizeOf(await next()), 8192)
    renameSync(path, `${path}.away`)
    assert.strictEqual(sizeOf(await next()), "ENOENT")
    renameSync(`${path}.away`, path)
    const back = await next()
    assert(first._tag === "There" && back._tag === "There")
    assert.strictEqual(back.identity, first.identity)
    renameSync(create("b.img", 8192), path)
    const other = await next()
    assert(other._tag === "There")
    assert.notStrictEqual(other.identity, first.identity)
    rmSync(path)
    assert.strictEqual(sizeOf(await next()), "ENOENT")
  })
})

describe("with polling", () => {
  it("a file is found in a folder that comes later, goes, and comes again", async () => {
    const inner = join(folder, "later", "inner")
    const next = tellingOf(start(50), join(inner, "a.img"))
    assert.strictEqual(sizeOf(await next()), "ENOENT")
    for (let round = 0; round < 2; round++) {
      mkdirSync(inner, { recursive: true })
      create("later/inner/a.img", 512)
      assert.strictEqual(sizeOf(await next()), 512)
      rmSync(join(folder, "later"), { recursive: true })
      assert.strictEqual(sizeOf(await next()), "ENOENT")
    }
  })

  it("a symbolic link is what it leads to", async () => {
    const path = join(folder, "link")
    mkdirSync(join(folder, "elsewhere"))
    const next = tellingOf(start(50), path)
    assert.strictEqual(sizeOf(await next()), "ENOENT")
    symlinkSync(create("elsewhere/a.img", 512), path)
    assert.strictEqual(sizeOf(await next()), 512)
    truncateSync(join(folder, "elsewhere", "a.img"), 1024)
    assert.strictEqual(sizeOf(await next()), 1024)
    rmSync(join(folder, "elsewhere"), { recursive: true })
    assert.strictEqual(sizeOf(await next()), "ENOENT")
  })
})

describe("a look", () => {
  it("at what is no disk says so, and never throws", async () => {
    const look = lookWithin("/sys")
    for (const path of ["/dev/null", folder, "/", "/proc/self/mem"]) {
      const seen = await look(path)
      assert.strictEqual(seen._tag, "There", path)
    }
    assert.deepInclude(await look("/dev/null"), { kind: "other" })
    const odd = ["", `${folder}/${"x".repeat(5000)}`, `${create("file", 1)}/inside`, `${folder}/\0`]
    assert.deepStrictEqual(
      (await Promise.all(odd.map(look))).map((seen) => (seen._tag === "There" ? seen : `${seen._tag} ${seen.code}`)),
      ["Absent ENOENT", "Unclear ENAMETOOLONG", "Absent ENOTDIR", "Unclear ERR_INVALID_ARG_VALUE"]
    )
  })
})
