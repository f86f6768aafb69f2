/** All scripts of the Linux guest: sg3-utils, thin provisioning, copies, reservations, CHAP, digests, more of fio. */
import { describe, it } from "vitest"
import { guestTools } from "../support/linux-guest.ts"
import { guestMillis, runScripts, type ScriptedTarget, startScriptedTarget } from "../support/linux-scripts.ts"
import { missingTools } from "../support/requires-tool.ts"

const guestSeconds = 1800

const scripts: Readonly<Record<string, (target: ScriptedTarget) => ReadonlyArray<string>>> = {
  "basic.sh": ({ name, port }) => [port, name],
  "chap.sh": ({ chapPort, nodeBase, port }) => [port, chapPort, nodeBase],
  "digests.sh": ({ name, port }) => [port, name],
  "scsi.sh": ({ name, port }) => [port, name],
  "fio.sh": ({ name, port }) => [port, name, "48"]
}

describe.skipIf(missingTools(guestTools) !== undefined)("the Linux kernel's initiator", () => {
  it.each(Object.entries(scripts))("%s", { timeout: guestMillis(guestSeconds) }, async (script, argsFor) => {
    await using target = await startScriptedTarget()
    await runScripts(target, guestSeconds, [[script, ...argsFor(target)]])
  })

  it("uses targets that are spread over two workers", { timeout: guestMillis(guestSeconds) }, async () => {
    await using target = await startScriptedTarget(["--workers", "2"])
    const chosen = Object.entries(scripts).map(([script, argsFor]) => [script, ...argsFor(target)] as const)
    await runScripts(target, guestSeconds, chosen)
  })
})
