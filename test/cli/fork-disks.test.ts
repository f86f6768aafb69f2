/** Files of a fork's disks: which disks get copies, of what size, and without what is all zeros. */
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, assert, describe, it } from "vitest"
import { copySparse, makeSparse } from "../../src/cli/fork/copy-sparse.ts"
import { type DiskPlan, planDisks } from "../../src/cli/fork/disk-plan.ts"
import { makeDiskFiles } from "../../src/cli/fork/fill-disks.ts"
import { createBdev, startEpoch } from "../domain/examples.ts"
import { historyOf } from "../domain/specification.ts"
import { byOffset } from "../history/fork/mapping-examples.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"

const folder = makeDirectory("disks")
afterAll(() => removeDirectory(folder))

const mebibyte = 1024 * 1024
const file = (name: string): string => join(folder, name)
const live = new AbortController().signal

/** Zeros but for a word in the third MiB and one at the very end. */
const original = file("original")
writeFileSync(original, "")
truncateSync(original, 8 * mebibyte)
const content = readFileSync(original)
content.write("three", 2 * mebibyte + 17)
content.write("end", 8 * mebibyte - 3)
writeFileSync(original, content)

describe("a copy of a file", () => {
  it("has the same content, and no room for what is all zeros", async () => {
    await copySparse(original, file("copy"), 8 * mebibyte, live)
    assert.isTrue(readFileSync(file("copy")).equals(content))
    assert.isBelow(statSync(file("copy")).blocks * 512, 4 * mebibyte)
    assert.strictEqual(statSync(file("copy")).mode & 0o777, 0o600)
  })

  it("is cut, or has zeros behind, where the disk had another size then", async () => {
    await copySparse(original, file("shorter"), 3 * mebibyte, live)
    assert.isTrue(readFileSync(file("shorter")).equals(content.subarray(0, 3 * mebibyte)))
    await copySparse(original, file("longer"), 9 * mebibyte, live)
    assert.isTrue(readFileSync(file("longer")).equals(Buffer.concat([content, Buffer.alloc(mebibyte)])))
  })

  it("ends early if nobody wants it any more, and an empty one takes no other's place", async () => {
    const failed = await copySparse(original, file("aborted"), 8 * mebibyte, AbortSignal.abort()).catch(String)
    assert.match(String(failed), /abort/iu)
    const taken = await makeSparse(original, 1).catch(({ code }: NodeJS.ErrnoException) => code)
    assert.strictEqual(taken, "EEXIST")
    assert.isTrue(readFileSync(original).equals(content))
  })
})

describe("disks of a fork", () => {
  const aio = (name: string, filename: string, blockCount: number) =>
    createBdev(name, { _tag: "Aio", filename, blockSize: 512, readOnly: false, blockCount })
  const state = historyOf(
    startEpoch(),
    createBdev("M"),
    createBdev("gone"),
    aio("A", original, 16_384),
    aio("B", original, 8192),
    aio("missing", file("nowhere"), 8),
    createBdev("N", { _tag: "Null", blockCount: 8, blockSize: 512, physicalBlockSize: 512 })
  ).state
  const today = historyOf(startEpoch(), createBdev("M")).state
  const isFile = (path: string): boolean => path === original
  const reasons = (plans: ReadonlyArray<DiskPlan>) => plans.map(({ empty, name }) => [name, empty])

  it("are copied as far as there is something to copy", () => {
    assert.deepStrictEqual(reasons(planDisks({ state, today, isRunning: true, isFile }, byOffset, "snapshot")), [
      ["M", undefined],
      ["gone", "it is not there any more"],
      ["A", undefined],
      ["B", undefined],
      ["missing", `${file("nowhere")} is no regular file, or not there any more`]
    ])
    const [memory] = planDisks({ state, today, isRunning: false, isFile }, byOffset, "snapshot")
    assert.strictEqual(memory?.empty, "its memory went with the process that had it")
    for (const { empty } of planDisks({ state, today, isRunning: true, isFile }, byOffset, "empty")) {
      assert.strictEqual(empty, "as --data empty has it")
    }
  })

  it("are files of the fork, one for each of the source's, and memory that is fetched", async () => {
    const mapping = { ...byOffset, fileDirectory: folder }
    const plans = planDisks({ state, today, isRunning: true, isFile }, mapping, "snapshot")
    const dumped: Array<string> = []
    const dump = (name: string) => Effect.sync(() => void dumped.push(name))
    await Effect.runPromise(makeDiskFiles(plans, { dump }))
    assert.deepStrictEqual(dumped, ["M"])
    const [, , a, b, missing] = plans
    assert(a !== undefined && b !== undefined && missing !== undefined)
    assert.strictEqual(a.file, b.file)
    assert.isTrue(readFileSync(a.file).equals(content))
    assert.strictEqual(statSync(missing.file).size, 8 * 512)
  })

  it("have the changes of overlays, whose files are as long as they need; without them an empty file", () => {
    const spec = { _tag: "Overlay" as const, base: "M", filename: original }
    const overlays = historyOf(startEpoch(), createBdev("M"), createBdev("O", spec)).state
    const source = { state: overlays, today: overlays, isRunning: true, isFile }
    const [, copied] = planDisks(source, byOffset, "snapshot")
    assert.strictEqual(copied?.source, original)
    assert.isAbove(copied?.bytes ?? 0, 64 * mebibyte)
    const [, empty] = planDisks(source, byOffset, "empty")
    assert.deepStrictEqual([empty?.kind, empty?.bytes], ["file", 0])
  })
})
