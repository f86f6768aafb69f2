/** The drivers of the removal matrix: how each disk is made, deleted, and how its device goes away by itself. */
import { renameSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { type Child, startChild } from "../../child-process.ts"
import type { FakeController, FakeSysfs } from "../../fake-sysfs.ts"
import { LoopDevice, loopDeviceRefusal } from "../../loop-device.ts"
import { findTool, missingTools } from "../../requires-tool.ts"
import type { RpcParams } from "../../rpc-client.ts"
import { type Lunlog, mallocParams } from "../lunlog.ts"

/** A call that deletes one bdev, or the controller that has it. */
export interface Deletion {
  readonly method: string
  readonly params: RpcParams
}

/** A way in which a device goes by itself. */
export interface DeviceWay {
  readonly name: string
  /**
   * Makes it go, and the bdev with it; done again until it has gone, where writes that are under way may bring it back
   * (they make a file longer again).
   */
  readonly go: () => void | Promise<void>
  readonly isRepeated?: true
  /** After `isRepeated`: it goes for good, whatever writes have brought back. */
  readonly end?: () => void
}

/** A disk of one round. */
export interface MatrixDisk {
  /** What becomes a LUN. */
  readonly top: string
  /** How its bdevs are deleted, the top first; the last is what all of it stands on. */
  readonly deletions: ReadonlyArray<Deletion>
  readonly ways: ReadonlyArray<DeviceWay>
  /** Gives back what the round has made outside of the server. */
  readonly dispose?: () => void | Promise<void>
}

/** Where disks are made, and of which size. */
export interface DiskPlace {
  readonly lunlog: Lunlog
  readonly folder: string
  readonly tree: FakeSysfs
  readonly mebibytes: number
  /** Another one in each round, for files; bdevs have the same names again. */
  readonly round: number
}

/** One row of the matrix. */
export interface MatrixDriver {
  readonly name: string
  /** Names of the device's ways to go, in the order of `MatrixDisk.ways`. */
  readonly wayNames: ReadonlyArray<string>
  /** Its reads mean nothing. */
  readonly forgetful?: boolean
  /** Why it is left out here. */
  readonly refusal?: string | undefined
  readonly make: (place: DiskPlace) => Promise<MatrixDisk>
}

const mebibyte = 1024 * 1024

const deletion = (method: string, name: string): Deletion => ({ method, params: { name } })

const makeFile = ({ folder, mebibytes, round }: DiskPlace, suffix = "img"): string => {
  const path = join(folder, `disk-${round}.${suffix}`)
  writeFileSync(path, "")
  truncateSync(path, mebibytes * mebibyte)
  return path
}

const malloc = async ({ lunlog, mebibytes }: DiskPlace, name = "Pulled"): Promise<Deletion> => {
  await lunlog.call("bdev_malloc_create", mallocParams(name, mebibytes))
  return deletion("bdev_malloc_delete", name)
}

const mallocDriver: MatrixDriver = {
  name: "malloc",
  wayNames: [],
  make: async (place) => ({ top: "Pulled", deletions: [await malloc(place)], ways: [] })
}

const keptDriver: MatrixDriver = {
  name: "malloc kept in a file",
  wayNames: [],
  make: async (place) => {
    const file = join(place.folder, `kept-${place.round}`)
    await place.lunlog.call("bdev_malloc_create", { ...mallocParams("Pulled", place.mebibytes), file })
    const dispose = () => rmSync(file, { force: true })
    return { top: "Pulled", deletions: [deletion("bdev_malloc_delete", "Pulled")], ways: [], dispose }
  }
}

const nullDriver: MatrixDriver = {
  name: "null",
  wayNames: [],
  forgetful: true,
  make: async ({ lunlog, mebibytes }) => {
    await lunlog.call("bdev_null_create", mallocParams("Pulled", mebibytes))
    return { top: "Pulled", deletions: [deletion("bdev_null_delete", "Pulled")], ways: [] }
  }
}

/** What can happen to a file. */
const fileWays = (path: string): ReadonlyArray<DeviceWay> => [
  {
    name: "truncated to zero",
    go: () => truncateSync(path, 0),
    isRepeated: true,
    end: () => rmSync(path)
  },
  { name: "unlinked", go: () => rmSync(path) },
  {
    name: "replaced",
    go: () => {
      const other = `${path}.new`
      writeFileSync(other, "")
      renameSync(other, path)
    }
  }
]
const fileWayNames = ["truncated to zero", "unlinked", "replaced"]

const fileDriver = (kind: "aio" | "uring"): MatrixDriver => ({
  name: `${kind} on a file`,
  wayNames: fileWayNames,
  make: async (place) => {
    const filename = makeFile(place)
    await place.lunlog.call(`bdev_${kind}_create`, { name: "Pulled", filename, block_size: 512 })
    return {
      top: "Pulled",
      deletions: [deletion(`bdev_${kind}_delete`, "Pulled")],
      ways: fileWays(filename),
      dispose: () => rmSync(filename, { force: true })
    }
  }
})

const loopDriver: MatrixDriver = {
  name: "aio on a loop device",
  wayNames: ["its file truncated to zero"],
  refusal: loopDeviceRefusal,
  make: async (place) => {
    const file = makeFile(place)
    const device = LoopDevice.attach(file)
    await place.lunlog.call("bdev_aio_create", { name: "Pulled", filename: device.path, block_size: 512 })
    const shrink = (): void => {
      truncateSync(file, 0)
      device.takeFileSize()
    }
    return {
      top: "Pulled",
      deletions: [deletion("bdev_aio_delete", "Pulled")],
      ways: [{ name: "its file truncated to zero", go: shrink, isRepeated: true, end: shrink }],
      dispose: () => {
        device.detach()
        rmSync(file, { force: true })
      }
    }
  }
}

const latency = { avg_read_latency: 2000, p99_read_latency: 5000, avg_write_latency: 2000, p99_write_latency: 5000 }

const delayDriver: MatrixDriver = {
  name: "delay on malloc",
  wayNames: [],
  make: async (place) => {
    const base = await malloc(place, "Base")
    await place.lunlog.call("bdev_delay_create", { base_bdev_name: "Base", name: "Pulled", ...latency })
    return { top: "Pulled", deletions: [deletion("bdev_delay_delete", "Pulled"), base], ways: [] }
  }
}

const errorDriver: MatrixDriver = {
  name: "error on malloc",
  wayNames: [],
  make: async (place) => {
    const base = await malloc(place, "Base")
    await place.lunlog.call("bdev_error_create", { base_name: "Base" })
    return { top: "EE_Base", deletions: [deletion("bdev_error_delete", "EE_Base"), base], ways: [] }
  }
}

const passthruDriver: MatrixDriver = {
  name: "passthru on a file",
  wayNames: fileWayNames,
  make: async (place) => {
    const filename = makeFile(place)
    await place.lunlog.call("bdev_aio_create", { name: "Base", filename, block_size: 512 })
    await place.lunlog.call("bdev_passthru_create", { base_bdev_name: "Base", name: "Pulled" })
    return {
      top: "Pulled",
      deletions: [deletion("bdev_passthru_delete", "Pulled"), deletion("bdev_aio_delete", "Base")],
      ways: fileWays(filename),
      dispose: () => rmSync(filename, { force: true })
    }
  }
}

const splitDriver: MatrixDriver = {
  name: "split of malloc",
  wayNames: [],
  make: async (place) => {
    const base = await malloc({ ...place, mebibytes: 2 * place.mebibytes }, "Base")
    await place.lunlog.call("bdev_split_create", { base_bdev: "Base", split_count: 2 })
    const parts = { method: "bdev_split_delete", params: { base_bdev: "Base" } }
    return { top: "Basep1", deletions: [parts, base], ways: [] }
  }
}

const overlayDriver: MatrixDriver = {
  name: "overlay on malloc",
  wayNames: [],
  make: async (place) => {
    const base = await malloc(place, "Base")
    await place.lunlog.call("lunlog_overlay_create", { base_bdev_name: "Base", name: "Pulled" })
    return { top: "Pulled", deletions: [deletion("lunlog_overlay_delete", "Pulled"), base], ways: [] }
  }
}

/** Whether somebody listens on a socket. */
const isListening = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
    socket.once("connect", () => socket.destroy())
  })

