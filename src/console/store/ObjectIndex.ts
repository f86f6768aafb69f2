/** What there is, found by what it is linked to: made once for each look at the target, from its lists. */

import type { Bdev, Drain, Session, Status, Target } from "../rpc/methods.ts"
import { isRecord } from "../rpc/reader-codec.ts"
import { lunKey } from "./LiveRates.ts"

/** A LUN of a target. */
export interface Lun {
  readonly key: string
  readonly target: string
  readonly alias: string | undefined
  readonly lun: number
  /** Undefined while it drains: it has left the lists then. */
  readonly bdev: string | undefined
  readonly drain: Drain | undefined
}

/** How the device of a bdev is: `up`, `degraded`, `failed`, `detached`. */
export type BdevState = Status["bdevs"][number]

/** Everything by name. */
export interface ObjectIndex {
  readonly luns: ReadonlyArray<Lun>
  readonly lunByKey: ReadonlyMap<string, Lun>
  readonly lunsByTarget: ReadonlyMap<string, ReadonlyArray<Lun>>
  readonly lunsByBdev: ReadonlyMap<string, ReadonlyArray<Lun>>
  readonly targetByName: ReadonlyMap<string, Target>
  readonly bdevByName: ReadonlyMap<string, Bdev>
  readonly bdevStateByName: ReadonlyMap<string, BdevState>
  /** Bdevs that are stacked on one. */
  readonly above: ReadonlyMap<string, ReadonlyArray<string>>
  readonly sessionsByTarget: ReadonlyMap<string, ReadonlyArray<Session>>
}

/** The lists that an index is made of. */
export interface ObjectLists {
  readonly drains: ReadonlyArray<Drain>
  readonly states: ReadonlyArray<BdevState>
  readonly targets: ReadonlyArray<Target>
  readonly bdevs: ReadonlyArray<Bdev>
  readonly sessions: ReadonlyArray<Session>
}

/** Members of `driver_specific` that name the bdev below. */
const baseMembers = ["base_bdev_name", "base_bdev"]

/** The bdev that a bdev is stacked on. */
export const baseOf = ({ driver_specific }: Bdev): string | undefined => {
  if (!isRecord(driver_specific)) return undefined
  for (const driver of Object.values(driver_specific)) {
    if (!isRecord(driver)) continue
    for (const member of baseMembers) {
      const name = driver[member]
      if (typeof name === "string") return name
    }
  }
  return undefined
}

const grouped = <A>(items: Iterable<A>, keyOf: (item: A) => string | undefined): Map<string, Array<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const item of items) {
    const key = keyOf(item)
    if (key === undefined) continue
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

const lunsOf = ({ drains, targets }: ObjectLists): ReadonlyArray<Lun> => {
  const present = targets.flatMap(({ alias_name, luns, name }) =>
    luns.map(
      ({ bdev_name, lun_id }): Lun => ({
        key: lunKey(name, lun_id),
        target: name,
        alias: alias_name,
        lun: lun_id,
        bdev: bdev_name,
        drain: undefined
      })
    )
  )
  const aliases = new Map(targets.map(({ alias_name, name }) => [name, alias_name]))
  const draining = drains.map(
    (drain): Lun => ({
      key: lunKey(drain.target, drain.lun_id),
      target: drain.target,
      alias: aliases.get(drain.target),
      lun: drain.lun_id,
      bdev: undefined,
      drain
    })
  )
  const going = new Set(draining.map(({ key }) => key))
  // A drain that is newer or older than the list of targets would show a LUN twice.
  return [...present.filter(({ key }) => !going.has(key)), ...draining]
}

/** Makes it. */
export const objectIndex = (lists: ObjectLists): ObjectIndex => {
  const { bdevs, sessions, states, targets } = lists
  const luns = lunsOf(lists)
  const aboveBdevs = grouped(bdevs, baseOf)
  return {
    luns,
    lunByKey: new Map(luns.map((lun) => [lun.key, lun])),
    lunsByTarget: grouped(luns, ({ target }) => target),
    lunsByBdev: grouped(luns, ({ bdev }) => bdev),
    targetByName: new Map(targets.map((target) => [target.name, target])),
    bdevByName: new Map(bdevs.map((bdev) => [bdev.name, bdev])),
    bdevStateByName: new Map(states.map((bdev) => [bdev.name, bdev])),
    above: new Map([...aboveBdevs].map(([name, stacked]) => [name, stacked.map((bdev) => bdev.name)])),
    sessionsByTarget: grouped(sessions, ({ target_name }) => (target_name === "" ? undefined : target_name))
  }
}

/** A bdev with what is below it, the topmost first. */
export const stackOf = (index: ObjectIndex, name: string): ReadonlyArray<Bdev> => {
  const stack: Array<Bdev> = []
  let next: string | undefined = name
  while (next !== undefined) {
    const bdev: Bdev | undefined = index.bdevByName.get(next)
    if (bdev === undefined || stack.includes(bdev)) break
    stack.push(bdev)
    next = baseOf(bdev)
  }
  return stack
}
