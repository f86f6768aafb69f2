/** Watching paths, on a file system that the test plays and at times that it sets. */
import { dirname } from "node:path"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { PathWatch } from "../../../src/dataplane/hotplug/PathWatch.ts"
import type { Seen } from "../../../src/dataplane/hotplug/Seen.ts"

const file = (inode: number, byteLength = 512): Seen => ({
  _tag: "There",
  identity: `file 1:${inode}`,
  kind: "file",
  byteLength
})
const absent: Seen = { _tag: "Absent", code: "ENOENT" }

/** What is there, who is told of which folder, and what was looked at. */
class PlayedFiles {
  readonly there = new Map<string, Seen>()
  readonly hanging = new Set<string>()
  readonly notices = new Map<string, (name: string | undefined) => void>()
  readonly looks: Array<string> = []
  readonly refusals: Array<string> = []
  refuses: string | undefined
  outstanding = 0
  /** Folders that the system was asked to tell of. */
  watched = 0

  start(pollMillis: number | undefined): PathWatch {
    return new PathWatch({
      pollMillis,
      now: () => Date.now(),
      look: (path) => this.look(path),
      list: async (folder) => [...this.there.keys()].filter((path) => dirname(path) === folder).sort(),
      watchFolder: (folder, changed) => {
        if (this.refuses !== undefined) throw new Error(this.refuses)
        this.notices.set(folder, changed)
        this.watched++
        return { close: () => this.notices.delete(folder) }
      },
      refused: (reason) => this.refusals.push(reason)
    })
  }

  async look(path: string): Promise<Seen> {
    this.looks.push(path)
    this.outstanding++
    if (this.hanging.has(path)) await new Promise(() => undefined)
    this.outstanding--
    return this.there.get(path) ?? absent
  }

  put(path: string, seen: Seen): void {
    this.there.set(path, seen)
    this.notices.get(dirname(path))?.(path.slice(dirname(path).length + 1))
  }
}

let files: PlayedFiles
let watch: PathWatch | undefined

beforeEach(() => {
  vi.useFakeTimers()
  files = new PlayedFiles()
  files.there.set("/d", file(1))
})
afterEach(() => {
  watch?.close()
  vi.useRealTimers()
})

const pass = (millis: number): Promise<unknown> => vi.advanceTimersByTimeAsync(millis)

const watching = (path: string): Array<Seen> => {
  const told: Array<Seen> = []
  watch?.watch(path, (seen) => told.push(seen))
  return told
}

describe("a path", () => {
  it("is told as it is, and as it has become a moment after the system has told of it", async () => {
    watch = files.start(undefined)
    files.put("/d/a", file(2))
    const told = watching("/d/a")
    await pass(1)
    assert.deepStrictEqual(told, [file(2)])
    files.put("/d/a", file(2, 4096))
    files.put("/d/b", file(3))
    await pass(200)
    assert.deepStrictEqual(told, [file(2), file(2, 4096)])
    assert.notInclude(files.looks, "/d/b")
  })

  it("is found out by looking where the system does not tell", async () => {
    watch = files.start(1000)
    const told = watching("/d/a")
    await pass(1)
    files.there.set("/d/a", file(2))
    await pass(1200)
    assert.deepStrictEqual(told, [absent, file(2)])
  })

  it("that is away for less than a moment was never away", async () => {
    watch = files.start(undefined)
    files.put("/d/a", file(2))
    const told = watching("/d/a")
    await pass(1)
    files.put("/d/a", absent)
    await pass(50)
    files.put("/d/a", file(2))
    await pass(5000)
    assert.deepStrictEqual(told, [file(2)])
    files.put("/d/a", absent)
    await pass(200)
    assert.deepStrictEqual(told, [file(2), absent])
  })

  it("that never rests is told now and then", async () => {
    watch = files.start(undefined)
    files.put("/d/a", file(2))
    const told = watching("/d/a")
    await pass(1)
    for (let step = 0; step < 300; step++) {
      files.there.set("/d/a", file(2, step * 512))
      if (step === 0) files.put("/d/a", file(2, 0))
      await pass(20)
    }
    assert.isAtLeast(told.length, 2)
    assert.isAtMost(told.length, 5)
  })

  it("in a folder that is not there yet, or is replaced, is told", async () => {
    watch = files.start(1000)
    const told = watching("/later/a")
    await pass(1)
    assert.isUndefined(files.notices.get("/later"))
    files.there.set("/later", file(10))
    files.there.set("/later/a", file(11))
    await pass(1200)
    assert.deepStrictEqual(told, [absent, file(11)])
    assert.strictEqual(files.watched, 1)
    files.there.set("/later", file(20))
    files.there.set("/later/a", file(21))
    await pass(1200)
    assert.deepStrictEqual(told.at(-1), file(21))
    assert.strictEqual(files.watched, 2)
  })

  it("is not told any more when nobody watches, and its folder is let go with the last", async () => {
    watch = files.start(1000)
    const told: Array<Seen> = []
    const [a, b] = ["/d/a", "/d/b"].map((path) => watch?.watch(path, (seen) => told.push(seen)))
    await pass(1)
    assert.lengthOf(told, 2)
    a?.close()
    files.put("/d/a", file(2))
    await pass(2000)
    assert.lengthOf(told, 2)
    assert.isDefined(files.notices.get("/d"))
    b?.close()
    assert.isUndefined(files.notices.get("/d"))
  })
})

