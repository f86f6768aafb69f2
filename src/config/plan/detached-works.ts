/**
 * Plans with disks whose device is away: they count as running, so that nothing is made or removed for it, and what a
 * file leaves as it was stays as it was. What would change one of them cannot be done before it is back.
 */

import { detachedOn } from "../../domain/bdev/bdev-detached-evolve.ts"
import type { DetachedBdev } from "../../domain/bdev/DetachedBdev.ts"
import type { Command } from "../../domain/Command.ts"
import { iscsiNameKey } from "../../domain/ids.ts"
import { detachedBdevsOf, type State } from "../../domain/State.ts"
import type { Conflict, Work } from "./stages.ts"

/** Commands that can be carried out, and why others cannot. */
interface Sorted {
  readonly works: ReadonlyArray<Work>
  readonly conflicts: ReadonlyArray<Conflict>
}

/** What people are told of one that is away. */
export const detachedText = ({ detail, name }: DetachedBdev): string =>
  `bdev ${name} is detached${detail === undefined ? "" : `: ${detail}`}`

/** Names of bdevs that a command needs. */
const neededBy = (command: Command): ReadonlyArray<string> => {
  switch (command._tag) {
    case "AddLun":
      return [command.bdev]
    case "CreateTargetNode":
      return command.luns.map(({ bdev }) => bdev)
    case "CreateBdev":
      return "base" in command.bdev ? [command.bdev.base] : []
    case "SetBdevQos":
    case "SetBdevHistogram":
    case "SetBdevLatencies":
      return [command.name]
    default:
      return []
  }
}

const lunKey = (target: string, lun: number): string => `${iscsiNameKey(target)}/${lun}`

/** With all that is stacked on it. */
const forget = (state: State, away: Map<string, DetachedBdev>, name: string): void => {
  away.delete(name)
  for (const above of detachedOn(state, name)) forget(state, away, above.name)
}

/** `works` in their order, decided as if everything were there. */
export const sortOutDetached = (state: State, works: ReadonlyArray<Work>): Sorted => {
  const detached = detachedBdevsOf(state).filter(({ attached }) => attached === undefined)
  if (detached.length === 0) return { works, conflicts: [] }
  const away = new Map<string, DetachedBdev>(detached.map((one) => [one.name, one]))
  const deleted = new Set(works.flatMap(({ command }) => (command._tag === "DeleteBdev" ? [command.name] : [])))
  const lunsOf = new Map(detached.flatMap((one) => one.luns.map(({ lun, target }) => [lunKey(target, lun), one])))
  const kept: Array<Work> = []
  const conflicts: Array<Conflict> = []
  const refuse = (one: DetachedBdev, { path }: Work): void => {
    const message = `${detachedText(one)}; apply again when it is back, or delete it (lunlog bdev delete ${one.name})`
    conflicts.push({ path, message })
  }
  for (const work of works) {
    const { command } = work
    const lunOf = command._tag === "RemoveLun" ? lunsOf.get(lunKey(command.target, command.lun)) : undefined
    // It goes with its bdev, which is forgotten.
    if (lunOf !== undefined && deleted.has(lunOf.name)) continue
    const missing = lunOf ?? neededBy(command).flatMap((name) => away.get(name) ?? [])[0]
    if (missing !== undefined) refuse(missing, work)
    else kept.push(work)
    if (command._tag === "DeleteBdev") forget(state, away, command.name)
    if (command._tag === "CreateBdev" && command.name !== undefined) forget(state, away, command.name)
  }
  return { works: kept, conflicts }
}
