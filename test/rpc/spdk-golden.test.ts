/**
 * What SPDK 26.05 answered to the same requests in the same order, as it was recorded (`fixtures/spdk-26.05.jsonl`). A
 * difference is either listed here with its reason, or a failure. Requests of methods that lunlog has not are left out
 * and counted.
 */

import * as fs from "node:fs"
import * as path from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { allMethods } from "../../src/rpc/methods/all-methods.ts"
import { type RawClient, rawClient, temporaryDirectory } from "./support.ts"
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

/** Of the process and of the moment. */
const volatile = ["tick_rate", "ticks", "pid", "tid", "busy", "idle", "sys", "usr", "elapsed"]
const left = new Set(["data", "uuid", "aliases", "supported_io_types", ...volatile])

/** Without what lunlog adds (`data` of errors) and what must differ (identities, what a driver can do). */
const comparable = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== "object" || value === null) return value
  const kept = Object.entries(value).filter(([name]) => !left.has(name))
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

const oneMore = "lunlog has one bdev more: the one without a name that SPDK refuses"
const noPollers = "Node has no pollers and no channels"
const stricterAuthTag = "an auth group tag of 0 stands for no group, and none is below it; SPDK takes any number"
const memoryFile =
  "`env_dpdk_get_mem_stats` names a file of the process's own, `mem_dump.txt` in a new folder, with what Node holds"
const examined =
  "SPDK reads from every new bdev to examine it, and counts that; nothing here looks for anything on a bdev"
const bothNames = "`bdev_get_iostat` takes `name`, as SPDK did before 26.05, and `names`"
const halfSecret = "SPDK takes an msecret without muser, and has the group from then on; lunlog refuses half a pair"

const limitsAtOnce = "SPDK refuses other limits while it waits for IO to apply those before; lunlog has them at once"

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
  "notify_get_notifications.all": oneMore,
  "notify_get_notifications.id_max": oneMore,
  "empty.thread_get_stats": noPollers,
  "empty.thread_get_pollers": noPollers,
  "empty.thread_get_io_channels": noPollers,
  "empty.trace_get_info": "there is no trace file",
  "bdev_malloc_create.err.block_size_0": "a block size of 0 is invalid (-22), not a lack of memory (-12)",
  "bdev_set_qos_limit.rounded": limitsAtOnce,
  "bdev_get_bdevs.qos_rounded": limitsAtOnce,
  "bdev_set_qos_limit.mb": limitsAtOnce,
  "bdev_get_bdevs.qos_mb": limitsAtOnce,
  "bdev_set_qos_limit.clear": limitsAtOnce,
  "bdev_get_bdevs.qos_cleared": limitsAtOnce,
  "iscsi_create_portal_group.tag_0": stricterTag,
  "iscsi_delete_portal_group.tag_0": stricterTag,
  "iscsi_create_portal_group.tag_negative": stricterTag,
  "iscsi_delete_portal_group.tag_negative": stricterTag,
  "iscsi_create_portal_group.tag_70000": stricterTag,
  "iscsi_delete_portal_group.tag_70000": stricterTag,
  "iscsi_create_auth_group.accepted.tag_0": stricterAuthTag,
  "iscsi_create_auth_group.accepted.tag_negative": stricterAuthTag,
  "iscsi_get_auth_groups.after": stricterAuthTag,
  "empty.env_dpdk_get_mem_stats": memoryFile,
  "bdev_get_iostat.all": examined,
  "bdev_get_iostat.names": examined,
  "bdev_get_iostat.names_two": examined,
  "bdev_get_iostat.reset_mode": examined,
  "bdev_get_iostat.name_legacy": bothNames,
  "iscsi_create_auth_group.accepted.msecret_only": halfSecret,
  "iscsi_create_auth_group.err.user_256": halfSecret,
  "iscsi_create_auth_group.user_equals_secret": halfSecret,
  "iscsi_create_initiator_group.netmask_garbage": stricterNetmask,
  "iscsi_delete_initiator_group.9b": stricterNetmask,
  "iscsi_create_initiator_group.netmask_33": stricterNetmask,
  "iscsi_delete_initiator_group.9c": stricterNetmask
}

/** The recording had other bdevs under automatic names. */
const isComparedBdev = (bdev: unknown): boolean => isRecord(bdev) && !/^Malloc[1-9]/.test(String(bdev["name"]))

