/** Commands for what is rarely there: bdevs whose device has gone, overlays. */
import type { Command } from "../../src/domain/Command.ts"
import { Seq } from "../../src/domain/ids.ts"
import { activeBdevsOf, detachedBdevsOf, type State } from "../../src/domain/State.ts"

/** So that most of those that go come back. */
const detachedCommands = (state: State): ReadonlyArray<Command> =>
  detachedBdevsOf(state).flatMap(({ attached, name, since }): ReadonlyArray<Command> => {
    const back: Command =
      attached === undefined
        ? { _tag: "AttachBdev", name, since, blockCount: 7 }
        : { _tag: "RestoreAttachedBdev", name, incarnation: attached }
    return [back, back, { _tag: "AttachBdev", name, since: Seq.make(1) }, { _tag: "DeleteBdev", name }]
  })

/** None in most states. */
export const rareCommands = (state: State): ReadonlyArray<Command> => [
  ...detachedCommands(state),
  ...activeBdevsOf(state).flatMap(({ name, spec }): ReadonlyArray<Command> => {
    return spec._tag === "Overlay" ? [{ _tag: "ResetOverlayBdev", name }] : []
  })
]
