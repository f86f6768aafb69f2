/**
 * NVMe controllers of a real server, through a tree as the kernel's driver shows it: attached by PCI address, used,
 * known again after a restart under another kernel name, and let go under load.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { type FakeController, FakeSysfs } from "../support/fake-sysfs.ts"
import {
  clearUnitAttentions,
  inquiry,
  readBlocks,
  readCapacity,
  reportLuns,
  writeBlocks
} from "../support/initiator/commands.ts"
import { readStory } from "../support/initiator/log-story.ts"
import { asLunlog, createGroups, type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { RpcFailure } from "../support/rpc-client.ts"
import { freePort, makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"

const mebibyte = 1024 * 1024
const address = "0000:01:00.0"
const controller: FakeController = {
  address,
  instance: 0,
  namespaces: [
    { namespaceId: 1, byteLength: 4 * mebibyte, attributes: { nguid: "12345678-1234-1234-1234-123456789abc" } },
    { namespaceId: 2, byteLength: 8 * mebibyte, blockSize: 4096 }
  ]
}
const attachment = { name: "Nvme0", trtype: "PCIe", traddr: address }
const name = `${nodeBase}:nvme`

let directory: string
let tree: FakeSysfs

beforeEach(() => {
  directory = makeDirectory("nvme")
  tree = new FakeSysfs(directory)
})
afterEach(() => removeDirectory(directory))

const start = (): Promise<Lunlog> => startLunlog({ directory, args: tree.flags })

const refusalOf = async (call: Promise<unknown>): Promise<RpcFailure> => {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error
  )
  assert(failure instanceof RpcFailure, "it is refused")
  return failure
}

describe("an NVMe controller", () => {
  it("is attached by its PCI address: its namespaces are disks, as SPDK names and shows them", async () => {
    tree.plug(controller)
    await using lunlog = await start()
    assert.deepStrictEqual(await lunlog.call("bdev_nvme_attach_controller", attachment), ["Nvme0n1", "Nvme0n2"])
    const [first, second] = (await lunlog.call("bdev_get_bdevs")) as ReadonlyArray<Record<string, unknown>>
    assert.deepInclude(first, {
      name: "Nvme0n1",
      product_name: "NVMe disk",
      uuid: "12345678-1234-1234-1234-123456789abc",
      block_size: 512,
      num_blocks: 8192
    })
    assert.deepInclude(second, { name: "Nvme0n2", block_size: 4096, num_blocks: 2048 })
    assert.deepStrictEqual(first?.["driver_specific"], {
      nvme: [
        {
          pci_address: address,
          trid: { trtype: "PCIe", traddr: address },
          ctrlr_data: {
            vendor_id: "0x144d",
            model_number: "SAMSUNG MZVL2512HCJQ-00B00",
            serial_number: "S675NX0R0",
            firmware_revision: "GXA7401Q",
            subnqn: "nqn.1994-11.com.samsung:nvme:PM9A1:M.2:S675NX0R0"
          },
          ns_data: { id: 1 }
        }
      ],
      mp_policy: "active_passive"
    })
    const host = { nqn: "", addr: "", svcid: "" }
    const trid = { trtype: "PCIe", traddr: address }
    assert.deepStrictEqual(await lunlog.call("bdev_nvme_get_controllers"), [
      { name: "Nvme0", ctrlrs: [{ state: "enabled", trid, host }] }
    ])
    await lunlog.createTarget({ name, luns: { 0: "Nvme0n1", 1: "Nvme0n2" } })
    const session = await lunlog.open(name, {}, 0)
    await clearUnitAttentions(session, 1)
    assert.strictEqual((await inquiry(session, 0)).toString("latin1", 16, 32).trim(), "NVMe disk")
    assert.deepStrictEqual(await readCapacity(session, 1), { blocks: 2048, blockBytes: 4096 })
    const data = makePattern(0, 64, 1, 512)
    await writeBlocks(session, 0, 128, data)
    assert.isTrue((await readBlocks(session, 0, 128, 64)).equals(data))
    assert.isTrue(
      readFileSync(join(tree.devices, "nvme0n1"))
        .subarray(65_536, 65_536 + data.length)
        .equals(data)
    )
    await session.logout()
  })

  it("is let go with its disks, and can be attached again at once", async () => {
    tree.plug(controller)
    await using lunlog = await start()
    await lunlog.call("bdev_nvme_attach_controller", attachment)
    await lunlog.createTarget({ name, luns: { 0: "Nvme0n1" } })
    const session = await lunlog.open(name, {}, 0)
    assert.strictEqual(await lunlog.call("bdev_nvme_detach_controller", { name: "Nvme0" }), true)
    assert.deepStrictEqual(await lunlog.call("bdev_get_bdevs"), [])
    assert.deepStrictEqual(await lunlog.call("bdev_nvme_get_controllers"), [])
    const again = { ...attachment, namespaces: [2] }
    assert.deepStrictEqual(await lunlog.call("bdev_nvme_attach_controller", again), ["Nvme0n2"])
    await session.logout()
  })

  it("is the same disk after a restart, whatever the kernel calls it then", async () => {
    tree.plug(controller)
    const port = await freePort()
    const args = tree.flags
    const process = await startTarget({ directory, args })
    const first = asLunlog(process, { host: "127.0.0.1", port })
    await createGroups(process, first.endpoint)
    await first.call("bdev_nvme_attach_controller", attachment)
    await first.createTarget({ name, luns: { 0: "Nvme0n1" } })
    const session = await first.open(name, {}, 0)
    const data = makePattern(0, 64, 1, 512)
    await writeBlocks(session, 0, 0, data)
    await process.kill()
    session.drop()
    // Another controller has come before it: what was nvme0 is nvme1 now, and nvme0 is a stranger.
    const contents = tree.unplug(controller)
    tree.plug({ ...controller, instance: 0, address: "0000:02:00.0" })
    const moved = { ...controller, instance: 1 }
    tree.plug({
      ...moved,
      namespaces: controller.namespaces.map((one) => ({
        ...one,
        attributes: { ...one.attributes, wwid: `eui.002538000000000${one.namespaceId}` }
      }))
    })
    for (const [id, content] of contents) writeFileSync(join(tree.devices, `nvme1n${id}`), content)
    await using second = asLunlog(await startTarget({ directory, args }), first.endpoint)
    const again = await second.open(name, {}, 0)
    assert.isTrue((await readBlocks(again, 0, 0, 64)).equals(data))
    await again.logout()
    await second.process.stop()
    // Another disk in its slot is not it.
    tree.unplug(moved)
    tree.plug(moved)
    await using third = asLunlog(await startTarget({ directory, args }), first.endpoint)
    const status = (await third.call("lunlog_status")) as { bdevs: ReadonlyArray<Record<string, string>> }
    const disk = status.bdevs.find((bdev) => bdev["name"] === "Nvme0n1")
    assert.strictEqual(disk?.["state"], "failed")
    assert.match(disk?.["detail"] ?? "", /namespace 1 of the controller at 0000:01:00\.0 is another disk/u)
  })

  it("comes back from a saved configuration", async () => {
    tree.plug(controller)
    await using lunlog = await start()
    await lunlog.call("bdev_nvme_attach_controller", { ...attachment, traddr: "1:0.0", namespaces: [2] })
    await lunlog.call("bdev_nvme_set_hotplug", { enable: false, period_us: 50_000 })
    const config = (await lunlog.call("framework_get_config", { name: "bdev" })) as ReadonlyArray<unknown>
    const isNvme = (call: unknown): call is { method: string; params: Record<string, unknown> } =>
      typeof call === "object" && call !== null && "method" in call && String(call.method).startsWith("bdev_nvme")
    const calls = config.flat().filter(isNvme)
    assert.deepStrictEqual(
      calls.map(({ method }) => method),
      ["bdev_nvme_set_options", "bdev_nvme_attach_controller", "bdev_nvme_set_hotplug"]
    )
    assert.deepInclude(calls[1]?.params, { name: "Nvme0", trtype: "PCIe", traddr: address, namespaces: [2] })
    await lunlog.call("bdev_nvme_detach_controller", { name: "Nvme0", trtype: "PCIe", traddr: address })
    assert.deepStrictEqual(await lunlog.call("bdev_nvme_attach_controller", calls[1]?.params), ["Nvme0n2"])
    assert.deepStrictEqual(calls[2]?.params, { period_us: 50_000, enable: false })
  })

  it("is refused with what can be done", async () => {
    tree.plug(controller)
    tree.plug({ ...controller, instance: 1, address: "0000:03:00.0", driver: "vfio-pci" })
    await using lunlog = await start()
    const attach = (changes: object) => lunlog.call("bdev_nvme_attach_controller", { ...attachment, ...changes })
    const tcp = await refusalOf(attach({ trtype: "TCP", adrfam: "IPv4", traddr: "10.0.0.1", trsvcid: "4420" }))
    assert.strictEqual(tcp.code, -95)
    assert.match(JSON.stringify(tcp.data), /nvme connect.*bdev_aio_create/u)
    const unknown = await refusalOf(attach({ trtype: "pigeon" }))
    assert.strictEqual(unknown.code, -22)
    assert.include(unknown.message, "-22: Failed to parse trtype: pigeon (")
    assert.strictEqual((await refusalOf(attach({ traddr: "0000:09:00.0" }))).code, -19)
    assert.strictEqual((await refusalOf(attach({ traddr: "first slot" }))).code, -22)
    assert.strictEqual((await refusalOf(attach({ traddr: "0000:03:00.0" }))).code, -16)
    assert.strictEqual((await refusalOf(attach({ namespaces: [7] }))).code, -19)
    assert.strictEqual((await refusalOf(attach({ prchk_guard: true }))).code, -22)
    await attach({})
    const twice = await refusalOf(attach({}))
    assert.include(twice.message, "-114: A controller named Nvme0 already exists with the specified network path")
    assert.strictEqual((await refusalOf(attach({ name: "Other" }))).code, -114)
    // The same namespace under a file's name would be two disks on one device.
    const params = { name: "A", filename: join(tree.devices, "nvme0n1"), block_size: 512 }
    assert.strictEqual((await refusalOf(lunlog.call("bdev_aio_create", params))).code, -16)
    assert.strictEqual((await refusalOf(lunlog.call("bdev_nvme_detach_controller", { name: "Nvme7" }))).code, -19)
    assert.strictEqual((await refusalOf(lunlog.call("bdev_nvme_get_controllers", { name: "Nvme7" }))).code, -22)
  })
})

/** Waits for a record of this type that `isWanted`, in what the log has from its beginning. */
const untilRecord = async (
  lunlog: Lunlog,
  type: string,
  isWanted: (payload: Readonly<Record<string, unknown>>) => boolean = () => true
): Promise<void> => {
  const deadline = performance.now() + 30_000
  for (;;) {
    const story = await readStory(lunlog.process.rpc, 1)
    if (story.some((record) => record.type === type && isWanted(record.payload))) return
    assert.isBelow(performance.now(), deadline, `there is a record ${type}`)
    await delay(30)
  }
}

