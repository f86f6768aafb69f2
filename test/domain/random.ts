/**
 * Seeded random commands and events over few names and numbers, so that they meet: what a generator that draws
 * from all values never does.
 */
import { defaultHistogram, noQos } from "../../src/domain/bdev/Bdev.ts"
import type { Command } from "../../src/domain/Command.ts"
import type { Event } from "../../src/domain/Event.ts"
import { InitiatorPattern, Netmask } from "../../src/domain/group/InitiatorGroup.ts"
import { GroupName, type Incarnation, RelativePortId, Uuid } from "../../src/domain/ids.ts"
import { defaultIscsiOptions, noAuth } from "../../src/domain/options/IscsiOptions.ts"
import {
  activeBdevsOf,
  findBdev,
  findLun,
  findTarget,
  initiatorGroupsOf,
  portalGroupsOf,
  type State
} from "../../src/domain/State.ts"
import type { MapAccess } from "../../src/domain/target/TargetNode.ts"
import { at, bdevName, disk1, disk2, igTag, instanceId, lunId, malloc, pgTag, startEpoch } from "./examples.ts"
import { authCommand, authEvent } from "./random-auth.ts"
import { bdevs, nbdRequest, nbdServers, randomBdev } from "./random-bdevs.ts"
import { nvmeCommands, nvmeEvent } from "./random-nvme.ts"
import { rareCommands } from "./random-rare.ts"
import { reservationCommand, reservationEvent } from "./random-reservations.ts"

export interface Dice {
  /** 0 to `sides` - 1. */
  readonly roll: (sides: number) => number
  readonly pick: <A>(items: readonly [A, ...ReadonlyArray<A>]) => A
  readonly some: <A>(make: () => A) => ReadonlyArray<A>
}

/** Mulberry32. */
export const diceOf = (seed: number): Dice => {
  let state = seed >>> 0
  const roll = (sides: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides
  }
  return {
    roll,
    pick: (items) => items[roll(items.length)] ?? items[0],
    some: (make) => Array.from({ length: roll(4) }, make)
  }
}

const targets = [disk1, disk2] as const
const hosts = ["127.0.0.1", "127.0.0.2", "[::1]", "[0::1]", "*"] as const
const initiators = ["ANY", "!ANY", "iqn.2020-01.org.ex:a", "!iqn.2020-01.org.ex:a"] as const
const netmasks = ["ANY", "10.0.0.0/8", "[fd00::]/64"] as const
const uuids = ["6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11", "7d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11"] as const

const groupKinds = ["portal", "initiator", "auth"] as const
const groupNames = ["front", "back", "7a"] as const

/** Few names, so that they meet. */
const maybeNamed = ({ pick, roll }: Dice) => (roll(3) === 0 ? { name: pick(groupNames) } : {})

/** Mostly what a map gives if nothing is said: a list of LUNs that is wrong spoils a whole command. */
const randomAccess = ({ roll }: Dice) => {
  const kind = roll(20)
  if (kind > 9) return {}
  const readOnly = roll(2) === 0
  return kind === 0 ? { luns: [], readOnly } : { ...(kind < 6 ? { luns: [roll(3), 3] } : {}), readOnly }
}

/** Mostly one that is there: what is not is refused, and leads nowhere. */
export const presentOr = <A>({ roll }: Dice, present: ReadonlyArray<A>, other: A): A =>
  roll(4) === 0 ? other : (present[roll(Math.max(1, present.length))] ?? other)

const randomMap = (dice: Dice, state: State) => ({
  portalGroup: presentOr<number>(
    dice,
    portalGroupsOf(state).map(({ tag }) => tag),
    1 + dice.roll(2)
  ),
  initiatorGroup: presentOr<number>(
    dice,
    initiatorGroupsOf(state).map(({ tag }) => tag),
    1 + dice.roll(2)
  ),
  ...randomAccess(dice)
})

const randomMaps = (dice: Dice, state: State) => dice.some(() => randomMap(dice, state))

