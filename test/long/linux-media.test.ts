/** Removable media, mode pages and thresholds of thin disks, to the Linux kernel's initiator. */
import { it } from "vitest"
import { guestTools } from "../support/linux-guest.ts"
import { guestMillis, runScripts, startScriptedTarget } from "../support/linux-scripts.ts"
import { describeWithTools } from "../support/requires-tool.ts"

const guestSeconds = 400

describeWithTools(guestTools, "the Linux kernel's initiator, with a removable disk", () => {
  it("ejects and loads it, changes its mode pages, and is told of a threshold", {
    timeout: guestMillis(guestSeconds)
  }, async () => {
    await using target = await startScriptedTarget()
    await runScripts(target, guestSeconds, [["media.sh", target.port, target.mediaName]])
  })
})
