/** Every question has the same answer, whether a running target is asked or its directory. */
import { join } from "node:path"
import { it as itProp } from "@effect/vitest"
import { Schema } from "effect"
import { assert, describe, it } from "vitest"
import { asSent } from "../../../src/rpc/call-here.ts"
import { JsonParser } from "../../../src/rpc/JsonParser.ts"
import { printJson } from "../../../src/rpc/json-print.ts"
import { toJavaScript } from "../../../src/rpc/RpcClient.ts"
import { makeDirectory, removeDirectory, startTarget } from "../../support/target-process.ts"
import { lunlogHere } from "../in-process.ts"

const group = (tag: number) => ({ tag, initiators: ["ANY"], netmasks: ["ANY"] })
const target = {
  name: "disk1",
  alias_name: "",
  pg_ig_maps: [],
  luns: [{ bdev_name: "N0", lun_id: 0 }],
  queue_depth: 64,
  disable_chap: true
}

const questions: ReadonlyArray<ReadonlyArray<string>> = [
  ["tail", "--json", "--until", "LAST"],
  ["tail", "--since", "1", "--until", "LAST"],
  ["tail", "--object", "N0", "--until", "LAST"],
  ["tail", "--object", "N"],
  ["tail", "--type", "Nothing*"],
  ["tail", "--type", "DiscoveryAuthSet"],
  ["show", "2", "--json"],
  ["show", "123456"],
  ["diff", "1", "LAST", "--json"],
  ["diff", "1", "LAST"],
  ["why", "disk1:0", "--at", "LAST", "--json"],
  ["why", "disk1", "--at", "2"],
  ["state", "--at", "someday"]
]

describe("a running target and its directory", () => {
  it("give the same answers, and the same errors", { timeout: 120_000 }, async () => {
    const directory = makeDirectory("both")
    try {
      const live: Array<unknown> = []
      let last = ""
      {
        await using served = await startTarget({ directory })
        await served.rpc.call("iscsi_create_initiator_group", group(1))
        await served.rpc.call("bdev_null_create", { name: "N0", num_blocks: 8, block_size: 512 })
        await served.rpc.call("iscsi_create_portal_group", { tag: 1, portals: [] }).catch(() => undefined)
        const maps = { pg_ig_maps: [{ pg_tag: 1, ig_tag: 1 }] }
        await served.rpc.call("iscsi_create_target_node", { ...target, ...maps }).catch(() => undefined)
        await served.rpc.call("bdev_null_delete", { name: "N0" })
        const newest = await lunlogHere("log", "tail", "--json", "-n", "1", "-r", served.socketPath)
        last = String(JSON.parse(newest.stdout).seq)
        for (const words of questions) {
          const named = words.map((word) => (word === "LAST" ? last : word))
          live.push(await lunlogHere("log", ...named, "-r", served.socketPath))
        }
        await served.stop()
      }
      for (const [index, words] of questions.entries()) {
        const named = words.map((word) => (word === "LAST" ? last : word))
        const stored = await lunlogHere("log", ...named, "--state", join(directory, "state"))
        const asked = live[index]
        // How many records there are has changed: the target has ended.
        const steady = (ran: unknown) => JSON.stringify(ran).replace(/the last one is \d+/u, "the last one is N")
        assert.strictEqual(steady(stored), steady(asked), words.join(" "))
      }
    } finally {
      removeDirectory(directory)
    }
  })

  itProp.prop("an answer is what would have come over the socket", [Schema.Json], ([value]) => {
    // Half a surrogate pair is in no text that the log holds.
    if (!JSON.stringify(value).isWellFormed() || /\\ud[89a-f]/iu.test(JSON.stringify(value))) return
    const parser = new JsonParser({ messageBytesMax: 1 << 24, depthMax: 256, valuesMax: 1 << 20 })
    parser.feed(new TextEncoder().encode(`${printJson({ value })}\n`))
    const parsed = parser.next()
    assert(parsed?._tag === "Message")
    assert.deepStrictEqual(asSent({ value }), toJavaScript(parsed.value))
  })

  it("have no member that is undefined, no number that JSON has not, and bigints where numbers end", () => {
    const sent = asSent({ a: undefined, b: Number.NaN, c: 2n ** 60n, d: 5n, e: new Map([["f", [undefined]]]) })
    assert.deepStrictEqual(sent, { b: null, c: 2n ** 60n, d: 5, e: { f: [null] } })
  })
})
