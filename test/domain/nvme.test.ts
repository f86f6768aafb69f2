/** The rules of NVMe controllers and of the disks that their namespaces are. */
import { assert, describe, it } from "vitest"
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import type { Command } from "../../src/domain/Command.ts"
import { withFound } from "../../src/domain/DataPlane.ts"
import { NvmeControllerName, pciAddressOf } from "../../src/domain/nvme/NvmeController.ts"
import { nextHotName } from "../../src/domain/nvme/nvme-decide.ts"
import { findBdev, findNvmeController } from "../../src/domain/State.ts"
import { at, createBdev, startEpoch } from "./examples.ts"
import { namespaceFound } from "./random-nvme.ts"
import { given, historyOf } from "./specification.ts"

const address = "0000:01:00.0"
const { controller: data } = namespaceFound(1)

const attach = (changes: object = {}): Command => ({
  _tag: "AttachNvmeController",
  name: "Nvme0",
  address,
  listed: false,
  data,
  namespaceIds: [1, 2],
  found: [namespaceFound(1, "eui.1"), namespaceFound(2, "eui.2")],
  ...changes
})

const namespace = (changes: object = {}): BdevRequest => ({
  _tag: "Nvme",
  controller: "Nvme0",
  address,
  namespaceId: 1,
  readOnly: false,
  found: namespaceFound(1, "eui.1"),
  ...changes
})

describe("a PCI address", () => {
  it("is read in the forms that SPDK takes", () => {
    for (const text of [address, "01:00.0", "1:0.0", "1:0", "0:1:0.0", "0000.01.00.0", "0000:01:00:0"]) {
      assert.strictEqual(pciAddressOf(text), address, text)
    }
    assert.strictEqual(pciAddressOf("10000:E1:1F.7"), "10000:e1:1f.7")
    for (const text of ["", "nowhere", "1:20.0", "1:0.8", "0:1:0:0:0", "-1:0", " 1:0", "1:0\n", "123456789:1:0.0"]) {
      assert.isUndefined(pciAddressOf(text), JSON.stringify(text))
    }
  })
})

