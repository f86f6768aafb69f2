/**
 * A map without the right to write and one that shows a single LUN, seen by initiators of somebody else's: libiscsi's
 * own suite for read-only disks, its tools, and qemu's block layer.
 */
import { assert, it } from "vitest"
import { type CommandResult, runCommand } from "../support/child-process.ts"
import { guideTargetName, lunUrl, portalUrl, setUpGuide } from "../support/guide.ts"
import { describeWithTools, qemuIscsiDriver } from "../support/requires-tool.ts"
import { freePort, startTarget, type TargetProcess } from "../support/target-process.ts"

const toolMillis = 30_000

const run = (command: string, ...args: ReadonlyArray<string>): Promise<CommandResult> =>
  runCommand({ command, args }, toolMillis)

const saidBy = ({ stderr, stdout }: CommandResult): string => stdout + stderr

const setAccess = ({ rpc }: TargetProcess, access: object) =>
  rpc.call("iscsi_target_node_set_map_access", { name: guideTargetName, pg_tag: 1, ig_tag: 2, ...access })

describeWithTools(["iscsi-test-cu", "iscsi-ls", "qemu-io", qemuIscsiDriver], "a narrowed map", () => {
  it("is read-only for libiscsi's suite of read-only disks and for qemu, and shows one LUN", async () => {
    const port = await freePort()
    await using target = await startTarget({ stateMode: "empty" })
    await setUpGuide(target.rpc, port)
    await setAccess(target, { read_only: true })
    const suite = await run(
      "iscsi-test-cu",
      "--dataloss",
      "--fail",
      "--verbose",
      "--test=ALL.ReadOnly",
      lunUrl(port, 0)
    )
    // Write commands that lunlog has not are skipped; all others must be refused with DATA PROTECT.
    assert.match(saidBy(suite), /asserts\s+([1-9]\d*)\s+\1\s+\1\s+0/)
    const image = ["-f", "raw", lunUrl(port, 0)]
    const write = await run("qemu-io", "-c", "write -P 1 0 512", ...image)
    assert.match(saidBy(write), /LUN is write protected/)
    const read = await run("qemu-io", "-r", "-c", "read -P 0 0 512", ...image)
    assert.match(saidBy(read), /read 512\/512 bytes/)
    await setAccess(target, { luns: [1] })
    const listing = saidBy(await run("iscsi-ls", "--show-luns", portalUrl(port)))
    assert.match(listing, /Lun:1 /)
    assert.notMatch(listing, /Lun:0 /)
  })
})
