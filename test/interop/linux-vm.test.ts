/**
 * The Linux kernel's own initiator (open-iscsi in a small QEMU guest): discovery, login, what the disk says of itself,
 * a file system and its data after a new login; CHAP and digests. The guest is built by `npm
 * test` beforehand, or here. Longer runs are in test/long.
 */
import { it } from "vitest"
import { guestTools } from "../support/linux-guest.ts"
import { guestMillis, runScripts, startScriptedTarget } from "../support/linux-scripts.ts"
import { describeWithTools } from "../support/requires-tool.ts"

/** Emulated on two busy cores the guest needs a minute. */
const guestSeconds = 400

describeWithTools(guestTools, "the Linux kernel's initiator", () => {
  it("uses disks, CHAP and digests", { timeout: guestMillis(guestSeconds) }, async () => {
    await using target = await startScriptedTarget()
    await runScripts(target, guestSeconds, [
      ["basic.sh", target.port, target.name],
      ["chap.sh", target.port, target.chapPort, target.nodeBase],
      ["digests.sh", target.port, target.name]
    ])
  })
})