/** Answers that depend on a method that lunlog may not have yet, besides the one that is called. */
const needs: Readonly<Record<string, string>> = {
  "iscsi_get_options.after_discovery_auth": "iscsi_set_discovery_auth"
}

const compared = (name: string, value: unknown): string => {
  if (name.startsWith("bdev_get_bdevs") && isRecord(value) && Array.isArray(value["result"])) {
    return compared("", { ...value, result: value["result"].filter(isComparedBdev) })
  }
  // Which methods there are is compared below.
  if (name.includes("rpc_get_methods") && isRecord(value) && Array.isArray(value["result"])) return ""
  return JSON.stringify(comparable(sorted(value)))
}

const here = new Set(allMethods.flatMap(({ aliases, name }) => [name, ...aliases]))

/** Whether lunlog has every method of a request that SPDK has. */
const isReplayed = ({ name, request, response }: Golden): boolean => {
  if (JSON.stringify(response).includes('"code":-32601')) return true
  const methods = [request].flat().map((one) => (isRecord(one) ? String(one["method"]) : "rpc_get_methods"))
  return [...methods, needs[name] ?? "rpc_get_methods"].every((method) => here.has(method))
}

const withImages = (message: unknown, directory: string): unknown =>
  typeof message === "string" ? message : JSON.parse(JSON.stringify(message).replaceAll("IMGDIR", directory))

it.live("answers as SPDK did, save for the listed differences, and tells the reason of every failure", () =>
  Effect.gen(function* () {
    const { socketPath } = yield* startTarget()
    const directory = yield* temporaryDirectory
    fs.writeFileSync(path.join(directory, "aio.img"), "")
    fs.truncateSync(path.join(directory, "aio.img"), 64 * 1024 * 1024)
    let client = yield* rawClient(socketPath)
    const differing: Array<string> = []
    const replayed = golden.filter(isReplayed)
    for (const { name, request, response: recorded } of replayed) {
      const answer = yield* Effect.promise(() => ask(client, withImages(request, directory)))
      const response = withImages(recorded, directory)
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
    const same = replayed.length - differing.length
    const waiting = golden.length - replayed.length
    process.stdout.write(
      `SPDK 26.05: ${same} of ${golden.length} recorded answers are the same, ${differing.length} differ as listed, ` +
        `${waiting} are of methods that lunlog has not\n`
    )
  })
)

const plainText = (text: string): string => text.replace(/\s+/gu, " ").toLowerCase()

it("has every reason for a difference in docs/spdk-compatibility.md", () => {
  const document = plainText(fs.readFileSync(new URL("../../docs/spdk-compatibility.md", import.meta.url), "utf8"))
  const reasons = [...new Set(Object.values(differences))]
  assert.deepStrictEqual(
    reasons.filter((reason) => !document.includes(plainText(reason))),
    []
  )
})

const namesIn = (name: string): ReadonlyArray<string> => {
  const response = golden.find((one) => one.name === name)?.response
  const names = isRecord(response) && Array.isArray(response["result"]) ? response["result"] : []
  return names.map(String)
}

/** Crypto keys and bdevs of other kinds. */
const notMeant = /^(?:accel_crypto_key|bdev_(?:nvme|raid|lvol|lvstore|ftl|zone|opal|gpt|concat))/u

it("has the methods of SPDK's iscsi_tgt, each in the states in which SPDK has it", () => {
  const all = namesIn("startup.rpc_get_methods.all")
  const meant = all.filter((name) => !notMeant.test(name))
  assert.isAbove(meant.length, 80)
  const found = meant.filter((name) => here.has(name))
  process.stdout.write(`SPDK 26.05: ${found.length} of the ${meant.length} methods of its iscsi_tgt are here\n`)
  const early = new Set(namesIn("startup.rpc_get_methods.current"))
  const late = new Set(namesIn("rpc_get_methods.current_true"))
  for (const { name, states } of allMethods.filter((method) => all.includes(method.name))) {
    assert.strictEqual(states.includes("STARTUP"), early.has(name), `${name} in STARTUP`)
    assert.strictEqual(states.includes("RUNTIME"), late.has(name), `${name} in RUNTIME`)
  }
})
