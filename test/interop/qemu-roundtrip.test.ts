/**
 * QEMU's iscsi driver and libiscsi's tools against a 64 MiB LUN: an image written, read back and compared byte for
 * byte.
 */
import { join } from "node:path"
import { assert, it } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { lunUrl, setUpGuide } from "../support/guide.ts"
import { describeWithTools, qemuIscsiDriver } from "../support/requires-tool.ts"
import { freePort, startTarget } from "../support/target-process.ts"

const scriptMillis = 150_000
const tools = ["iscsi-ls", "iscsi-inq", "iscsi-readcapacity16", "qemu-img", "qemu-io", qemuIscsiDriver]

describeWithTools(tools, "QEMU", () => {
  it("reads back the image that it wrote", { timeout: scriptMillis + 10_000 }, async () => {
    const port = await freePort()
    await using target = await startTarget({ stateMode: "empty" })
    await setUpGuide(target.rpc, port)
    const script = join(import.meta.dirname, "qemu-roundtrip.sh")
    const result = await runCommand(
      { command: script, args: [lunUrl(port, 0)], environment: { SIZE_MB: "64", T: "30" } },
      scriptMillis
    )
    assert.strictEqual(result.code, 0, `${result.stdout}\n${result.stderr}\n--- lunlog\n${target.stderr()}`)
    assert.match(result.stdout, /ALL OK\s*$/)
    assert.notMatch(result.stdout, /^(FAIL|skip)/m)
  })
})
