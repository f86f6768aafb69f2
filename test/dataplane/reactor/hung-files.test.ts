/** Files whose file system does not answer: they are given up, hold few threads, and leave nothing open. */
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { nodeFiles } from "../../../src/dataplane/bdev/file/FileOperations.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { MemoryBudget } from "../../../src/dataplane/MemoryBudget.ts"
import type { ReactorAnswer, ReactorFact } from "../../../src/dataplane/reactor/protocol.ts"
import { ReactorBdevs } from "../../../src/dataplane/reactor/ReactorBdevs.ts"
import { aioSpec, Folder } from "../bdev/aio-support.ts"

let folder: Folder
let bdevs: ReactorBdevs
let answers: Map<number, ReactorAnswer>
/** Lets the operations go on that hang. */
let release: () => void
let hanging: number
let opened: number

beforeEach(() => {
  folder = new Folder()
  answers = new Map()
  hanging = 0
  opened = 0
  const gate = Promise.withResolvers<void>()
  release = gate.resolve
  const files = {
    ...nodeFiles,
    stat: async (path: string) => {
      if (!path.endsWith("good")) {
        hanging++
        await gate.promise
      }
      return nodeFiles.stat(path)
    },
    open: (path: string, flags: number) => {
      opened++
      return nodeFiles.open(path, flags)
    }
  }
  const emit = (fact: ReactorFact): void => {
    if (fact._tag === "Answer") answers.set(fact.request, fact.answer)
  }
  const memory = MemoryBudget.sized(2 ** 30).account("disks")
  bdevs = new ReactorBdevs(emit, memory, new OpenFiles(files, 64))
})

afterEach(() => {
  release()
  bdevs.closeAll(() => {})
  folder[Symbol.dispose]()
})

const open = (bdev: number, name: string): void => {
  const definition = { name, spec: aioSpec(folder.file(name, 4096)) }
  bdevs.handle({ _tag: "OpenBdev", request: bdev, bdev, definition, base: undefined })
}

describe("a file that cannot even be looked at", () => {
  it("is given up at once when its bdev is closed, and not opened any more", async () => {
    open(1, "hung")
    bdevs.handle({ _tag: "CloseBdev", request: 100, bdev: 1 })
    assert.deepInclude(answers.get(1), { _tag: "Failed", code: "ECANCELED" })
    assert.deepStrictEqual(answers.get(100), { _tag: "Done" })
    release()
    open(2, "good")
    while (!answers.has(2)) await new Promise(setImmediate)
    assert.strictEqual(answers.get(2)?._tag, "BdevOpened")
    assert.strictEqual(opened, 1)
  })

  it("is one of few that hang in the pool, however often it is tried", async () => {
    for (let bdev = 1; bdev <= 50; bdev++) open(bdev, `hung${bdev}`)
    await new Promise(setImmediate)
    assert.strictEqual(hanging, 4)
  })
})
