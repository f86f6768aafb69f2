/**
 * A tree as the kernel's NVMe driver has it in sysfs, with a folder of device nodes that are regular files: NVMe
 * controllers that can be plugged in and out. The layout is in `find-nvme-controller.ts`.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** What a namespace has. */
export interface FakeNamespace {
  readonly namespaceId: number
  /** Bytes of its device node, which is made if it is not there. */
  readonly byteLength: number
  readonly blockSize?: number
  /** Attributes beside those that every one has: `wwid`, `nguid`, `uuid`. */
  readonly attributes?: Readonly<Record<string, string>>
  /** Shown as a path, with the disk elsewhere. */
  readonly multipath?: boolean
  /** The device node is a link to this. */
  readonly device?: string
}

/** One controller. */
export interface FakeController {
  readonly address: string
  /** N of `nvmeN`. */
  readonly instance: number
  readonly driver?: string | undefined
  readonly class?: string
  readonly namespaces: ReadonlyArray<FakeNamespace>
}

/** The tree. */
export class FakeSysfs {
  readonly sysfs: string
  readonly devices: string

  constructor(directory: string) {
    this.sysfs = join(directory, "sys")
    this.devices = join(directory, "dev")
    mkdirSync(join(this.sysfs, "bus/pci/devices"), { recursive: true })
    mkdirSync(join(this.sysfs, "bus/pci/drivers"), { recursive: true })
    mkdirSync(join(this.sysfs, "class/block"), { recursive: true })
    mkdirSync(this.devices, { recursive: true })
    // Other block devices, such as loop devices, are the machine's own.
    if (existsSync("/sys/dev")) symlinkSync("/sys/dev", join(this.sysfs, "dev"))
  }

  /** Flags of `lunlog serve`. */
  get flags(): ReadonlyArray<string> {
    return ["--sysfs-root", this.sysfs, "--device-root", this.devices]
  }

  /** The folder of a PCI device. */
  deviceFolder(address: string): string {
    return join(this.sysfs, "bus/pci/devices", address)
  }

  #controllerFolder({ address, instance }: FakeController): string {
    return join(this.deviceFolder(address), "nvme", `nvme${instance}`)
  }

  #write(folder: string, attributes: Readonly<Record<string, string>>): void {
    mkdirSync(folder, { recursive: true })
    for (const [name, text] of Object.entries(attributes)) writeFileSync(join(folder, name), `${text}\n`)
  }

  /** A controller is there, with its namespaces. */
  plug(controller: FakeController): void {
    const { address, class: kind = "0x010802", instance, namespaces } = controller
    const driver = "driver" in controller ? controller.driver : "nvme"
    const folder = this.deviceFolder(address)
    this.#write(folder, { class: kind, vendor: "0x144d" })
    if (driver !== undefined) {
      mkdirSync(join(this.sysfs, "bus/pci/drivers", driver), { recursive: true })
      symlinkSync(`../../drivers/${driver}`, join(folder, "driver"))
    }
    if (driver !== "nvme") return
    this.#write(this.#controllerFolder(controller), {
      // As the controller has it: filled up with spaces.
      model: "SAMSUNG MZVL2512HCJQ-00B00              ",
      serial: `S675NX0R${instance}           `,
      firmware_rev: "GXA7401Q",
      subsysnqn: `nqn.1994-11.com.samsung:nvme:PM9A1:M.2:S675NX0R${instance}`,
      state: "live"
    })
    for (const namespace of namespaces) this.addNamespace(controller, namespace)
    symlinkSync(`../../devices/${address}`, join(this.sysfs, "bus/pci/drivers/nvme", address))
  }

  /** A namespace appears. */
  addNamespace(controller: FakeController, namespace: FakeNamespace): void {
    const { attributes, blockSize = 512, byteLength, device, multipath = false, namespaceId } = namespace
    const disk = `nvme${controller.instance}n${namespaceId}`
    const path = multipath ? `nvme${controller.instance}c${controller.instance}n${namespaceId}` : disk
    const block = multipath ? join(this.sysfs, "class/block", disk) : join(this.#controllerFolder(controller), disk)
    const node = join(this.devices, disk)
    if (device !== undefined) symlinkSync(device, node)
    else if (!existsSync(node)) {
      writeFileSync(node, "")
      truncateSync(node, byteLength)
    }
    this.#write(block, { size: String(byteLength / 512), ro: "0" })
    this.#write(join(block, "queue"), { logical_block_size: String(blockSize) })
    const wwid = `eui.00253800000${controller.instance}000${namespaceId}`
    // Last: whoever looks meanwhile finds a namespace only when all of it is there.
    this.#write(join(this.#controllerFolder(controller), path), { wwid, ...attributes, nsid: String(namespaceId) })
  }

  /** A namespace has another size. */
  resizeNamespace(controller: FakeController, namespaceId: number, byteLength: number): void {
    const disk = `nvme${controller.instance}n${namespaceId}`
    truncateSync(join(this.devices, disk), byteLength)
    writeFileSync(join(this.#controllerFolder(controller), disk, "size"), `${byteLength / 512}\n`)
  }

  /** A namespace goes, and its node with it. */
  removeNamespace(controller: FakeController, namespaceId: number): void {
    const disk = `nvme${controller.instance}n${namespaceId}`
    rmSync(join(this.#controllerFolder(controller), disk), { recursive: true, force: true })
    rmSync(join(this.devices, disk), { force: true })
  }

  /** The controller is pulled out. Its nodes go too; with `keepContent` gives what was in them. */
  unplug(controller: FakeController): ReadonlyMap<number, Buffer> {
    const contents = new Map<number, Buffer>()
    rmSync(join(this.sysfs, "bus/pci/drivers/nvme", controller.address), { force: true })
    rmSync(this.deviceFolder(controller.address), { recursive: true, force: true })
    for (const { namespaceId } of controller.namespaces) {
      const node = join(this.devices, `nvme${controller.instance}n${namespaceId}`)
      if (!existsSync(node)) continue
      contents.set(namespaceId, readFileSync(node))
      rmSync(node)
    }
    return contents
  }
}
