/** `lunlog log tail -f` outlives the target that it follows. */

import { assert, it } from "vitest"
import { startChild } from "../support/child-process.ts"
import { makeDirectory, projectDirectory, removeDirectory, startTarget } from "../support/target-process.ts"
import { until } from "../support/until.ts"
import { binOf } from "./support.ts"

const group = (tag: number) => ({ tag, initiators: ["ANY"], netmasks: ["ANY"] })

it("the followed log goes on over a restart, with every record once", { timeout: 120_000 }, async () => {
  const directory = makeDirectory("follow")
  const shown = (): ReadonlyArray<number> =>
    child
      .stdout()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line).seq)
  const first = await startTarget({ directory })
  const args = [binOf("lunlog"), "log", "tail", "-f", "--json", "-r", first.socketPath]
  const child = await startChild({ command: process.execPath, args, directory: projectDirectory })
  try {
    await first.rpc.call("iscsi_create_initiator_group", group(1))
    await until("the group is told", () => child.stdout().includes("InitiatorGroupCreated"))
    await first.kill()
    await until("its end is noticed", () => child.stderr().includes("waiting for the target to come back"))
    await using second = await startTarget({ directory })
    await second.rpc.call("iscsi_create_initiator_group", group(2))
    await until("it goes on", () => child.stdout().split("InitiatorGroupCreated").length > 2)
    const seqs = shown()
    assert.deepStrictEqual(
      seqs,
      seqs.map((_, index) => index + 1)
    )
    child.signal("SIGINT")
    assert.deepStrictEqual(await child.exited, { code: 0, signal: null })
  } finally {
    child.signal("SIGKILL")
    await first.kill()
    removeDirectory(directory)
  }
})
