/** Random commands for bdevs whose device has gone. */
import type { Command } from "../../src/domain/Command.ts"
import { Seq } from "../../src/domain/ids.ts"
import { detachedBdevsOf, type State } from "../../src/domain/State.ts"

/** So that most of those that go come back. */
export const detachedCommands = (state: State): ReadonlyArray<Command> =>
  detachedBdevsOf(state).flatMap(({ attached, name, since }): ReadonlyArray<Command> => {
    const back: Command =
      attached === undefined
        ? { _tag: "AttachBdev", name, since, blockCount: 7 }
        : { _tag: "RestoreAttachedBdev", name, incarnation: attached }
    return [back, back, { _tag: "AttachBdev", name, since: Seq.make(1) }, { _tag: "DeleteBdev", name }]
  })