const groupCommands = (dice: Dice): Command => {
  const { pick, roll, some } = dice
  const members = {
    tag: 1 + roll(2),
    initiators: [pick(initiators), ...some(() => pick(initiators))],
    netmasks: [pick(netmasks), ...some(() => pick(netmasks))]
  }
  return pick<Command>([
    {
      _tag: "CreatePortalGroup",
      tag: 1 + roll(2),
      ...maybeNamed(dice),
      portals: some(() => ({ host: pick(hosts), port: 3260 + roll(2) })),
      private: roll(2) === 0,
      wait: roll(2) === 0
    },
    { _tag: "StartPortalGroup", tag: 1 + roll(2) },
    { _tag: "DeletePortalGroup", tag: 1 + roll(2) },
    { _tag: "CreateInitiatorGroup", ...members, ...maybeNamed(dice) },
    { _tag: "NameGroup", kind: pick(groupKinds), tag: 1 + roll(2), ...maybeNamed(dice) },
    { _tag: "CreateInitiatorGroup", tag: 1 + roll(2), initiators: ["ANY"], netmasks: ["ANY"] },
    { _tag: "AddInitiatorGroupMembers", tag: members.tag, initiators: [pick(initiators)], netmasks: [] },
    { _tag: "RemoveInitiatorGroupMembers", tag: members.tag, initiators: [pick(initiators)], netmasks: [] },
    { _tag: "DeleteInitiatorGroup", tag: 1 + roll(2) }
  ])
}

/** Mostly the right one: a fact about something that is not there is hardly worth a try. */
const incarnationOf = ({ roll }: Dice, thing: { readonly incarnation: Incarnation } | undefined, seq: number) =>
  thing === undefined || roll(4) === 0 ? at(roll(seq + 1)) : thing.incarnation

const targetCommands = (dice: Dice, state: State, seq: number): Command => {
  const { pick, roll, some } = dice
  const target = pick(targets)
  const node = findTarget(state, target)
  const lun = lunId(roll(4))
  const mapping = node === undefined ? undefined : findLun(node, lun)
  const present = activeBdevsOf(state).map(({ name }) => name)
  const someBdev = () => presentOr<string>(dice, present, pick(bdevs))
  const drained = { drained: roll(9), aborted: roll(3), durationMillis: roll(99) }
  return pick<Command>([
    {
      _tag: "CreateTargetNode",
      name: pick(targets),
      alias: "",
      maps: randomMaps(dice, state),
      luns: some(() => ({ bdev: someBdev(), lun: roll(4) })),
      queueDepth: roll(80),
      auth: noAuth,
      headerDigest: false,
      dataDigest: roll(2) === 0,
      requireLunZero: roll(3) === 0
    },
    { _tag: "DeleteTargetNode", target },
    { _tag: "AddLun", target, bdev: someBdev() },
    { _tag: "AddLun", target, bdev: someBdev(), lun: roll(4) },
    { _tag: "RemoveLun", target, lun: roll(4) },
    { _tag: "AddPgIgMaps", target, maps: randomMaps(dice, state) },
    { _tag: "RemovePgIgMaps", target, maps: randomMaps(dice, state) },
    { _tag: "SetTargetNodeMapAccess", target, ...randomMap(dice, state) },
    { _tag: "SetTargetNodeHistogram", target, enabled: roll(2) === 0 },
    { _tag: "RecordLunDrained", target, lun, incarnation: incarnationOf(dice, mapping, seq), ...drained },
    {
      _tag: "RecordTargetSessionsClosed",
      target,
      incarnation: incarnationOf(dice, node, seq),
      closed: roll(9),
      cut: roll(3)
    }
  ])
}

