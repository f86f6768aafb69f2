/** Configuration files with mistakes: each is told with its place and what to do. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { desiredStateOf } from "../../src/config/DesiredState.ts"
import { configLengthMax, readNativeFile } from "../../src/config/NativeFile.ts"
import { parseSize } from "../../src/config/size.ts"
import { activeTargetsOf, findBdev } from "../../src/domain/State.ts"
import { epoch } from "./support.ts"

const problemsOf = (source: string): ReadonlyArray<string> => {
  const file = readNativeFile("f.yaml", source)
  if (Result.isFailure(file)) return file.failure
  const desired = desiredStateOf(file.success, epoch)
  return Result.isFailure(desired) ? desired.failure : []
}

const stateOf = (source: string) => {
  const file = Result.getOrThrow(readNativeFile("f.yaml", source))
  return Result.getOrThrow(desiredStateOf(file, epoch)).state
}

const bdev = (rest: string) => `bdevs:\n  - { type: malloc, name: M0, ${rest} }\n`

describe("a mistake in the form", () => {
  it.each([
    ["unknown keys", "bdevz: []\n", /^f\.yaml:1:8 bdevz: is not known here; known are options, bdevs, portalGroups,/],
    ["keys given twice", "bdevs: []\nbdevs: []\n", /^f\.yaml:2:1 Map keys must be unique/],
    ["broken YAML", "bdevs: [\n", /^f\.yaml:2:1 /],
    [
      "unknown types",
      "bdevs:\n  - { type: tape, name: a }\n",
      /^f\.yaml:2:5 bdevs\[0\]: has no type that is known; use/
    ],
    ["missing keys", "bdevs:\n  - { type: malloc, name: a }\n", /^f\.yaml:2:5 bdevs\[0\]\.size: is missing/],
    ["sizes that are none", bdev("size: 64 Mibs"), /^f\.yaml:2:37 bdevs\[0\]\.size: write bytes \(67108864\) or/],
    [
      "texts in place of numbers",
      "portalGroups:\n  - { tag: one, portals: [] }\n",
      /^f\.yaml:2:12 portalGroups\[0\]\.tag: /
    ]
  ])("tells %s with their place", (_, source, expected) => {
    const [first = "no problem"] = problemsOf(source)
    assert.match(first, expected)
  })

  it("tells all of them at once", () => {
    assert.lengthOf(problemsOf("bdevs:\n  - { type: malloc }\n  - { type: error, base: 1 }\n"), 3)
  })

  it("bounds what it reads", () => {
    assert.match(problemsOf("#".repeat(configLengthMax + 1))[0] ?? "", /longer than/)
    const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]", ..."bcdefghij"]
      .map((line, index) => (index === 0 ? line : `${line}: &${line} [${`*${"abcdefghij"[index - 1]},`.repeat(9)}]`))
      .join("\n")
    assert.match(problemsOf(bomb)[0] ?? "", /alias/i)
  })
})

describe("a mistake in the matter", () => {
  const groups = (portals: string, netmasks: string) =>
    [
      `portalGroups:\n  - tag: 1\n    portals: [${portals}]`,
      `initiatorGroups:\n  - tag: 2\n    initiators: [ANY]\n    netmasks: [${netmasks}]\n`
    ].join("\n")

  it.each([
    [
      "hosts",
      groups('"127.0.0.1:1", "host.example:2"', "ANY"),
      /^f\.yaml:3:30 portalGroups\[0\]: portal "host\.example"/
    ],
    [
      "netmasks",
      groups('"127.0.0.1:1"', "ANY, 10.0.0.0/33"),
      /^f\.yaml:7:21 initiatorGroups\[0\]: netmask "10\.0\.0\.0\/33"/
    ],
    [
      "broken blocks",
      bdev("size: 1000"),
      /^f\.yaml:2:37 bdevs\[0\]\.size: 1000 bytes are no whole number of blocks of 512/
    ],
    ["tags", "portalGroups:\n  - { tag: 0, portals: [] }\n", /^f\.yaml:2:5 portalGroups\[0\]: .*0/],
    [
      "bdevs that are not there",
      "targets:\n  - name: t\n    maps: []\n    luns: [{ lun: 0, bdev: Nope }]\n",
      /^f\.yaml:4:28 targets\[0\]: bdev "Nope" does not exist/
    ]
  ])("tells %s at the value that is wrong", (_, source, expected) => {
    const [first = "no problem"] = problemsOf(source)
    assert.match(first, expected)
  })

  it("is told once, not again for what depends on it", () => {
    const source = `${bdev("size: 1000")}  - { type: delay, name: D0, base: M0 }\n`
    assert.lengthOf(problemsOf(source), 1)
  })
})

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
    const file = Result.getOrThrow(readNativeFile("/etc/lunlog/f.yaml", source))
    const { state } = Result.getOrThrow(desiredStateOf(file, epoch))
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