describe("a folder", () => {
  it("is told by its names", async () => {
    watch = files.start(undefined)
    const told: Array<ReadonlyArray<string> | undefined> = []
    files.put("/d/a", file(2))
    watch.watchFolder("/d", (names) => told.push(names))
    await pass(1)
    files.put("/d/b", file(3))
    files.put("/d/b", file(3, 1024))
    await pass(200)
    assert.deepStrictEqual(told, [["/d/a"], ["/d/a", "/d/b"]])
  })

  it("in which much happens is left alone for some seconds, and looked at meanwhile", async () => {
    watch = files.start(1000)
    files.put("/d/a", file(2))
    const told = watching("/d/a")
    await pass(1)
    const { length } = files.looks
    for (let count = 0; count < 10_000; count++) files.notices.get("/d")?.("a")
    assert.isUndefined(files.notices.get("/d"))
    await pass(100)
    assert.isBelow(files.looks.length - length, 40)
    files.there.set("/d/a", file(2, 1024))
    await pass(1200)
    assert.deepStrictEqual(told.at(-1), file(2, 1024))
    await pass(6000)
    assert.isDefined(files.notices.get("/d"))
  })

  it("is told of again after that, also where nothing is looked at in between", async () => {
    watch = files.start(undefined)
    files.put("/d/a", file(2))
    const told = watching("/d/a")
    await pass(1)
    for (let count = 0; count < 100; count++) files.notices.get("/d")?.("a")
    await pass(1000)
    files.put("/d/a", absent)
    await pass(6000)
    assert.deepStrictEqual(told, [file(2), absent])
    assert.isDefined(files.notices.get("/d"))
    files.put("/d/a", file(3))
    await pass(200)
    assert.deepStrictEqual(told.at(-1), file(3))
  })

  it("that the system does not want to tell of is looked at, and that is said once", async () => {
    watch = files.start(1000)
    files.refuses = "ENOSPC"
    const told = watching("/d/a")
    await pass(5000)
    files.put("/d/a", file(2))
    await pass(1200)
    assert.deepStrictEqual(told, [absent, file(2)])
    assert.deepStrictEqual(files.refusals, ["ENOSPC"])
  })
})

describe("looking", () => {
  it("into a file system that hangs keeps nobody else waiting, and begins once", async () => {
    watch = files.start(1000)
    for (let folder = 0; folder < 3; folder++) {
      for (let name = 0; name < 10; name++) {
        files.hanging.add(`/hung${folder}/${name}`)
        watching(`/hung${folder}/${name}`)
      }
    }
    const told = watching("/d/a")
    await pass(20_000)
    files.there.set("/d/a", file(2))
    await pass(1200)
    assert.deepStrictEqual(told, [absent, file(2)])
    assert.strictEqual(files.outstanding, 3)
  })

  it("is bounded in number at once and in a turn", async () => {
    watch = files.start(1000)
    for (let folder = 0; folder < 2000; folder++) watching(`/many${folder}/a`)
    await pass(10)
    files.looks.splice(0)
    await pass(1000)
    assert.isAtMost(files.looks.length, 300)
    await pass(20_000)
    assert.strictEqual(new Set(files.looks.filter((path) => path.endsWith("/a"))).size, 2000)
  })
})
