/** `lunlog bdev` with disks that are known by other names, or are away: what it does, and what it says. */
import { renameSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { FakeSysfs } from "../support/fake-sysfs.ts"
import { makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"
import { lunlogHere, sayings } from "./in-process.ts"

const mebibyte = 1024 * 1024
const address = "0000:01:00.0"

describe("disks", () => {
  const directory = makeDirectory("nouns-devices")
  const tree = new FakeSysfs(directory)
  let target: TargetProcess

  const run = (...args: ReadonlyArray<string>) => lunlogHere(...args, "-r", target.socketPath)
  const { prints, refuses } = sayings(run)
  /** What is said of a disk that is not there. */
  const unknown = async (name: string): Promise<string> => {
    const { failure } = await lunlogHere("rpc", "-r", target.socketPath, "bdev_get_bdevs", "-b", name)
    return failure ?? "nothing"
  }
  const attach = () =>
    target.rpc.call("bdev_nvme_attach_controller", { name: "Nvme0", trtype: "PCIe", traddr: address })

  beforeAll(async () => {
    target = await startTarget({ directory, stateMode: "empty", args: tree.flags })
  })
  afterAll(async () => {
    await target[Symbol.asyncDispose]()
    removeDirectory(directory)
  })

  it("that are called URING grow with their file, and are deleted", async () => {
    const filename = join(directory, "uring.img")
    writeFileSync(filename, Buffer.alloc(mebibyte))
    await target.rpc.call("bdev_uring_create", { name: "U0", filename, block_size: 512 })
    truncateSync(filename, 2 * mebibyte)
    assert.strictEqual(await prints("bdev", "resize", "U0"), "bdev U0 has 2 MiB")
    assert.strictEqual(await prints("bdev", "delete", "U0"), "bdev U0 and its LUNs are gone")
  })

  it("that are NVMe namespaces let their controller go, if it has no other one", async () => {
    const namespaces = [1, 2].map((namespaceId) => ({ namespaceId, byteLength: mebibyte }))
    tree.plug({ address, instance: 0, namespaces })
    await target.rpc.call("bdev_nvme_attach_controller", {
      name: "Nvme0",
      trtype: "PCIe",
      traddr: address,
      namespaces: [1]
    })
    assert.strictEqual(await prints("bdev", "delete", "Nvme0n1"), "bdev Nvme0n1 and its LUNs are gone")
    assert.deepStrictEqual(await target.rpc.call("bdev_nvme_get_controllers"), [])
    await attach()
    assert.match(await refuses("bdev", "delete", "Nvme0n2"), /Nvme0 of Nvme0n2 also has Nvme0n1; .*detach_controller/u)
    await target.rpc.call("bdev_nvme_detach_controller", { name: "Nvme0" })
  })

  it("that are away are said to be away, not to be unknown", async () => {
    const filename = join(directory, "away.img")
    writeFileSync(filename, Buffer.alloc(mebibyte))
    await prints("bdev", "create", "aio", "Away0", filename)
    renameSync(filename, `${filename}.there`)
    const isAway = async () => (await prints("bdev", "list")).includes("(detached: ")
    while (!(await isAway()));
    assert.match(await refuses("bdev", "resize", "Away0"), /it is detached: its device is not there/u)
    assert.match(await unknown("Away0"), /it is detached: its device is not there/u)
    assert.match(await unknown("Never0"), /there is no bdev Never0/u)
    const asked = await target.rpc.call("bdev_get_bdevs", { name: "Away0", detached: true })
    assert.match(JSON.stringify(asked), /^\[\{"name":"Away0",.*"detached":\{"reason":/u)
    renameSync(`${filename}.there`, filename)
    while (await isAway());
    const why = /Away0: since record .*\n until its device went: records \d+ to \d+ \(--at \d+\)\n/u
    assert.match(await prints("log", "why", "bdev:Away0"), why)
    await prints("bdev", "delete", "Away0")
    await prints("bdev", "create", "aio", "Away0", filename)
    assert.match(await prints("log", "why", "bdev:Away0"), /until its device went: .*\n another one of this name: /u)
  })
})
