/**
 * The Linux kernel's own initiator (open-iscsi in a small QEMU guest): discovery, login, what the disk says of itself,
 * a file system, and its data after a new login. The guest is built by `npm test` beforehand, or here.
 */
import { join } from "node:path"
import { assert, it } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { guideTargetName, setUpGuide } from "../support/guide.ts"
import { guestTools } from "../support/linux-guest.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { freePort, startTarget } from "../support/target-process.ts"

const guestDirectory = join(import.meta.dirname, "linux-initiator")
/** Emulated on two busy cores the guest needs a minute. */
const guestSeconds = 240
const buildSeconds = 300

/** Runs a script of `linux-initiator/scripts` in the guest, and fails with all that guest and server said. */
const runInGuest = async (script: string, port: number, serverSaid: () => string): Promise<string> => {
  const result = await runCommand(
    {
      command: join(guestDirectory, "linux-initiator"),
      args: [
        "run",
        "--timeout",
        String(guestSeconds),
        join(guestDirectory, "scripts", script),
        String(port),
        guideTargetName
      ]
    },
    (guestSeconds + buildSeconds) * 1000
  )
  assert.strictEqual(result.code, 0, `${result.stdout}\n${result.stderr}\n--- lunlog\n${serverSaid()}`)
  return result.stdout
}

describeWithTools(guestTools, "the Linux kernel's initiator", () => {
  const limits = { timeout: (guestSeconds + buildSeconds + 30) * 1000 }
  it("logs in, makes a file system, and finds its data after a new login", limits, async () => {
    const port = await freePort()
    await using target = await startTarget({ stateMode: "empty" })
    await setUpGuide(target.rpc, port)
    const said = await runInGuest("basic.sh", port, target.stderr)
    assert.match(said, /all \d+ checks passed/)
    assert.notMatch(said, /^not ok/m)
    assert.strictEqual(target.exitStatus(), undefined, "the server still runs")
  })
})
