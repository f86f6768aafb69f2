/**
 * The udev rules of docs/hosts.md in a Linux guest: a new size and a new LUN are found without anybody asking for it,
 * by what the kernel makes of the unit attentions; with header and data digests.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { assert, it } from "vitest"
import { nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { guestTools, type LinuxGuest, startLinuxGuest } from "../support/linux-guest.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { projectDirectory } from "../support/target-process.ts"

const guestSeconds = 400
const untilMillisMax = 60_000
const targetName = `${nodeBase}:rescan`

const fenced = (after: string): string => {
  const page = readFileSync(join(projectDirectory, "docs/hosts.md"), "utf8")
  const block = /```[a-z]*\n(.*?)```/su.exec(page.slice(page.indexOf(after)))?.[1]
  if (block === undefined) throw new Error(`docs/hosts.md shows nothing after ${after}`)
  return block
}

/** The guest has udev, but no systemd: what the service does is done by the rule itself there. */
const rulesForGuest = (): string => {
  const command = /^ExecStart=(.*)$/mu.exec(fenced("lunlog-rescan.service`, since"))?.[1] ?? ""
  const rules = fenced("90-lunlog.rules")
  assert.include(rules, "/bin/systemctl --no-block start lunlog-rescan.service")
  return rules.replace("/bin/systemctl --no-block start lunlog-rescan.service", command)
}

const until = async (guest: LinuxGuest, command: string, wanted: string): Promise<void> => {
  const deadline = performance.now() + untilMillisMax
  for (;;) {
    const printed = (await guest.run(command)).trim()
    if (printed === wanted) return
    if (performance.now() > deadline) assert.strictEqual(printed, wanted, command)
    await delay(500)
  }
}

const disks = "lsscsi -t | grep -c iqn"
const diskOf = (lun: number): string => `$(basename /sys/class/scsi_device/*:${lun}/device/block/sd*)`

describeWithTools(guestTools, "the udev rules for Linux hosts", () => {
  it("find a new size and a new LUN", async () => {
    await using lunlog = await startLunlog()
    await lunlog.call("bdev_null_create", { name: "Null0", num_blocks: 20_480, block_size: 512 })
    await lunlog.createMalloc("Malloc0", 8)
    await lunlog.createTarget({ name: targetName, luns: { 0: "Null0" } })
    await using guest = await startLinuxGuest(guestSeconds)
    const portal = `${lunlog.endpoint.host}:${lunlog.endpoint.port}`
    await guest.run(`cat > /etc/udev/rules.d/90-lunlog.rules <<'END'\n${rulesForGuest()}END\nudevadm control --reload`)
    await guest.run(`iscsiadm -m node -T ${targetName} -p ${portal} -o new`)
    for (const digest of ["HeaderDigest", "DataDigest"]) {
      await guest.run(`iscsiadm -m node -T ${targetName} -o update -n node.conn[0].iscsi.${digest} -v CRC32C`)
    }
    await guest.run(`iscsiadm -m node -T ${targetName} -l`)
    await until(guest, disks, "1")
    await until(guest, "iscsiadm -m session -P 2 | grep -c 'Digest: CRC32C'", "2")
    await until(guest, `cat /sys/block/${diskOf(0)}/size`, "20480")
    await lunlog.call("bdev_null_resize", { name: "Null0", new_size: 20 })
    // A host is told with its next command at the disk.
    await guest.run(`dd if=/dev/${diskOf(0)} of=/dev/null bs=4096 count=1 iflag=direct`)
    await until(guest, `cat /sys/block/${diskOf(0)}/size`, "40960")
    await lunlog.call("iscsi_target_node_add_lun", { name: targetName, bdev_name: "Malloc0", lun_id: 5 })
    await guest.run(`dd if=/dev/${diskOf(0)} of=/dev/null bs=4096 count=1 iflag=direct`)
    await until(guest, disks, "2")
    await until(guest, `cat /sys/block/${diskOf(5)}/size`, "16384")
    await guest.run("iscsiadm -m session -u")
  })
})