const bdevCommands = (dice: Dice, state: State, seq: number): Command => {
  const { pick, roll } = dice
  const bdev = randomBdev(dice)
  const name = pick(bdevs)
  const fact = { name: bdevName(name), incarnation: incarnationOf(dice, findBdev(state, name), seq) }
  return pick<Command>([
    { _tag: "CreateBdev", bdev },
    { _tag: "CreateBdev", name, bdev },
    { _tag: "CreateBdev", name, uuid: pick(uuids), bdev },
    { _tag: "DeleteBdev", name },
    { _tag: "SplitBdev", base: name, parts: roll(4), partMebibytes: roll(2) },
    { _tag: "UnsplitBdev", base: name },
    { _tag: "ResetOverlayBdev", name },
    { _tag: "ResizeNullBdev", name, byteLength: roll(6) * 4096 },
    { _tag: "SetBdevQos", name, readWriteIops: roll(3) * 500, readMiBPerSecond: roll(2) },
    { _tag: "SetBdevHistogram", name, histogram: { ...defaultHistogram, granularity: roll(16) } },
    { _tag: "SetBdevHistogram", name },
    { _tag: "SetBdevLatencies", name, averageReadMicros: roll(50) },
    { _tag: "SetBdevLatencies", name, p99WriteMicros: roll(50), averageWriteMicros: roll(50) },
    { _tag: "RecordBdevResized", ...fact, blockCount: roll(20) },
    { _tag: "RescanAioBdev", ...fact, blockCount: roll(20) },
    { _tag: "RecordBdevContentLoaded", ...fact },
    { _tag: "RecordBdevVanished", ...fact }
  ])
}

/** As if of a log that ended at `sourceSeq`: a fork only if nothing has started since. */
export const forked = (sourceSeq: number) => ({
  sourceInstanceId: instanceId,
  sourceSeq,
  sourceControlHash: "a".repeat(64),
  sourceAt: 1,
  mapping: {
    instanceId: Uuid.make(uuids[0]),
    identity: { _tag: "New" as const, suffix: "-fork" },
    portals: { _tag: "Offset" as const, by: 1 },
    redirects: [],
    fileDirectory: "/fork"
  },
  data: "empty" as const
})

const randomSetting = ({ pick, roll }: Dice) => {
  const setting = pick<{ readonly method: string; readonly object: string }>([
    { method: "sock_impl_set_options", object: "posix" },
    { method: "sock_impl_set_options", object: "ssl" },
    { method: "keyring_linux_set_options", object: "" }
  ])
  return { ...setting, params: `{"enable":${roll(2) === 0}}` }
}

const randomConfig = ({ pick, roll, some }: Dice) => ({
  name: "disks.yaml",
  fileHash: pick(["a", "b"]).repeat(64),
  desired: some(() => ({ type: "PortalGroupStarted", v: 1, payload: `{"tag":${roll(3)}}` }))
})

/** Takes something away that others need. */
const isRemoval = ({ _tag }: Command): boolean => _tag.startsWith("Delete") || _tag === "RecordBdevVanished"

/**
 * A command that may well be refused; facts name incarnations up to `seq`. What removes is drawn less often: else
 * nothing stays for long enough to be built on.
 */
export const randomCommand = (dice: Dice, state: State, seq: number): Command => {
  const [first, ...others] = rareCommands(state)
  if (first !== undefined && dice.roll(8) === 0) return dice.pick([first, ...others])
  const command = anyCommand(dice, state, seq)
  return isRemoval(command) && dice.roll(4) > 0 ? anyCommand(dice, state, seq) : command
}

const optionsCommand = (number: number): Command =>
  number < 60
    ? { _tag: "SetIscsiOptions", options: { ...defaultIscsiOptions, nopTimeout: number } }
    : { _tag: "SetLogOptions", options: { slowIoMillis: number, observationsMax: number - 60 } }

const anyCommand = (dice: Dice, state: State, seq: number): Command => {
  if (dice.roll(100) === 0) return startEpoch(dice.roll(4) === 0 ? "empty" : "resume")
  if (dice.roll(200) === 0) return { _tag: "RecordForked", ...forked(dice.roll(seq + 1)) }
  const family = dice.roll(41)
  if (family === 40) return nvmeCommands(dice, state)
  if (family === 1) return optionsCommand(dice.roll(90))
  if (family === 2) {
    const { params, ...named } = randomSetting(dice)
    return dice.roll(3) === 0
      ? { _tag: "RemoveInertSetting", ...named }
      : { _tag: "RecordInertSetting", ...named, params }
  }
  if (family === 3) {
    const { desired: takenDown, name } = randomConfig(dice)
    if (dice.roll(2) === 0) return { _tag: "RecordConfigTakenDown", name, takenDown }
    return { _tag: "RecordConfigApplied", ...randomConfig(dice), takenDown, hasChanged: dice.roll(2) === 0 }
  }
  if (family > 33) return authCommand(dice, state)
  if (family === 4 || family === 5) return reservationCommand(dice, state)
  if (family < 12) return groupCommands(dice)
  return family < 24 ? targetCommands(dice, state, seq) : bdevCommands(dice, state, seq)
}

