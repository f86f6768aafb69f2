/**
 * File systems of the Linux kernel under an fsync load, while the target is killed or the initiator loses its power:
 * what an fsync was acknowledged for is there, and the file system is consistent.
 */
import { once } from "node:events"
import { createWriteStream } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { assert, describe, it } from "vitest"
import { guideTargetName } from "../support/guide.ts"
import { guestTools, type LinuxGuest, startLinuxGuest } from "../support/linux-guest.ts"
import { missingTools } from "../support/requires-tool.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"

const guestSeconds = 1200
const testMillis = 2 * guestSeconds * 1000
/** XFS wants 300 MiB. */
const diskBytes = 512 * 1024 * 1024
const kills = 3
const filesBetween = 20
const waitMillis = 300_000

interface FileSystem {
  readonly name: string
  readonly make: string
  /** Reads only; fails for an inconsistent one whose journal has been replayed. */
  readonly check: string
}

const fileSystems: ReadonlyArray<FileSystem> = [
  { name: "ext4", make: "mkfs.ext4 -q -F", check: "e2fsck -f -n" },
  { name: "xfs", make: "mkfs.xfs -q -f", check: "xfs_repair -n" }
]

/** Fails with what the command has printed. */
const must = async (guest: LinuxGuest, command: string): Promise<string> => {
  const printed = await guest.run(`(${command}) && echo "done: 0"`)
  assert.match(printed, /done: 0$/u, `${command}\n${printed}`)
  return printed.replace(/\n?done: 0$/u, "")
}

/** A target with one file disk, on the same port in each of its lives. */
const startWithFile = async (directory: string): Promise<readonly [TargetProcess, number]> => {
  const file = join(directory, "disk.img")
  const sparse = createWriteStream(file, { start: diskBytes - 1 }).end("\0")
  await once(sparse, "close")
  const target = await startTarget({ directory })
  const port = await freePort()
  const portals = [{ host: "127.0.0.1", port: String(port) }]
  await target.rpc.call("bdev_aio_create", { name: "File", filename: file, block_size: 512 })
  await target.rpc.call("iscsi_create_portal_group", { tag: 1, portals })
  await target.rpc.call("iscsi_create_initiator_group", { tag: 1, initiators: ["ANY"], netmasks: ["ANY"] })
  await target.rpc.call("iscsi_create_target_node", {
    name: guideTargetName,
    alias_name: "",
    pg_ig_maps: [{ pg_tag: 1, ig_tag: 1 }],
    luns: [{ bdev_name: "File", lun_id: 0 }],
    queue_depth: 64,
    disable_chap: true
  })
  return [target, port]
}

/** Logs in, and gives the disk's device. */
const login = async (guest: LinuxGuest, port: number): Promise<string> => {
  await must(guest, `iscsiadm -m discovery -t sendtargets -p 127.0.0.1:${port}`)
  await must(guest, `iscsiadm -m node -T ${guideTargetName} -p 127.0.0.1:${port} --login`)
  const path = `/dev/disk/by-path/ip-127.0.0.1:${port}-iscsi-${guideTargetName}-lun-0`
  await must(guest, `for i in $(seq 600); do [ -b ${path} ] && break; sleep 0.1; done; [ -b ${path} ]`)
  return must(guest, `readlink -f ${path}`)
}

/** Hears the number of each file that the guest has written and synced. */
const hearAcknowledged = async () => {
  const acknowledged: Array<number> = []
  let wake = (): void => {}
  const server = createServer((socket) => {
    let rest = ""
    socket.setEncoding("utf8")
    socket.on("error", () => {})
    socket.on("data", (text: string) => {
      const lines = (rest + text).split("\n")
      rest = lines.pop() ?? ""
      acknowledged.push(...lines.map(Number))
      wake()
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const until = async (count: number): Promise<void> => {
    const deadline = performance.now() + waitMillis
    while (acknowledged.length < count) {
      if (performance.now() > deadline)
        throw new Error(`${acknowledged.length} of ${count} files after ${waitMillis} ms`)
      await Promise.race([
        new Promise<void>((resolve) => {
          wake = resolve
        }),
        delay(1000)
      ])
    }
  }
  return { acknowledged, port, until, close: () => server.close() }
}

/** In the guest's background: files of 64 KiB that hold their number, each synced with its folder, then told. */
const writer = (port: number): string =>
  `cat >/tmp/writer <<'END'
echo $$ >/tmp/writer.pid
exec 3<>/dev/tcp/127.0.0.1/${port}
for ((i = 0; ; i++)); do
  yes "$i" | head -c 65536 | dd of=/mnt/f$i bs=64k iflag=fullblock conv=fsync status=none && sync /mnt || exit
  echo "$i" >&3
done
END
setsid bash /tmp/writer >/tmp/writer.log 2>&1 &`

/** Every acknowledged file has what was written. */
const assertThere = async (guest: LinuxGuest, count: number): Promise<void> => {
  const check = `for ((i = 0; i < ${count}; i++)); do yes "$i" | head -c 65536 | cmp - /mnt/f$i || exit 1; done`
  await must(guest, check)
}

describe.skipIf(missingTools(guestTools) !== undefined).each(fileSystems)("$name under fsync load", (fileSystem) => {
  it("outlives a target that is killed again and again", { timeout: testMillis }, async () => {
    const directory = makeDirectory("linux")
    const heard = await hearAcknowledged()
    let [target, port] = await startWithFile(directory)
    try {
      await using guest = await startLinuxGuest(guestSeconds)
      const disk = await login(guest, port)
      await must(guest, `${fileSystem.make} ${disk} && mount ${disk} /mnt`)
      await must(guest, writer(heard.port))
      for (let kill = 0; kill < kills; kill++) {
        await heard.until(heard.acknowledged.length + filesBetween)
        await target.kill()
        target.rpc.close()
        target = await startTarget({ directory })
      }
      await heard.until(heard.acknowledged.length + filesBetween)
      await must(guest, "read pid </tmp/writer.pid; kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.1; done")
      await assertThere(guest, heard.acknowledged.length)
      await must(guest, `umount /mnt && ${fileSystem.check} ${disk}`)
    } finally {
      heard.close()
      await target[Symbol.asyncDispose]()
      removeDirectory(directory)
    }
  })

  it("outlives an initiator that loses its power", { timeout: testMillis }, async () => {
    const directory = makeDirectory("linux")
    const heard = await hearAcknowledged()
    const [target, port] = await startWithFile(directory)
    try {
      await using guest = await startLinuxGuest(guestSeconds)
      const disk = await login(guest, port)
      await must(guest, `${fileSystem.make} ${disk} && mount ${disk} /mnt`)
      await must(guest, writer(heard.port))
      await heard.until(filesBetween)
      await guest.cutPower()
      await using next = await startLinuxGuest(guestSeconds)
      const same = await login(next, port)
      // The journal is replayed by the mount.
      await must(next, `mount ${same} /mnt`)
      await assertThere(next, heard.acknowledged.length)
      await must(next, `umount /mnt && ${fileSystem.check} ${same}`)
    } finally {
      heard.close()
      await target[Symbol.asyncDispose]()
      removeDirectory(directory)
    }
  })
})
