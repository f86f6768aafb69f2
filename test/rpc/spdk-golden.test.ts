/**
 * What SPDK 26.05 answered to the same requests in the same order, as it was recorded (`fixtures/spdk-26.05.jsonl`):
 * the methods that lunlog has, and the envelope. A difference is either listed here with its reason, or a failure.
 */

import * as fs from "node:fs"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { type RawClient, rawClient } from "./support.ts"
import { startTarget } from "./target-support.ts"

interface Golden {
  readonly name: string
  readonly request: unknown
  readonly response: unknown
}

const isGolden = (value: unknown): value is Golden =>
  typeof value === "object" && value !== null && "name" in value && "request" in value && "response" in value

const golden = fs
  .readFileSync(new URL("./fixtures/spdk-26.05.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line): unknown => JSON.parse(line))
  .filter(isGolden)

/** Without what lunlog adds (`data` of errors) and what must differ (identities, what a driver can do). */
const comparable = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== "object" || value === null) return value
  const kept = Object.entries(value).filter(
    ([name]) => !["data", "uuid", "aliases", "supported_io_types"].includes(name)
  )
  return Object.fromEntries(kept.map(([name, member]) => [name, comparable(member)]))
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null
const idOf = (value: unknown): string => JSON.stringify(isRecord(value) ? value["id"] : null)
/** Batches are answered in any order. */
const sorted = (value: unknown): unknown =>
  Array.isArray(value) ? [...value].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1)) : value

/** Sends one recorded request, and a harmless one behind it whose answer shows that nothing more comes. */
const ask = async (client: RawClient, request: unknown): Promise<unknown> => {
  const before = client.answers.length
  const end = `end ${before}`
  const text = typeof request === "string" ? request : JSON.stringify(request)
  client.socket.write(`${text}\n{"id":"${end}","method":"rpc_get_methods"}`)
  await client.until((c) => c.closed || (c.answers.at(-1)?.includes(`"id":"${end}"`) ?? false))
  const answers = client.answers
    .slice(before)
    .filter((line) => !line.includes(`"id":"${end}"`))
    .map((line): unknown => JSON.parse(line))
  return answers.length === 1 ? answers[0] : answers
}

const parseErrorAnswered = "SPDK closes the connection without an answer; lunlog answers -32700 before it closes"
const freeNumber = "SPDK gives the name Malloc0 to the first bdev without a name, also when it is taken"
const stricterTag = "target portal group tags have 16 bits on the wire and are not 0; SPDK takes any number"
const stricterNetmask = "SPDK keeps netmasks that can never match; lunlog refuses them"

/** Where lunlog differs on purpose, and why. */
const differences: Readonly<Record<string, string>> = {
  "startup.spdk_get_version": "lunlog says who it is",
  "empty.spdk_get_version": "lunlog says who it is",
  "rpc.malformed_brace": parseErrorAnswered,
  "rpc.malformed_single_quotes": parseErrorAnswered,
  "rpc.malformed_trailing_comma": parseErrorAnswered,
  "rpc.malformed_word": parseErrorAnswered,
  "rpc.malformed_comment": parseErrorAnswered,
  "rpc.malformed_leading_zero": parseErrorAnswered,
  "rpc.malformed_nan": parseErrorAnswered,
  "rpc.malformed_control_char": parseErrorAnswered,
  "rpc.bad_escape": parseErrorAnswered,
  "rpc.http_request": parseErrorAnswered,
  "rpc.good_then_bad": parseErrorAnswered,
  "rpc.incomplete": parseErrorAnswered,
  "rpc.nul_byte": parseErrorAnswered,
  "rpc.deep_nesting_70": parseErrorAnswered,
  "bdev_malloc_create.unnamed": freeNumber,
  "bdev_malloc_create.unnamed2": freeNumber,
  "bdev_malloc_create.unnamed3": freeNumber,
  "bdev_malloc_create.err.block_size_0": "a block size of 0 is invalid (-22), not a lack of memory (-12)",
  "iscsi_create_portal_group.tag_0": stricterTag,
  "iscsi_delete_portal_group.tag_0": stricterTag,
  "iscsi_create_portal_group.tag_negative": stricterTag,
  "iscsi_delete_portal_group.tag_negative": stricterTag,
  "iscsi_create_portal_group.tag_70000": stricterTag,
  "iscsi_delete_portal_group.tag_70000": stricterTag,
  "iscsi_create_initiator_group.netmask_garbage": stricterNetmask,
  "iscsi_delete_initiator_group.9b": stricterNetmask,
  "iscsi_create_initiator_group.netmask_33": stricterNetmask,
  "iscsi_delete_initiator_group.9c": stricterNetmask
}

/** The recording also had file bdevs, and other bdevs under automatic names. */
const isComparedBdev = (bdev: unknown): boolean => isRecord(bdev) && !/^(?:Aio|Malloc[1-9])/.test(String(bdev["name"]))

const compared = (name: string, value: unknown): string => {
  if (name === "bdev_get_bdevs.all" && isRecord(value) && Array.isArray(value["result"])) {
    return compared("", { ...value, result: value["result"].filter(isComparedBdev) })
  }
  return JSON.stringify(comparable(sorted(value)))
}

it.live("answers as SPDK did, save for the listed differences, and tells the reason of every failure", () =>
  Effect.gen(function* () {
    const { socketPath } = yield* startTarget()
    let client = yield* rawClient(socketPath)
    const differing: Array<string> = []
    for (const { name, request, response } of golden) {
      const answer = yield* Effect.promise(() => ask(client, request))
      if (client.closed) client = yield* rawClient(socketPath)
      if (compared(name, answer) !== compared(name, response)) differing.push(name)
      if (differing.at(-1) === name && differences[name] === undefined) {
        assert.deepStrictEqual(comparable(sorted(answer)), comparable(sorted(response)), name)
      }
      if (differences[name] === parseErrorAnswered) assert.include(JSON.stringify(answer), '"code":-32700', name)
      for (const one of [answer].flat()) {
        if (isRecord(one) && isRecord(one["error"])) assert.nestedProperty(one, "error.data.reason", name)
      }
    }
    assert.deepStrictEqual(differing.sort(), Object.keys(differences).sort())
  })
)
