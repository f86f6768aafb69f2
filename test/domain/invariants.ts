/** What holds in every state that commands can lead to. */
import { HashMap, Result } from "effect"
import { assert } from "vitest"
import { baseOf } from "../../src/domain/bdev/bdev-evolve.ts"
import { portalKey } from "../../src/domain/group/PortalGroup.ts"
import { indexCount, type MultiIndex } from "../../src/domain/multi-index.ts"
import { nvmeBdevName } from "../../src/domain/nvme/NvmeController.ts"
import { isAllRegistrants, noKey, registrantKey } from "../../src/domain/reservation/Reservation.ts"
import {
  authGroupsOf,
  bdevsOf,
  detachedBdevsOf,
  findBdev,
  findInitiatorGroup,
  findNvmeController,
  findPortalGroup,
  findTarget,
  initiatorGroupsOf,
  lunsOf,
  nvmeControllersOf,
  portalGroupsOf,
  reservationsOf,
  type State,
  targetsOf
} from "../../src/domain/State.ts"
import { decodeSnapshot, encodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import type { TargetNode } from "../../src/domain/target/TargetNode.ts"

const unique = (what: string, items: ReadonlyArray<unknown>): void =>
  assert.strictEqual(new Set(items).size, items.length, `${what} are unique: ${items.join(", ")}`)

const rows = <V>(index: MultiIndex<V>): unknown =>
  HashMap.toEntries(index)
    .map(([key, row]) => [key, HashMap.toEntries(row).sort(([a], [b]) => (a < b ? -1 : 1))] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))

/** The state through its snapshot; fails if that cannot be read. */
export const throughSnapshot = (state: State): State => {
  const back = decodeSnapshot(encodeSnapshot(state))
  if (Result.isFailure(back)) throw new Error(back.failure)
  return back.success
}

/** One that is back is there; what is to be mapped again is so once. */
const checkDetached = (state: State): void => {
  for (const { attached, luns, name } of detachedBdevsOf(state)) {
    if (attached !== undefined) assert.strictEqual(findBdev(state, name)?.incarnation, attached)
    unique(
      `LUNs of ${name}`,
      luns.map(({ lun, target }) => `${target}/${lun}`)
    )
    assert.isTrue(luns.every(({ target }) => findTarget(state, target) !== undefined))
  }
}

/** Equal states in all that can be asked of them, indexes included. */
export const assertSameState = (a: State, b: State): void => {
  assert.strictEqual(new TextDecoder().decode(encodeSnapshot(a)), new TextDecoder().decode(encodeSnapshot(b)))
  const [left, right] = [a, b].map(({ indexes }) => Object.entries(indexes).map(([name, index]) => [name, rows(index)]))
  assert.deepStrictEqual(left, right)
}

const checkTarget = (state: State, target: TargetNode): void => {
  const luns = lunsOf(target)
  for (const { bdev, phase } of luns) {
    const holder = findBdev(state, bdev.name)
    assert.strictEqual(holder?.incarnation, bdev.incarnation, `the bdev of a LUN of ${target.name} is there`)
    if (holder?.phase._tag === "Removing") assert.strictEqual(phase._tag, "Draining")
  }
  if (target.phase._tag === "Deleting") {
    assert.isTrue(luns.every(({ phase }) => phase._tag === "Draining"))
    assert.isTrue(luns.length > 0 || !target.phase.sessionsClosed, `${target.name} waits for something`)
  }
  for (const { initiatorGroup, luns, portalGroup } of target.pgIgMaps) {
    if (luns !== undefined) {
      assert.isNotEmpty(luns)
      assert.deepStrictEqual(
        [...luns],
        [...new Set(luns)].sort((a, b) => a - b)
      )
    }
    assert.isDefined(findPortalGroup(state, portalGroup))
    assert.isDefined(findInitiatorGroup(state, initiatorGroup))
    assert.isTrue(HashMap.has(target.relativePortIds, portalGroup))
  }
  unique(
    "redirects",
    target.redirects.map(({ portalGroup }) => portalGroup)
  )
  for (const { portalGroup } of target.redirects) {
    assert.isTrue(
      target.pgIgMaps.some((map) => map.portalGroup === portalGroup),
      "a redirect is of a mapped group"
    )
    assert.isFalse(findPortalGroup(state, portalGroup)?.private)
  }
  const ports = [...HashMap.values(target.relativePortIds)]
  unique("relative port ids", ports)
  assert.isTrue(ports.every((port) => port < target.nextRelativePortId))
  unique(
    "maps",
    target.pgIgMaps.map(({ initiatorGroup, portalGroup }) => `${portalGroup}:${initiatorGroup}`)
  )
}