const groupEvents = ({ pick, roll, some }: Dice, seq: number): Event => {
  const incarnation = at(roll(seq + 1))
  const members = {
    tag: igTag(1 + roll(2)),
    initiators: some(() => InitiatorPattern.make(pick(initiators))),
    netmasks: some(() => Netmask.make(pick(netmasks)))
  }
  const tag = pgTag(1 + roll(3))
  return pick<Event>([
    {
      _tag: "PortalGroupCreated",
      tag,
      name: GroupName.make(pick(groupNames)),
      portals: some(() => ({ host: pick(hosts), port: 3260 })),
      private: false,
      wait: true
    },
    { _tag: "PortalGroupStarted", tag },
    { _tag: "PortalGroupDeleted", tag, incarnation },
    { _tag: "InitiatorGroupCreated", ...members, name: GroupName.make(pick(groupNames)) },
    { _tag: "GroupNamed", kind: pick(groupKinds), tag, name: GroupName.make(pick(groupNames)) },
    { _tag: "GroupNamed", kind: pick(groupKinds), tag },
    { _tag: "InitiatorGroupMembersAdded", ...members },
    { _tag: "InitiatorGroupMembersRemoved", ...members },
    { _tag: "InitiatorGroupDeleted", tag: members.tag, incarnation }
  ])
}

const targetEvents = ({ pick, roll, some }: Dice, seq: number): Event => {
  const target = pick(targets)
  const ref = { target, incarnation: at(roll(seq + 1)) }
  const lun = lunId(roll(3))
  const map = () => ({
    portalGroup: pgTag(1 + roll(3)),
    initiatorGroup: igTag(1 + roll(2)),
    ...pick<MapAccess>([{}, { luns: [lunId(roll(3))] }, { readOnly: true }])
  })
  const maps = some(map)
  const ports = some(() => ({ portalGroup: pgTag(1 + roll(3)), relativePortId: RelativePortId.make(1 + roll(5)) }))
  const attributes = { alias: "", queueDepth: 8, auth: noAuth, headerDigest: false, dataDigest: false }
  return pick<Event>([
    { _tag: "TargetNodeCreated", name: target, ...attributes },
    { _tag: "TargetNodeMapsAdded", target, maps, ports },
    { _tag: "TargetNodeMapsRemoved", target, maps, cause: "requested" },
    { _tag: "TargetNodeMapAccessSet", target, ...map() },
    { _tag: "LunAdded", target, lun, bdev: { name: bdevName(pick(bdevs)), incarnation: at(roll(seq + 1)) } },
    { _tag: "LunRemovalStarted", ...ref, lun, cause: "requested" },
    { _tag: "LunRemoved", ...ref, lun, cause: "boot", drained: 0, aborted: 0, durationMillis: 0 },
    { _tag: "TargetNodeDeletionStarted", ...ref },
    { _tag: "TargetNodeSessionsClosed", ...ref, closed: 0, cut: 0 },
    { _tag: "TargetNodeHistogramSet", target, enabled: roll(2) === 0 },
    { _tag: "TargetNodeDeleted", ...ref }
  ])
}

const randomLatencies = (roll: Dice["roll"]) => ({
  averageReadMicros: roll(50),
  p99ReadMicros: roll(50),
  averageWriteMicros: roll(50),
  p99WriteMicros: roll(50)
})

