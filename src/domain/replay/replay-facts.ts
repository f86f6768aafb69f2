/**
 * Facts of the data plane while a replay is on: what the source has found out is in its record, and is taken from
 * there.
 */
import type { Command } from "../Command.ts"
import { findBdev, findLun, findTarget, type State } from "../State.ts"
import { isOfTheRecord, openReplay } from "./Replay.ts"

const isAwaited = (state: State, fact: Command): boolean => {
  switch (fact._tag) {
    case "RecordLunDrained": {
      const target = findTarget(state, fact.target)
      const mapping = target === undefined ? undefined : findLun(target, fact.lun)
      return mapping?.incarnation === fact.incarnation && mapping.phase._tag === "Draining"
    }
    case "RecordTargetSessionsClosed": {
      const target = findTarget(state, fact.target)
      return (
        target?.incarnation === fact.incarnation && target.phase._tag === "Deleting" && !target.phase.sessionsClosed
      )
    }
    case "RecordBdevResized":
    case "RecordBdevVanished": {
      const bdev = findBdev(state, fact.name)
      return bdev?.incarnation === fact.incarnation && bdev.phase._tag === "Active"
    }
    default:
      return false
  }
}

/**
 * Whether a fact is about something of the source, to which the record may still say what became of it. False as soon
 * as the record has, the thing is gone, or the replay is over.
 */
export const awaitsRecord = (state: State, fact: Command): boolean => {
  const replay = openReplay(state)
  if (replay === undefined || !("incarnation" in fact)) return false
  return isOfTheRecord(state, replay, fact.incarnation) && isAwaited(state, fact)
}
