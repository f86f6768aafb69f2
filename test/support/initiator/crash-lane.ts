/**
 * A lane of the crash rounds: a client that changes objects of its own, one request at a time, and so always knows
 * what the server must hold: the state after its last acknowledged request, or after the one request that got no
 * answer.
 */
import type { RpcParams } from "../rpc-client.ts"
import type { Random } from "./random.ts"

/** What a lane's objects look like in the answers of `bdev_get_bdevs` and `iscsi_get_*`, reduced to what matters. */
export interface LaneState {
  /** Bdev names, sorted. */
  readonly bdevs: ReadonlyArray<string>
  readonly initiators: ReadonlyArray<string> | undefined
  readonly portals: ReadonlyArray<string> | undefined
  readonly target: LaneTarget | undefined
}

/** The lane's target node. */
export interface LaneTarget {
  /** `lun:bdev`, sorted. */
  readonly luns: ReadonlyArray<string>
  /** Whether the lane's groups are mapped to each other. */
  readonly mapped: boolean
}

/** A lane before its first request. */
export const emptyLane: LaneState = { bdevs: [], initiators: undefined, portals: undefined, target: undefined }

/** A request and what it makes of the lane. */
export interface LaneStep {
  readonly method: string
  readonly params: RpcParams
  readonly after: LaneState
}

/** Names and addresses of a lane. */
export interface LaneNames {
  readonly tag: number
  readonly host: string
  readonly port: number
  readonly target: string
  readonly bdev: (index: number) => string
}

/** Lane `index` (from 0); its portal is on a loopback address of its own. */
export const laneNames = (index: number, port: number): LaneNames => ({
  tag: 100 + index,
  host: `127.0.0.${20 + index}`,
  port,
  target: `iqn.2016-06.io.spdk:lane-${index}`,
  bdev: (number) => `Lane${index}_${number}`
})

const bdevsMax = 4
const without = (list: ReadonlyArray<string>, item: string): ReadonlyArray<string> => list.filter((one) => one !== item)
const withItem = (list: ReadonlyArray<string>, item: string): ReadonlyArray<string> => [...list, item].sort()
const ending = (bdev: string) => (lun: string) => lun.split(":")[1] !== bdev

const bdevSteps = (names: LaneNames, state: LaneState): Array<LaneStep> => {
  const steps: Array<LaneStep> = []
  for (let index = 0; index < bdevsMax; index++) {
    const name = names.bdev(index)
    if (state.bdevs.includes(name)) {
      const target = state.target && { ...state.target, luns: state.target.luns.filter(ending(name)) }
      const after = { ...state, bdevs: without(state.bdevs, name), target }
      steps.push({ method: "bdev_malloc_delete", params: { name }, after })
    } else {
      const params = { name, num_blocks: 256, block_size: 512 }
      steps.push({ method: "bdev_malloc_create", params, after: { ...state, bdevs: withItem(state.bdevs, name) } })
    }
  }
  return steps
}

const unmapped = (target: LaneTarget | undefined): LaneTarget | undefined => target && { ...target, mapped: false }

const groupSteps = (names: LaneNames, state: LaneState): Array<LaneStep> => {
  const { tag, host, port } = names
  const steps: Array<LaneStep> = []
  const target = unmapped(state.target)
  if (state.initiators === undefined) {
    const params = { tag, initiators: ["ANY"], netmasks: ["127.0.0.0/8"] }
    steps.push({ method: "iscsi_create_initiator_group", params, after: { ...state, initiators: ["ANY"] } })
  } else {
    const after = { ...state, initiators: undefined, target }
    steps.push({ method: "iscsi_delete_initiator_group", params: { tag }, after })
    const name = `iqn.2024-01.test.lunlog:host-${state.initiators.length}`
    if (state.initiators.length < 5) {
      const params = { tag, initiators: [name] }
      const grown = { ...state, initiators: [...state.initiators, name] }
      steps.push({ method: "iscsi_initiator_group_add_initiators", params, after: grown })
    }
  }
  if (state.portals === undefined) {
    const params = { tag, portals: [{ host, port: String(port) }] }
    steps.push({ method: "iscsi_create_portal_group", params, after: { ...state, portals: [`${host}:${port}`] } })
  } else {
    const after = { ...state, portals: undefined, target }
    steps.push({ method: "iscsi_delete_portal_group", params: { tag }, after })
  }
  return steps
}

const createTarget = (names: LaneNames, state: LaneState): Array<LaneStep> => {
  if (state.bdevs.length === 0 || state.initiators === undefined || state.portals === undefined) return []
  const luns = state.bdevs.slice(0, 2)
  const params = {
    name: names.target,
    alias_name: "lane",
    pg_ig_maps: [{ pg_tag: names.tag, ig_tag: names.tag }],
    luns: luns.map((bdev, lun) => ({ bdev_name: bdev, lun_id: lun })),
    queue_depth: 16,
    disable_chap: true
  }
  const target = { luns: luns.map((bdev, lun) => `${lun}:${bdev}`), mapped: true }
  return [{ method: "iscsi_create_target_node", params, after: { ...state, target } }]
}

const targetSteps = (names: LaneNames, state: LaneState): Array<LaneStep> => {
  const { target } = state
  if (target === undefined) return createTarget(names, state)
  const name = names.target
  const steps: Array<LaneStep> = [
    { method: "iscsi_delete_target_node", params: { name }, after: { ...state, target: undefined } }
  ]
  for (const entry of target.luns) {
    const after = { ...state, target: { ...target, luns: without(target.luns, entry) } }
    const params = { name, lun_id: Number(entry.split(":")[0]) }
    steps.push({ method: "iscsi_target_node_remove_lun", params, after })
  }
  const free = [0, 1, 2, 3].find((lun) => !target.luns.some((entry) => entry.startsWith(`${lun}:`)))
  const bdev = state.bdevs.at(-1)
  if (free !== undefined && bdev !== undefined) {
    const after = { ...state, target: { ...target, luns: withItem(target.luns, `${free}:${bdev}`) } }
    const params = { name, bdev_name: bdev, lun_id: free }
    steps.push({ method: "iscsi_target_node_add_lun", params, after })
  }
  if (!target.mapped && state.initiators !== undefined && state.portals !== undefined) {
    const params = { name, pg_ig_maps: [{ pg_tag: names.tag, ig_tag: names.tag }] }
    const after = { ...state, target: { ...target, mapped: true } }
    steps.push({ method: "iscsi_target_node_add_pg_ig_maps", params, after })
  }
  return steps
}

/** A valid next request; targets come up as often as all else together, because most can go half wrong there. */
export const nextStep = (names: LaneNames, state: LaneState, random: Random): LaneStep => {
  const others = [...bdevSteps(names, state), ...groupSteps(names, state)]
  const onTarget = targetSteps(names, state)
  const choices = onTarget.length > 0 && random.chance(0.5) ? onTarget : others
  const step = choices[random.below(choices.length)]
  if (step === undefined) throw new Error("a lane always has something to do")
  return step
}