const namesOf = async (lunlog: Lunlog): Promise<ReadonlyArray<unknown>> =>
  ((await lunlog.call("bdev_get_bdevs")) as ReadonlyArray<{ readonly name: string }>).map((bdev) => bdev.name).sort()

describe("an NVMe controller that changes while it is attached", () => {
  it("has its disks as its namespaces come, go and change their size", async () => {
    tree.plug(controller)
    await using lunlog = await start()
    await lunlog.call("bdev_nvme_attach_controller", attachment)
    await lunlog.createTarget({ name, luns: { 0: "Nvme0n1", 1: "Nvme0n2" } })
    const session = await lunlog.open(name, {}, 0)
    await clearUnitAttentions(session, 1)
    tree.resizeNamespace(controller, 2, 16 * mebibyte)
    await untilRecord(lunlog, "BdevResized", ({ blockCount }) => blockCount === 4096)
    assert.include(await clearUnitAttentions(session, 1), "6/2a/09")
    assert.deepStrictEqual(await readCapacity(session, 1), { blocks: 4096, blockBytes: 4096 })
    tree.addNamespace(controller, { namespaceId: 3, byteLength: mebibyte })
    await untilRecord(lunlog, "BdevCreated", (payload) => payload["name"] === "Nvme0n3")
    tree.removeNamespace(controller, 2)
    await untilRecord(lunlog, "BdevRemoved", (payload) => payload["name"] === "Nvme0n2")
    assert.deepStrictEqual(await namesOf(lunlog), ["Nvme0n1", "Nvme0n3"])
    assert.deepStrictEqual(await clearUnitAttentions(session, 0), ["6/3f/0e"])
    tree.addNamespace(controller, { namespaceId: 2, byteLength: 8 * mebibyte, blockSize: 4096 })
    await untilRecord(lunlog, "BdevReattached", (payload) => payload["name"] === "Nvme0n2")
    await clearUnitAttentions(session, 0)
    assert.deepStrictEqual(await reportLuns(session, 0), [0, 1])
    await session.logout()
  })

  it("is pulled out and put back, under another name of the kernel's: its disks and LUNs are the same", async () => {
    tree.plug(controller)
    await using lunlog = await start()
    await lunlog.call("bdev_nvme_attach_controller", attachment)
    await lunlog.createTarget({ name, luns: { 0: "Nvme0n1" } })
    const uuidBefore = await lunlog.call("bdev_get_bdevs", { name: "Nvme0n1" })
    tree.unplug(controller)
    await untilRecord(lunlog, "BdevRemoved", (payload) => payload["name"] === "Nvme0n1")
    await untilRecord(lunlog, "BdevRemoved", (payload) => payload["name"] === "Nvme0n2")
    assert.deepStrictEqual(await namesOf(lunlog), [])
    assert.deepInclude(await lunlog.call("bdev_nvme_get_controllers"), {
      name: "Nvme0",
      ctrlrs: [{ state: "failed", trid: { trtype: "PCIe", traddr: address }, host: { nqn: "", addr: "", svcid: "" } }]
    })
    const attributes = (id: number) => ({ wwid: `eui.002538000000000${id}` })
    tree.plug({
      ...controller,
      instance: 5,
      namespaces: controller.namespaces.map((one) => ({
        ...one,
        attributes: { ...one.attributes, ...attributes(one.namespaceId) }
      }))
    })
    await untilRecord(lunlog, "BdevReattached", (payload) => payload["name"] === "Nvme0n1")
    await untilRecord(lunlog, "BdevReattached", (payload) => payload["name"] === "Nvme0n2")
    const session = await lunlog.open(name, {}, 0)
    await writeBlocks(session, 0, 0, makePattern(0, 8, 1, 512))
    assert.isTrue(
      readFileSync(join(tree.devices, "nvme5n1"))
        .subarray(0, 4096)
        .equals(makePattern(0, 8, 1, 512))
    )
    assert.deepEqual(await lunlog.call("bdev_get_bdevs", { name: "Nvme0n1" }), uuidBefore)
    await session.logout()
  })

  it("becomes disks when it is plugged in while hotplug is on, but not after it was let go", async () => {
    tree.plug(controller)
    await using lunlog = await start()
    await lunlog.call("bdev_nvme_set_hotplug", { enable: true, period_us: 50_000 })
    const other: FakeController = {
      address: "0000:02:00.0",
      instance: 1,
      namespaces: [{ namespaceId: 1, byteLength: mebibyte }]
    }
    // Nothing tells that the first look is over, and what it finds is left alone: long, for a loaded machine.
    await delay(1_000)
    tree.plug(other)
    await untilRecord(lunlog, "BdevCreated", (payload) => payload["name"] === "HotInNvme0n1")
    // What was there when it was turned on is the machine's own.
    assert.deepStrictEqual(await namesOf(lunlog), ["HotInNvme0n1"])
    await lunlog.call("bdev_nvme_detach_controller", { name: "HotInNvme0" })
    tree.unplug(other)
    await delay(300)
    tree.plug(other)
    const third = { ...other, instance: 2, address: "0000:03:00.0" }
    tree.plug(third)
    await untilRecord(lunlog, "BdevCreated", (payload) => payload["name"] === "HotInNvme1n1")
    assert.deepStrictEqual(await namesOf(lunlog), ["HotInNvme1n1"])
  })
})
