/**
 * The Linux kernel's own initiator (open-iscsi in a small QEMU guest): discovery, login, what the disk says of itself,
 * a file system and its data after a new login; CHAP, digests, sg3-utils, and data verified by fio. The guest is built
 * by `npm test` beforehand, or here. Longer runs are in test/long.
 */
import { it } from "vitest"
import { guestTools } from "../support/linux-guest.ts"
import { guestMillis, runScripts, startScriptedTarget } from "../support/linux-scripts.ts"
import { describeWithTools } from "../support/requires-tool.ts"

/** Emulated, the guest needs two minutes, and more on busy cores. */
const guestSeconds = 900

describeWithTools(guestTools, "the Linux kernel's initiator", () => {
  it("uses disks, CHAP, digests and thin provisioning", { timeout: guestMillis(guestSeconds) }, async () => {
    await using target = await startScriptedTarget()
    await runScripts(target, guestSeconds, [
      ["basic.sh", target.port, target.name],
      ["chap.sh", target.port, target.chapPort, target.nodeBase],
      ["digests.sh", target.port, target.name],
      ["scsi.sh", target.port, target.name],
      ["fio.sh", target.port, target.name, "8"]
    ])
  })
})