const untilListening = async (path: string): Promise<void> => {
  const deadline = performance.now() + 20_000
  while (!(await isListening(path))) {
    if (performance.now() > deadline) throw new Error(`nobody listens on ${path}`)
    await delay(5)
  }
}

/** A server of nbdkit, with a disk in its memory. */
const startNbdkit = async ({ folder, mebibytes, round }: DiskPlace): Promise<{ child: Child; socket: string }> => {
  const socket = join(folder, `nbd-${round}`)
  const child = await startChild({
    command: findTool("nbdkit") ?? "nbdkit",
    args: ["--foreground", "--unix", socket, "memory", `${mebibytes}M`],
    directory: folder,
    environment: {}
  })
  await untilListening(socket)
  return { child, socket }
}

const nbdDriver: MatrixDriver = {
  name: "nbd",
  wayNames: ["its server killed", "its server stopped"],
  refusal: missingTools(["nbdkit"]),
  make: async (place) => {
    const { child, socket } = await startNbdkit(place)
    const limits = { reconnect_timeout: 1, reply_timeout: 1, give_up_after: 1 }
    await place.lunlog.call("bdev_nbd_create", { name: "Pulled", path: socket, block_size: 512, ...limits })
    return {
      top: "Pulled",
      deletions: [deletion("bdev_nbd_delete", "Pulled")],
      ways: [
        { name: "its server killed", go: () => child.signal("SIGKILL") },
        { name: "its server stopped", go: () => child.signal("SIGSTOP") }
      ],
      dispose: async () => {
        child.signal("SIGKILL")
        await child.exited
        rmSync(socket, { force: true })
      }
    }
  }
}

const nvmeDriver: MatrixDriver = {
  name: "nvme",
  wayNames: ["pulled out", "its namespace removed"],
  make: async ({ lunlog, mebibytes, round, tree }) => {
    const address = "0000:01:00.0"
    const namespaces = [{ namespaceId: 1, byteLength: mebibytes * mebibyte }]
    const controller: FakeController = { address, instance: round, namespaces }
    tree.plug(controller)
    await lunlog.call("bdev_nvme_attach_controller", { name: "Pulled", trtype: "PCIe", traddr: address })
    return {
      top: "Pulledn1",
      deletions: [deletion("bdev_nvme_detach_controller", "Pulled")],
      ways: [
        { name: "pulled out", go: () => void tree.unplug(controller) },
        { name: "its namespace removed", go: () => tree.removeNamespace(controller, 1) }
      ],
      dispose: () => void tree.unplug(controller)
    }
  }
}

/** All of them. */
export const matrixDrivers: ReadonlyArray<MatrixDriver> = [
  mallocDriver,
  keptDriver,
  nullDriver,
  fileDriver("aio"),
  fileDriver("uring"),
  loopDriver,
  delayDriver,
  errorDriver,
  passthruDriver,
  splitDriver,
  overlayDriver,

  nbdDriver,
  nvmeDriver
]
