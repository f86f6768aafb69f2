/** Plans, drift and exports while a disk's device is away: it counts as running, and nothing is done to it. */
import { assert, describe, it } from "vitest"
import { exportNative } from "../../src/config/native/export-native.ts"
import { BdevName } from "../../src/domain/ids.ts"
import { detachedBdevsOf, findBdev } from "../../src/domain/State.ts"
import { applyTo, byRpc, driftTexts, nothing, planFor, type Running } from "./plan-support.ts"
import { desiredOf, readText } from "./support.ts"

const config = (file = "/srv/a.img", limit = "") => `
bdevs:
  - name: A
    type: aio
    file: ${file}
    blockSize: 512${limit}
  - { name: M, type: malloc, size: 1 MiB, blockSize: 512 }
portalGroups:
  - { tag: 1, portals: ["127.0.0.1:3260"] }
initiatorGroups:
  - { tag: 1, initiators: [ANY], netmasks: [ANY] }
targets:
  - name: iqn.2016-06.io.spdk:disk1
    maps: [{ portalGroup: 1, initiatorGroup: 1 }]
    luns: [{ bdev: M, lun: 0 }, { bdev: A, lun: 3 }]
`

const file = (source: string, running: Running = nothing) => desiredOf(readText(source), running.state)
const made = applyTo(nothing, file(config()))
const incarnation = findBdev(made.state, "A")?.incarnation
const away =
  incarnation === undefined
    ? made
    : byRpc(made, {
        _tag: "RecordBdevVanished",
        name: BdevName.make("A"),
        incarnation,
        detail: "/srv/a.img is gone (ENOENT)"
      })

const plan = (source: string) => planFor(away, file(source, away))
const tags = (source: string) => plan(source).works.map(({ command }) => command._tag)

describe("while a disk's device is away", () => {
  it("its file is applied: nothing is done, nothing has drifted, and that it is away is told", () => {
    assert.lengthOf(detachedBdevsOf(away.state), 1)
    const { conflicts, detached, drift, steps, works } = plan(config())
    assert.deepStrictEqual([conflicts, drift, steps, works], [[], [], [], []])
    assert.deepStrictEqual(detached, ["bdev A is detached: /srv/a.img is gone (ENOENT)"])
    assert.deepStrictEqual(driftTexts(plan(config())), [])
  })

  it("other changes of the file are carried out", () => {
    const other = config().replace("1 MiB", "2 MiB").replace("{ bdev: M, lun: 0 }, ", "")
    assert.deepStrictEqual(tags(other.replace(/.*name: M.*\n/u, "")), ["RemoveLun", "DeleteBdev"])
    const after = applyTo(away, file(other.replace(/.*name: M.*\n/u, ""), away))
    assert.lengthOf(detachedBdevsOf(after.state), 1)
  })

  it("a file that has another device for it puts that in its place", () => {
    assert.deepStrictEqual(tags(config("/srv/b.img")), ["DeleteBdev", "CreateBdev", "AddLun"])
    const after = applyTo(away, file(config("/srv/b.img"), away))
    assert.deepStrictEqual(detachedBdevsOf(after.state), [])
    assert.isDefined(findBdev(after.state, "A"))
  })

  it("a file without it forgets it", () => {
    const without = config()
      .replace(", { bdev: A, lun: 3 }", "")
      .replace(/ {2}- name: A\n(.*\n){3}/u, "")
    assert.deepStrictEqual(tags(without), ["DeleteBdev"])
    assert.deepStrictEqual(detachedBdevsOf(applyTo(away, file(without, away)).state), [])
  })

  it("what would change it is refused in words, before anything is done", () => {
    const limited = config("/srv/a.img", "\n    qos: { readWriteIops: 5000 }")
    const [conflict] = plan(limited).conflicts
    assert.match(conflict?.message ?? "", /bdev A is detached: .* apply again when it is back, or delete it/)
  })

  it("an export has it as it was", () => {
    const before = exportNative(made.state, { isWhole: false }).text
    assert.strictEqual(exportNative(away.state, { isWhole: false }).text, before)
    assert.deepStrictEqual(exportNative(away.state, { isWhole: false }).warnings, [])
  })
})
