/** Targets that are used, and then share a disk: real reactors and sessions, of which those of one come again. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import type { BdevSpec } from "../../../src/dataplane/bdev/BdevSpec.ts"
import { mainThreadReactor } from "../../../src/dataplane/reactor/main-thread-reactor.ts"
import { clearUnitAttentions, readBlocks, reportLuns, writeBlocks } from "../../support/initiator/commands.ts"
import { makePattern } from "../../support/initiator/pattern.ts"
import { until } from "../../support/until.ts"
import { anyBase, Harness, malloc, pool } from "../reactor/harness.ts"

const red = "iqn.2026-01.org.example:red"
const green = "iqn.2026-01.org.example:green"

const start = (): Promise<Harness> => Harness.start({}, (options) => pool(options, mainThreadReactor))

const fileSpec = (filename: string): BdevSpec => ({
  _tag: "Aio",
  filename,
  blockSize: 512,
  readOnly: false,
  wholeBlocks: true
})

const homesOf = async (harness: Harness): Promise<ReadonlyArray<ReadonlyArray<string>>> =>
  ((await harness.report()).reactors ?? []).map(({ targets }) => targets)

describe("a disk that two targets with sessions share from now on", () => {
  it("has one home with both: the sessions of one are asked to come back, and find everything as it was", async () => {
    const directory = mkdtempSync(join(tmpdir(), "lunlog-moving-"))
    const filename = join(directory, "disk")
    writeFileSync(filename, Buffer.alloc(1024 * 1024))
    await using harness = await start()
    harness.putTarget({ name: red })
    const ram = await harness.openBdev(malloc())
    const above = await harness.openBdev({ _tag: "Passthru", base: anyBase }, ram)
    const file = await harness.openBdev(fileSpec(filename))
    for (const [lun, bdev] of [ram, above, file].entries()) harness.mapLun(lun, bdev, red)
    harness.putTarget({ name: green })
    const others = [await harness.openBdev(malloc()), await harness.openBdev(malloc())]
    for (const [lun, bdev] of others.entries()) harness.mapLun(lun, bdev, green)
    assert.deepStrictEqual(await homesOf(harness), [[], [red], [green]])

    const theirs = await harness.open({ targetName: green })
    const twice = await harness.open({ targetName: green })
    const own = await harness.open({ targetName: red }, [0, 1, 2])
    const data = makePattern(0, 100, 5, 512)
    await writeBlocks(own, 0, 7, data)
    await writeBlocks(own, 2, 7, data)

    harness.mapLun(2, ram, green)
    await until("the request to log out", () => own.asyncMessages.length > 0)
    await own.logout()
    const again = await harness.open({ targetName: red }, [0, 1, 2])
    assert.deepStrictEqual(await reportLuns(again), [0, 1, 2])
    for (const lun of [0, 1, 2]) {
      assert.isTrue((await readBlocks(again, lun, 7, 100)).equals(data), `LUN ${lun} has its content`)
    }
    assert.isTrue(
      readFileSync(filename)
        .subarray(7 * 512, 107 * 512)
        .equals(data)
    )
    assert.deepStrictEqual(await homesOf(harness), [[], [], [green, red]])
    assert.deepInclude(await harness.fact(({ _tag }) => _tag === "TargetsMoved"), {
      targets: [red],
      bdevs: 3,
      sessionsClosed: 1,
      sessionsCut: 0
    })
    // Who stays sees one LUN more, of the same disk.
    await clearUnitAttentions(theirs, 0)
    await clearUnitAttentions(theirs, 2)
    assert.isTrue((await readBlocks(theirs, 2, 7, 100)).equals(data))
    for (const session of [theirs, twice, again]) {
      assert.deepStrictEqual(session.violations, [])
      await session.logout()
    }
    rmSync(directory, { recursive: true, force: true })
  })

  it("is told as gone if it cannot be opened where it goes", async () => {
    const directory = mkdtempSync(join(tmpdir(), "lunlog-moving-"))
    const filename = join(directory, "disk")
    writeFileSync(filename, Buffer.alloc(1024 * 1024))
    await using harness = await start()
    harness.putTarget({ name: red })
    harness.mapLun(0, await harness.openBdev(fileSpec(filename)), red)
    harness.putTarget({ name: green })
    const shared = await harness.openBdev(malloc())
    harness.mapLun(0, shared, green)
    const session = await harness.open({ targetName: green })
    rmSync(directory, { recursive: true, force: true })
    harness.mapLun(1, shared, red)
    const told = await harness.fact(({ _tag }) => _tag === "BdevTold")
    assert(told._tag === "BdevTold" && told.news._tag === "Gone")
    assert.include(told.news.detail, filename)
    assert.deepStrictEqual(session.violations, [])
    await session.logout()
  })
})
