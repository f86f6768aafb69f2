/** Configuration files that are right: what their sections become. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { readNativeFile } from "../../src/config/native/NativeFile.ts"
import { parseSize } from "../../src/config/size.ts"
import { activeTargetsOf, findBdev } from "../../src/domain/State.ts"
import { desiredOf, problemsOf, readText } from "./support.ts"

const stateOf = (source: string) => desiredOf(readText(source)).state

const bdev = (rest: string) => `bdevs:\n  - { type: malloc, name: M0, ${rest} }\n`

describe("a right file", () => {
  it("may name a base after what is stacked on it", () => {
    const state = stateOf(
      `bdevs:\n  - { type: delay, name: D0, base: M0 }\n  - { type: malloc, name: M0, size: 1 MiB }\n`
    )
    assert.strictEqual(findBdev(state, "D0")?.spec._tag, "Delay")
  })

  it("may have a target without map and LUN 0", () => {
    const state = stateOf(
      `${bdev("size: 1 MiB")}targets:\n  - name: t\n    maps: []\n    luns: [{ lun: 7, bdev: M0 }]\n`
    )
    assert.deepStrictEqual(
      activeTargetsOf(state).map(({ name }) => String(name)),
      ["iqn.2016-06.io.spdk:t"]
    )
  })

  it("may say type: null, which YAML takes for no value", () => {
    const state = stateOf("bdevs:\n  - { type: null, name: N0, size: 1 MiB }\n")
    assert.strictEqual(findBdev(state, "N0")?.spec._tag, "Null")
  })

  it("names files from its own folder", () => {
    const source =
      "bdevs:\n  - { type: aio, name: A, file: disks/a.img, blockSize: 4K }\n  - { type: aio, name: B, file: /b }\n"
    const { state } = desiredOf(Effect.runSync(readNativeFile("/etc/lunlog/f.yaml", source)))
    assert.deepInclude(findBdev(state, "A")?.spec, { filename: "/etc/lunlog/disks/a.img", blockSize: 4096 })
    assert.deepInclude(findBdev(state, "B")?.spec, { filename: "/b", blockSize: 512, readOnly: false })
  })

  it("may be empty", () => {
    assert.deepStrictEqual(problemsOf(""), [])
    assert.deepStrictEqual(problemsOf("# nothing\n"), [])
  })
})

describe("a size", () => {
  it.each([
    ["512", 512],
    [512, 512],
    ["64 MiB", 2 ** 26],
    ["64M", 2 ** 26],
    ["1.5 GiB", 1.5 * 2 ** 30],
    ["2 GB", 2e9],
    ["1 TiB", 2 ** 40]
  ])("%s is %d bytes", (text, bytes) => {
    assert.strictEqual(parseSize(text), bytes)
  })

  it.each(["", "-1", "1e3", "64 MiBs", "0.3", "9P", "NaN", Number.NaN, -1, 1e300])("%s is none", (text) => {
    assert.isUndefined(parseSize(text))
  })
})
