/**
 * "Durable before anyone is told", seen from outside: for every acknowledged RPC that changes state, strace shows a
 * completed sync of the log that began after the request arrived and ended before the reply was written.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, it } from "vitest"
import { setUpGuide } from "../support/guide.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import type { RpcClient } from "../support/rpc-client.ts"
import { tracedCalls, traceRequests } from "../support/strace-log.ts"
import { freePort, makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"

/** Requests that the test sends one at a time, then all at once: a batch shares syncs. */
const requestCount = 24

const groupParams = (tag: number) => ({ tag, initiators: ["ANY"], netmasks: ["127.0.0.1/32"] })

const createAndDelete = async (rpc: RpcClient): Promise<void> => {
  for (let tag = 100; tag < 100 + requestCount; tag++) await rpc.call("iscsi_create_initiator_group", groupParams(tag))
  const deletions = Array.from({ length: requestCount }, (_, index) =>
    rpc.call("iscsi_delete_initiator_group", { tag: 100 + index })
  )
  await Promise.all(deletions)
}

describeWithTools(["strace"], "an acknowledged RPC", () => {
  let directory: string

  beforeEach(() => {
    directory = makeDirectory("order")
  })

  afterEach(() => removeDirectory(directory))

  it("is on the disk before its reply is written", { timeout: 120_000 }, async () => {
    const traceFile = join(directory, "trace")
    const strace = ["strace", "-f", "-y", "-s", "1048576", "-e", `trace=${tracedCalls}`, "-o", traceFile]
    let stateDirectory: string
    {
      await using target = await startTarget({ directory, stateMode: "empty", wrapper: strace, readyMillis: 60_000 })
      stateDirectory = target.stateDirectory
      await setUpGuide(target.rpc, await freePort())
      await createAndDelete(target.rpc)
    }
    const trace = readFileSync(traceFile, "utf8")
    // The client numbers its calls from 1, and 1 is the wait for readiness, which changes nothing.
    const ids = Array.from({ length: 5 + 2 * requestCount }, (_, index) => index + 2)
    const unsynced = traceRequests(trace, ids, stateDirectory).filter((request) => !request.synced)
    assert.deepStrictEqual(unsynced, [])
  })
})
