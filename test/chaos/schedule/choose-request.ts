/** Requests: mostly such as make sense, now and then any. */

import { targetParams } from "../../support/initiator/lunlog.ts"
import type { Random } from "../../support/initiator/random.ts"
import type { RpcParams } from "../../support/rpc-client.ts"
import type { Action } from "../Action.ts"
import {
  blockBytes,
  corruptOffset,
  corruptValue,
  delayNames,
  diskBlocks,
  diskPlace,
  errorName,
  fileNames,
  groupTags,
  keptNames,
  lunIds,
  mallocNames,
  nbdName,
  nullNames,
  passthruNames,
  portPlace,
  seenPlace,
  targetNames
} from "../names.ts"
import { type Belief, pickOf } from "./Belief.ts"

interface Choice {
  readonly method: string
  readonly params: RpcParams
}

type Choose = (random: Random, belief: Belief) => Choice | undefined

const anyBdev = (random: Random): string =>
  random.pick(["M0", ...mallocNames, ...fileNames, ...nullNames, ...delayNames, nbdName])

/** A bdev that is there; now and then any name. */
const someBdev = (random: Random, belief: Belief): string =>
  (random.chance(0.9) ? pickOf(random, belief.free) : undefined) ?? anyBdev(random)

const someTarget = (random: Random, belief: Belief): string =>
  (random.chance(0.9) ? pickOf(random, belief.ownTargets) : undefined) ?? random.pick(["t0", ...targetNames])

const createDisk: Choose = (random) => {
  const size = { num_blocks: diskBlocks, block_size: blockBytes }
  const kind = random.below(7)
  if (kind === 6) {
    const params = { name: nbdName, path: diskPlace("nbd"), connections: 1, block_size: blockBytes }
    return { method: "bdev_nbd_create", params }
  }
  if (kind === 5) {
    const name = pickOf(random, keptNames) ?? ""
    return { method: "bdev_malloc_create", params: { name, file: diskPlace(name), ...size } }
  }
  if (kind < 2) return { method: "bdev_malloc_create", params: { name: pickOf(random, mallocNames), ...size } }
  if (kind === 2) return { method: "bdev_null_create", params: { name: pickOf(random, nullNames), ...size } }
  const name = pickOf(random, fileNames) ?? ""
  return { method: "bdev_aio_create", params: { name, filename: diskPlace(name), block_size: blockBytes } }
}

const createStacked: Choose = (random, belief) => {
  const base = someBdev(random, belief)
  const kind = random.below(6)
  if (kind === 0) {
    return { method: "bdev_passthru_create", params: { base_bdev_name: base, name: pickOf(random, passthruNames) } }
  }
  if (kind === 1) return { method: "bdev_split_create", params: { base_bdev: base, split_count: 2 } }
  if (kind < 4) return { method: "bdev_error_create", params: { base_name: base } }
  const micros = random.pick([0, 2000, 20_000])
  const latencies = {
    avg_read_latency: micros,
    p99_read_latency: micros * 3,
    avg_write_latency: micros,
    p99_write_latency: micros * 3
  }
  const name = pickOf(random, delayNames)
  return { method: "bdev_delay_create", params: { base_bdev_name: base, name, ...latencies } }
}

const kinds: ReadonlyArray<readonly [prefix: RegExp, kind: string]> = [
  [/p[01]$/, "split"],
  [/^P/, "passthru"],
  [/^B/, "nbd"],
  [/^EE_/, "error"],
  [/^D/, "delay"],
  [/^F/, "aio"],
  [/^N/, "null"],
  [/^M/, "malloc"]
]

const kindOf = (name: string): string => kinds.find(([prefix]) => prefix.test(name))?.[1] ?? "malloc"

const deleteBdev: Choose = (random, belief) => {
  const name = someBdev(random, belief)
  if (kindOf(name) === "split") return { method: "bdev_split_delete", params: { base_bdev: name.slice(0, -2) } }
  return { method: `bdev_${random.chance(0.95) ? kindOf(name) : "null"}_delete`, params: { name } }
}

const createTarget: Choose = (random, belief) => {
  const luns: Record<number, string> = { 0: someBdev(random, belief) }
  if (random.chance(0.5)) luns[1] = someBdev(random, belief)
  const name = pickOf(random, targetNames) ?? ""
  return {
    method: "iscsi_create_target_node",
    params: targetParams({ name, luns, queueDepth: random.pick([4, 16, 64]) })
  }
}

const addLun: Choose = (random, belief) => {
  const name = someTarget(random, belief)
  const lun_id = random.pick([0, ...lunIds])
  return { method: "iscsi_target_node_add_lun", params: { name, lun_id, bdev_name: someBdev(random, belief) } }
}

