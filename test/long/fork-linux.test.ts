/**
 * A fork to the Linux kernel's initiator, while it is connected to the source, too: a file system that was copied with
 * its disk, under another name and id, and writes that stay in the fork.
 */
import { join } from "node:path"
import { assert, it } from "vitest"
import { serveProgram } from "../cli/support.ts"
import { guideTargetName, setUpGuide } from "../support/guide.ts"
import { guestTools, type LinuxGuest, startLinuxGuest } from "../support/linux-guest.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { freePort, makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"

const guestSeconds = 600

/** Fails with what the command has printed. */
const must = async (guest: LinuxGuest, command: string): Promise<string> => {
  const printed = await guest.run(`(${command}) && echo "done: 0"`)
  assert.match(printed, /done: 0$/u, `${command}\n${printed}`)
  return printed.replace(/\n?done: 0$/u, "")
}

/** Logs in, and gives the disk's device. */
const login = async (guest: LinuxGuest, name: string, port: number): Promise<string> => {
  await must(guest, `iscsiadm -m discovery -t sendtargets -p 127.0.0.1:${port}`)
  await must(guest, `iscsiadm -m node -T ${name} -p 127.0.0.1:${port} --login`)
  const path = `/dev/disk/by-path/ip-127.0.0.1:${port}-iscsi-${name}-lun-0`
  await must(guest, `for i in $(seq 300); do [ -b ${path} ] && break; sleep 0.1; done; [ -b ${path} ]`)
  return must(guest, `readlink -f ${path}`)
}

const idOf = (guest: LinuxGuest, device: string): Promise<string> => must(guest, `sg_vpd -p di ${device}`)

describeWithTools(guestTools, "a fork, to the Linux kernel's initiator", () => {
  it("is another disk with the same file system", async () => {
    const [directory, port, forkPort] = [makeDirectory("fork"), await freePort(), await freePort()]
    try {
      await using source = await startTarget()
      await setUpGuide(source.rpc, port)
      await using guest = await startLinuxGuest(guestSeconds)
      const original = await login(guest, guideTargetName, port)
      await must(guest, `mkfs.ext4 -q -F ${original} && mkdir -p /a /b && mount ${original} /a`)
      await must(guest, "head -c 3000000 /dev/urandom > /a/file && sync && fsfreeze -f /a")
      const state = join(directory, "fork")
      const place = ["-r", source.socketPath, "--fork-state", state, "--suffix", "night"]
      const args = ["fork", "--at", "HEAD", ...place, "--data", "snapshot", "--portal", `127.0.0.1:${forkPort}`]
      await using fork = await serveProgram("lunlog", args, join(state, "rpc.sock"))
      await fork.rpc.call("framework_wait_init")
      await must(guest, "fsfreeze -u /a")
      const copy = await login(guest, `${guideTargetName}-night`, forkPort)
      assert.notStrictEqual(await idOf(guest, copy), await idOf(guest, original))
      await must(guest, `mount ${copy} /b && cmp /a/file /b/file`)
      await must(guest, "rm /b/file && umount /b && ls /a/file")
      await must(guest, `iscsiadm -m node -T ${guideTargetName}-night --logout`)
      await must(guest, "umount /a")
      await must(guest, `e2fsck -f -n ${original}`)
    } finally {
      removeDirectory(directory)
    }
  })
})