describe("an NVMe controller", () => {
  const start = given(startEpoch())

  it("comes with all its disks, or not at all", () => {
    start.when(attach()).gives("NvmeControllerAttached", "BdevCreated", "BdevCreated")
    start.when(attach({ namespaceIds: [] })).gives("NvmeControllerAttached")
    const odd = { ...namespaceFound(2), blockSize: 520 }
    start.when(attach({ found: [namespaceFound(1), odd] })).refused("InvalidArgument", /520 bytes; format it/)
    const taken = given(startEpoch(), createBdev("Nvme0n2"))
    taken.when(attach()).refused("AlreadyExists", /Nvme0n2/)
  })

  it("has a name and an address of its own", () => {
    for (const name of ["", "a b", "a:b", "x".repeat(300)]) {
      start.when(attach({ name })).refused("InvalidArgument", /printable characters/)
    }
    start.when(attach({ address: "somewhere" })).refused("InvalidArgument", /lspci -D/)
    const attached = given(startEpoch(), attach())
    attached.when(attach()).refused("AlreadyExists", /Nvme0.* exists/)
    attached.when(attach({ address: "2:0" })).refused("AlreadyExists", /exists, at 0000:01:00\.0/)
    attached.when(attach({ name: "Nvme1", address: "1:0" })).refused("AlreadyExists", /of NVMe controller Nvme0/)
  })

  it("identifies its disks by what they bring along, wherever they are plugged in", () => {
    const uuid = "12345678-1234-1234-1234-123456789abc"
    const own = attach({ found: [{ ...namespaceFound(1, "eui.1"), uuid }, namespaceFound(2, "eui.2")] })
    const { state } = historyOf(startEpoch(), own)
    assert.strictEqual(findBdev(state, "Nvme0n1")?.uuid, uuid)
    assert.strictEqual(findBdev(state, "Nvme0n1")?.uuidExplicit, false)
    const elsewhere = historyOf(startEpoch(), attach({ name: "Other", address: "2:0" }))
    assert.strictEqual(findBdev(elsewhere.state, "Othern2")?.uuid, findBdev(state, "Nvme0n2")?.uuid)
    // The same disk by another way would be two disks on one.
    const twice = attach({ name: "Other", address: "2:0", found: [namespaceFound(1, "eui.2"), namespaceFound(2)] })
    given(startEpoch(), attach()).when(twice).refused("AlreadyExists", /UUID/)
  })

  it("is told by its lease what it is", () => {
    const found = [namespaceFound(1), namespaceFound(2)]
    assert.deepInclude(withFound(attach({ found: [] }), { id: "1", namespaces: found }), { found })
    const command = createBdev(undefined, namespace())
    const { state } = historyOf(startEpoch(), withFound(command, { id: "1", namespaces: [namespaceFound(1, "eui.9")] }))
    const spec = findBdev(state, "Nvme0n1")?.spec
    assert(spec?._tag === "Nvme")
    assert.deepInclude(spec, { device: "/dev/nvme0n1", wwid: "eui.9", blockCount: 8, blockSize: 512 })
  })

  it("is let go with its disks, and not taken again by itself", () => {
    const attached = given(startEpoch(), attach())
    const events = ["BdevRemovalStarted", "BdevRemoved", "BdevRemovalStarted", "BdevRemoved", "NvmeControllerDetached"]
    attached.when({ _tag: "DetachNvmeController", name: "Nvme0" }).gives(...(events as ["BdevRemoved"]))
    attached.when({ _tag: "DetachNvmeController", name: "Nvme0", address: "x" }).refused("NotFound", /is not at x/)
    start.when({ _tag: "DetachNvmeController", name: "Nvme0" }).refused("NotFound", /does not exist/)
    const { state } = historyOf(startEpoch(), attach(), { _tag: "DetachNvmeController", name: "Nvme0" })
    assert.deepStrictEqual(state.nvme.skipped, [address])
    assert.deepStrictEqual(historyOf(startEpoch(), attach()).state.nvme.skipped, [])
  })

  it("goes with the last of its disks, and has only some from the first that is deleted", () => {
    const one: Command = { _tag: "DeleteBdev", name: "Nvme0n1" }
    const { state } = historyOf(startEpoch(), attach(), one)
    assert.strictEqual(findNvmeController(state, "Nvme0")?.listed, true)
    given(startEpoch(), attach(), one)
      .when({ _tag: "DeleteBdev", name: "Nvme0n2" })
      .gives("BdevRemovalStarted", "BdevRemoved", "NvmeControllerDetached")
  })

  it("that is plugged in while hotplug is on has an automatic name, never one that was there before", () => {
    const first = historyOf(startEpoch(), attach({ name: "HotInNvme0" }))
    assert.strictEqual(nextHotName(historyOf(startEpoch()).state), "HotInNvme0")
    assert.strictEqual(nextHotName(first.state), "HotInNvme1")
    const after = historyOf(startEpoch(), attach({ name: "HotInNvme3" }), {
      _tag: "DetachNvmeController",
      name: "HotInNvme3"
    })
    assert.strictEqual(nextHotName(after.state), "HotInNvme4")
  })

  it("takes a namespace that appears, unless only some were wanted or it is another by now", () => {
    const appeared = (incarnation: number): Command => ({
      _tag: "AttachNvmeNamespace",
      controller: NvmeControllerName.make("Nvme0"),
      incarnation: at(incarnation),
      namespaceId: 3,
      found: namespaceFound(3)
    })
    given(startEpoch(), attach()).when(appeared(2)).gives("BdevCreated")
    given(startEpoch(), attach()).when(appeared(1)).gives()
    given(startEpoch(), attach({ listed: true }))
      .when(appeared(2))
      .gives()
    given(startEpoch(), attach({ namespaceIds: [3], found: [namespaceFound(3)] }))
      .when(appeared(2))
      .gives()
  })

  it("comes with a disk that is asked for by itself", () => {
    start.when(createBdev(undefined, namespace())).gives("NvmeControllerAttached", "BdevCreated")
    start.when(createBdev("Nvme0n1", namespace())).gives("NvmeControllerAttached", "BdevCreated")
    start.when(createBdev("disk", namespace())).refused("InvalidArgument", /controller's name, n and its id/)
    start.when(createBdev(undefined, namespace({ namespaceId: 0 }))).refused("InvalidArgument", /namespace id 0/)
    given(startEpoch(), attach({ namespaceIds: [2] }))
      .when(createBdev(undefined, namespace()))
      .gives("BdevCreated")
  })

  it("is looked for as often as was said", () => {
    const on: Command = { _tag: "SetNvmeHotplug", enable: true }
    start.when(on).gives("NvmeHotplugSet")
    given(startEpoch(), on)
      .when({ ...on, periodMicros: 100_000 })
      .gives()
    start.when({ ...on, periodMicros: 10_000_001 }).refused("InvalidArgument", /up to 10000000/)
  })
})