const removeLun: Choose = (random, belief) => {
  const name = someTarget(random, belief)
  const there = pickOf(random, [...(belief.targets.get(name)?.keys() ?? [])])
  return { method: "iscsi_target_node_remove_lun", params: { name, lun_id: there ?? random.pick([0, ...lunIds]) } }
}

const deleteTarget: Choose = (random, belief) => ({
  method: "iscsi_delete_target_node",
  params: { name: someTarget(random, belief) }
})

const changeGroups: Choose = (random) => {
  const tag = pickOf(random, groupTags) ?? 11
  const choice = random.below(4)
  if (choice === 0)
    return { method: "iscsi_create_initiator_group", params: { tag, initiators: ["ANY"], netmasks: ["ANY"] } }
  if (choice === 1) return { method: "iscsi_delete_initiator_group", params: { tag } }
  const portals = [{ host: `127.0.0.${tag}`, port: portPlace }]
  if (choice === 2) return { method: "iscsi_create_portal_group", params: { tag, portals } }
  return { method: "iscsi_delete_portal_group", params: { tag } }
}

const changeMaps: Choose = (random, belief) => {
  const name = someTarget(random, belief)
  const ig_tag = random.pick([1, ...groupTags])
  const pg_tag = random.pick([1, 1, ...groupTags])
  const method = random.chance(0.6) ? "iscsi_target_node_add_pg_ig_maps" : "iscsi_target_node_remove_pg_ig_maps"
  return { method, params: { name, pg_ig_maps: [{ pg_tag, ig_tag }] } }
}

const setLimits: Choose = (random, belief) => {
  const rw_ios_per_sec = random.pick([0, 0, 2000, 10_000])
  return { method: "bdev_set_qos_limit", params: { name: someBdev(random, belief), rw_ios_per_sec } }
}

const resizeNull: Choose = (random) => ({
  method: "bdev_null_resize",
  params: { name: pickOf(random, nullNames), new_size: random.between(2, 6) }
})

const setLogOptions: Choose = (random) => ({
  method: "lunlog_set_log_options",
  params: { slow_io_ms: random.pick([0, 50, 1000]), keep_count: random.pick([1000, 1_000_000]) }
})

const compact: Choose = (random) => ({
  method: "eventlog_compact",
  params: { archive: random.chance(0.5), before: seenPlace }
})

const corruption = { corrupt_offset: corruptOffset, corrupt_value: corruptValue }

const injectError: Choose = (random, belief) => {
  const name = pickOf(
    random,
    belief.free.filter((one) => one.startsWith("EE_"))
  )
  if (name === undefined) return undefined
  const error_type = random.pick(["failure", "pending", "nomem", "corrupt_data"])
  const io_type = random.pick(["all", "read", "write", "flush"])
  const num = random.between(1, 6)
  const params = { name, error_type, io_type, num, ...(error_type === "corrupt_data" ? corruption : {}) }
  return { method: "bdev_error_inject_error", params }
}

/** How often each is chosen, of all. */
const choices: ReadonlyArray<readonly [weight: number, choose: Choose]> = [
  [14, createDisk],
  [10, createStacked],
  [8, deleteBdev],
  [10, createTarget],
  [12, addLun],
  [8, removeLun],
  [4, deleteTarget],
  [6, changeGroups],
  [5, changeMaps],
  [3, setLimits],
  [2, resizeNull],
  [2, setLogOptions],
  [1, compact],
  [8, injectError]
]

/** Each as often as it weighs. */
const weighted = choices.flatMap(([weight, choose]) => Array.from({ length: weight }, () => choose))

/** A request, which is believed to succeed. */
export const chooseRequest = (random: Random, belief: Belief): Action => {
  for (;;) {
    const chosen = pickOf(random, weighted)?.(random, belief)
    if (chosen === undefined) continue
    belief.asked(chosen.method, chosen.params)
    return { do: "rpc", ...chosen }
  }
}

/** What a run begins with, so that its first round has something to work with. */
export const firstRequests = (belief: Belief): ReadonlyArray<Action> => {
  const size = { num_blocks: diskBlocks, block_size: blockBytes }
  const disks: ReadonlyArray<Choice> = [
    { method: "bdev_malloc_create", params: { name: "M0", ...size } },
    { method: "bdev_aio_create", params: { name: "F0", filename: diskPlace("F0"), block_size: blockBytes } },
    { method: "bdev_error_create", params: { base_name: "F0" } }
  ]
  const luns = { 0: "M0", 1: errorName("F0"), 2: "F0" }
  const target = targetParams({ name: targetNames[0] ?? "", luns, queueDepth: 32 })
  const all = [...disks, { method: "iscsi_create_target_node", params: target }]
  for (const { method, params } of all) belief.asked(method, params)
  return all.map((request): Action => ({ do: "rpc", ...request }))
}
