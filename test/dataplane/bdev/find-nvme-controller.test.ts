/** What is found of NVMe controllers in sysfs, and that nothing in it, however strange, makes more than that. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { findNvmeController } from "../../../src/dataplane/bdev/nvme/find-nvme-controller.ts"
import { type FakeController, FakeSysfs } from "../../support/fake-sysfs.ts"

const mebibyte = 1024 * 1024
const address = "0000:01:00.0"
const plain: FakeController = { address, instance: 0, namespaces: [{ namespaceId: 1, byteLength: mebibyte }] }

describe("an NVMe controller in sysfs", () => {
  let directory = ""
  let tree: FakeSysfs
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "lunlog-sysfs-"))
    tree = new FakeSysfs(directory)
  })
  afterEach(() => rmSync(directory, { recursive: true }))
  const find = (where = address) => findNvmeController(tree, where)

  it("is found with what it says of itself, and its namespaces in order", async () => {
    const big = { namespaceId: 2, byteLength: 2 * mebibyte, blockSize: 4096 }
    tree.plug({ ...plain, namespaces: [big, { namespaceId: 1, byteLength: mebibyte }] })
    assert.deepStrictEqual(await find(), {
      _tag: "NvmeControllerSeen",
      facts: {
        vendorId: "0x144d",
        modelNumber: "SAMSUNG MZVL2512HCJQ-00B00",
        serialNumber: "S675NX0R0",
        firmwareRevision: "GXA7401Q",
        subnqn: "nqn.1994-11.com.samsung:nvme:PM9A1:M.2:S675NX0R0"
      },
      namespaces: [
        {
          namespaceId: 1,
          device: join(tree.devices, "nvme0n1"),
          blockSize: 512,
          blockCount: 2048,
          readOnly: false,
          wwid: "eui.0025380000000001"
        },
        {
          namespaceId: 2,
          device: join(tree.devices, "nvme0n2"),
          blockSize: 4096,
          blockCount: 512,
          readOnly: false,
          wwid: "eui.0025380000000002"
        }
      ]
    })
  })

  it("has each namespace once, whatever says that it is one, too", async () => {
    tree.plug(plain)
    const again = join(tree.sysfs, "bus", "pci", "devices", address, "nvme", "nvme0", "nvme0n7")
    mkdirSync(again)
    writeFileSync(join(again, "nsid"), "1\n")
    const seen = await find()
    assert(seen._tag === "NvmeControllerSeen")
    assert.deepStrictEqual(
      seen.namespaces.map((one) => one.namespaceId),
      [1]
    )
  })

  it("has the identity that the namespace has: its NGUID, or else its UUID, but no zeros", async () => {
    const nguid = "12345678-1234-1234-1234-123456789ABC"
    const uuid = "aaaaaaaa-1234-1234-1234-123456789abc"
    const zero = "00000000-0000-0000-0000-000000000000"
    tree.plug({
      ...plain,
      namespaces: [{ nguid, uuid }, { nguid: zero, uuid }, { nguid: zero }].map((attributes, index) => ({
        namespaceId: index + 1,
        byteLength: mebibyte,
        attributes
      }))
    })
    const seen = await find()
    assert(seen._tag === "NvmeControllerSeen")
    assert.deepStrictEqual(
      seen.namespaces.map((one) => one.uuid),
      [nguid.toLowerCase(), uuid, undefined]
    )
  })

  it("has the disk over all its paths, where the kernel has native multipath", async () => {
    tree.plug({ ...plain, namespaces: [{ namespaceId: 1, byteLength: mebibyte, multipath: true }] })
    const seen = await find()
    assert(seen._tag === "NvmeControllerSeen")
    const [namespace] = seen.namespaces
    assert.deepInclude(namespace, { device: join(tree.devices, "nvme0n1"), blockSize: 512, blockCount: 2048 })
  })

  it("is refused with what to do, if there is none or it is not the kernel's", async () => {
    const refusal = async (where?: string) => {
      const seen = await find(where)
      assert(seen._tag === "BdevFailure", "it is refused")
      return `${seen.code} ${seen.detail}`
    }
    assert.match(await refusal(), /^ENODEV there is no PCI device 0000:01:00\.0; lspci -D/u)
    tree.plug({ ...plain, driver: "vfio-pci" })
    assert.match(await refusal(), /^EBUSY .* is bound to vfio-pci, as for SPDK; give it back: setup\.sh reset/u)
    tree.plug({ ...plain, address: "0000:02:00.0", driver: undefined })
    assert.match(await refusal("0000:02:00.0"), /^ENODEV .* has no driver.*modprobe nvme/u)
    tree.plug({ ...plain, address: "0000:03:00.0", class: "0x020000" })
    assert.match(await refusal("0000:03:00.0"), /is no NVMe controller \(its class is 0x020000\)/u)
    tree.plug({ ...plain, address: "0000:04:00.0", driver: "lunlog" })
    assert.match(await refusal("0000:04:00.0"), /^EBUSY .* only the kernel's driver nvme will do/u)
  })

  it("is no more than what makes sense, whatever is in the tree", async () => {
    tree.plug(plain)
    const folder = join(tree.deviceFolder(address), "nvme/nvme0")
    for (const name of ["nvme0n2", "nvme0n3", "nvme0n4", "nvme0n5", "ng0n1", "nvme0n6x"]) mkdirSync(join(folder, name))
    writeFileSync(join(folder, "nvme0n2/nsid"), "-1\n")
    writeFileSync(join(folder, "nvme0n3/nsid"), "9".repeat(5000))
    mkdirSync(join(folder, "nvme0n4/nsid"))
    writeFileSync(join(folder, "nvme0n5/nsid"), "5")
    writeFileSync(join(folder, "nvme0n5/size"), "many")
    writeFileSync(join(folder, "nvme0n5/wwid"), `\u001b[31m${"x".repeat(100_000)}\n`)
    symlinkSync("nvme0n7", join(folder, "nvme0n7"))
    writeFileSync(join(folder, "model"), Buffer.from([0xff, 0x00, 0x07, 0x41]))
    rmSync(join(folder, "serial"))
    const seen = await find()
    assert(seen._tag === "NvmeControllerSeen")
    assert.deepStrictEqual(
      seen.namespaces.map(({ blockCount, namespaceId }) => [namespaceId, blockCount]),
      [
        [1, 2048],
        [5, 0]
      ]
    )
    assert.strictEqual(seen.namespaces[1]?.wwid, `[31m${"x".repeat(251)}`)
    assert.strictEqual(seen.facts.serialNumber, "")
    assert.notMatch(seen.facts.modelNumber, /\p{C}/u)
  })
})