const bdevEvents = ({ pick, roll }: Dice, seq: number): Event => {
  const name = bdevName(pick(bdevs))
  const incarnation = at(roll(seq + 1))
  const base = { name: bdevName(pick(bdevs)), incarnation: at(roll(seq + 1)) }
  const identity = { name, uuid: Uuid.make(pick(uuids)), uuidExplicit: true }
  return pick<Event>([
    { _tag: "BdevCreated", ...identity, spec: { _tag: "Null", blockCount: 1, blockSize: 512, physicalBlockSize: 512 } },
    { _tag: "BdevCreated", ...identity, spec: { ...malloc, physicalBlockSize: 512 }, autoNumber: roll(9) },
    { _tag: "BdevCreated", ...identity, spec: { ...malloc, physicalBlockSize: 512, filename: "/f" } },
    { _tag: "BdevCreated", ...identity, spec: { _tag: "Error", base } },
    {
      _tag: "BdevCreated",
      ...identity,
      spec: { _tag: "Aio", filename: "f", blockCount: 0, blockSize: 1, readOnly: true, removable: true }
    },
    {
      _tag: "BdevCreated",
      ...identity,
      spec: { ...nbdRequest, server: pick(nbdServers), tls: { ca: "/ca.pem" }, connections: 4, blockCount: 8 }
    },
    { _tag: "BdevRemovalStarted", name, incarnation, cause: "requested" },
    { _tag: "BdevRemovalStarted", name, incarnation, cause: "vanished", detail: "/dev/sdb is gone" },
    { _tag: "BdevContentLoaded", name, incarnation },
    { _tag: "BdevResized", name, incarnation, blockCount: roll(99) },
    { _tag: "BdevQosSet", name, incarnation, qos: { ...noQos, writeMiBPerSecond: roll(3) } },
    { _tag: "BdevLatenciesSet", name, incarnation, latencies: randomLatencies(roll) },
    { _tag: "BdevHistogramSet", name, incarnation, ...(roll(2) === 0 ? {} : { histogram: defaultHistogram }) },
    { _tag: "BdevRemovalStarted", name, incarnation, cause: "vanished", detached: true },
    { _tag: "BdevCreated", ...identity, spec: { _tag: "Error", base }, attached: true },
    { _tag: "BdevReattached", name, incarnation },
    { _tag: "BdevForgotten", name },
    { _tag: "BdevRemoved", name, incarnation }
  ])
}

const replayEvent = ({ pick, roll }: Dice, seq: number): Event => {
  const created = [{ source: roll(seq + 9), back: roll(9) }]
  const counts = { playedCount: roll(3), skippedCount: 0, skipped: [] }
  return pick<Event>([
    { _tag: "ReplayStarted", from: roll(seq + 1), through: seq + roll(9) },
    { _tag: "RecordsReplayed", through: roll(seq + 9), ...counts, created, gone: [roll(seq + 9)] },
    { _tag: "RecordsReplayed", through: roll(seq + 9), ...counts, created: [...created, ...created], gone: [] },
    { _tag: "ReplayEnded", cause: "stopped" }
  ])
}

/** An event that no `decide` has seen: it may refer to anything, and contradict what was before. */
export const randomEvent = (dice: Dice, seq: number): Event => {
  const family = dice.roll(32)
  if (family === 31) return nvmeEvent(dice, seq)
  if (family === 30) return replayEvent(dice, seq)
  if (family === 0) {
    if (dice.roll(4) === 0) return { _tag: "Forked", ...forked(dice.roll(seq + 1)) }
    const mode = dice.roll(2) === 0 ? "empty" : "resume"
    return { _tag: "EpochStarted", epoch: dice.roll(5), mode, instanceId, version: "0" }
  }
  if (family === 1) {
    const { params, ...named } = randomSetting(dice)
    return dice.roll(3) === 0
      ? { _tag: "InertSettingRemoved", ...named }
      : { _tag: "InertSettingRecorded", ...named, params }
  }
  if (family === 2) {
    const { desired } = randomConfig(dice)
    return { _tag: "ConfigDesiredPart", index: dice.roll(3), desired }
  }
  if (family === 3) {
    const { desired } = randomConfig(dice)
    if (dice.roll(3) === 0) return { _tag: "ConfigTakenDown", desired, parts: dice.roll(3) }
    return { _tag: "ConfigApplied", ...randomConfig(dice), parts: dice.roll(3) }
  }
  if (family > 26) return authEvent(dice, seq)
  if (family === 4) return reservationEvent(dice, seq)
  if (family < 9) return groupEvents(dice, seq)
  return family < 20 ? targetEvents(dice, seq) : bdevEvents(dice, seq)
}