const checkBdevs = (state: State): void => {
  unique(
    "UUIDs",
    bdevsOf(state).map(({ uuid }) => uuid)
  )
  for (const bdev of bdevsOf(state)) {
    const base = baseOf(bdev)
    if (base !== undefined) {
      const below = findBdev(state, base.name)
      assert.strictEqual(below?.incarnation, base.incarnation, `the base of ${bdev.name} is there`)
      if (below?.phase._tag === "Removing") assert.strictEqual(bdev.phase._tag, "Removing")
    }
    if (bdev.phase._tag === "Active") continue
    const holders = indexCount(state.indexes.mappings, bdev.name) + indexCount(state.indexes.dependents, bdev.name)
    assert.isAbove(holders, 0, `${bdev.name} waits for something`)
  }
}

const checkNvme = (state: State): void => {
  const controllers = nvmeControllersOf(state)
  unique(
    "addresses of NVMe controllers",
    controllers.map(({ address }) => address)
  )
  for (const { name, phase, spec } of bdevsOf(state)) {
    if (spec._tag !== "Nvme" || phase._tag !== "Active") continue
    assert.strictEqual(findNvmeController(state, spec.controller)?.address, spec.address, `${name}'s controller`)
    assert.strictEqual(name, nvmeBdevName(spec.controller, spec.namespaceId))
  }
  for (const { address } of controllers) assert.notInclude(state.nvme.skipped, address)
}

const checkReservations = (state: State): void => {
  for (const { bdev, registrations, reservation } of reservationsOf(state)) {
    assert.strictEqual(findBdev(state, bdev.name)?.incarnation, bdev.incarnation, "what is registered with is there")
    assert.isAbove(indexCount(state.indexes.mappings, bdev.name), 0, `${bdev.name} can be reached`)
    const registered = registrations.map(registrantKey)
    unique("registrations", registered)
    for (const { key, relativePort, target } of registrations) {
      assert.notStrictEqual(key, noKey)
      const luns = lunsOf(findTarget(state, target) ?? assert.fail(`${target} is not there`))
      assert.isTrue(
        luns.some((lun) => lun.bdev.name === bdev.name),
        `${target} has ${bdev.name}`
      )
      assert.isAtLeast(relativePort, 1)
    }
    if (reservation === undefined) continue
    const { holder, type } = reservation
    assert.strictEqual(holder === undefined, isAllRegistrants(type))
    if (holder === undefined) assert.isNotEmpty(registered)
    else assert.include(registered, registrantKey(holder), "who holds it is registered")
  }
}

/** Fails with what does not hold. `seq` is that of the last event. */
export const assertInvariants = (state: State, seq: number): void => {
  checkDetached(state)
  unique(
    "portals",
    portalGroupsOf(state).flatMap(({ portals }) => portals.map(portalKey))
  )
  for (const groups of [portalGroupsOf(state), initiatorGroupsOf(state), authGroupsOf(state)]) {
    unique(
      "names of groups",
      groups.flatMap(({ name }) => name ?? [])
    )
  }
  for (const { initiators, netmasks } of initiatorGroupsOf(state)) {
    unique("initiators", initiators)
    unique("netmasks", netmasks)
  }
  for (const { secrets } of authGroupsOf(state)) {
    unique(
      "users",
      secrets.map(({ user }) => user)
    )
  }
  for (const target of targetsOf(state)) checkTarget(state, target)
  checkBdevs(state)
  checkReservations(state)
  checkNvme(state)
  const things = [
    ...authGroupsOf(state),
    ...portalGroupsOf(state),
    ...initiatorGroupsOf(state),
    ...targetsOf(state),
    ...bdevsOf(state)
  ]
  const incarnations = [...things, ...targetsOf(state).flatMap(lunsOf)].map(({ incarnation }) => incarnation)
  unique("incarnations", incarnations)
  assert.isTrue(incarnations.every((incarnation) => incarnation >= 1 && incarnation <= seq))
}
