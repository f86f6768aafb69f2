/** What comes back has what it had, also when a replay began in between. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FiberMap } from "effect"
import { Reattachment } from "../../../src/dataplane/hotplug/Reattachment.ts"
import type { Command } from "../../../src/domain/Command.ts"
import { Seq } from "../../../src/domain/ids.ts"
import { noThings } from "../../../src/domain/replay/Replay.ts"
import { findDetachedBdev, type State } from "../../../src/domain/State.ts"
import { at, bdevName, createBdev, groundwork } from "../../domain/examples.ts"
import { followedBy, historyOf } from "../../domain/specification.ts"

/** Its device is back, and it has its LUNs and limits not yet. */
const attachedState = (): State => {
  const file = { _tag: "Aio", filename: "/srv/a.img", blockSize: 512, readOnly: false, blockCount: 100 } as const
  const vanished: Command = { _tag: "RecordBdevVanished", name: bdevName("a"), incarnation: at(6) }
  const gone = historyOf(...groundwork, createBdev("a", file), vanished)
  const since = findDetachedBdev(gone.state, "a")?.since ?? Seq.make(0)
  return followedBy(gone, { _tag: "AttachBdev", name: bdevName("a"), since }).state
}

const during = (state: State): State => ({
  ...state,
  replay: {
    from: Seq.make(1),
    through: Seq.make(99),
    position: Seq.make(1),
    things: noThings,
    playedCount: 0,
    skippedCount: 0,
    ended: undefined
  }
})

describe("what is attached again", () => {
  it.effect("is asked for once, and again after a replay, which has kept it from being done", () =>
    Effect.gen(function* () {
      const reported: Array<string> = []
      const unused = () => assert.fail("nothing is waited for")
      const reattachment = new Reattachment({
        paths: { watch: unused },
        bdevs: { acquireAgain: unused },
        controlPlane: { dispatchWithLease: unused },
        report: (fact) => Effect.sync(() => void reported.push(fact._tag)),
        observe: unused,
        waiting: yield* FiberMap.make<string>()
      })
      const state = attachedState()
      for (const now of [state, state, during(state), state, state]) yield* reattachment.follow(now)
      assert.deepStrictEqual(reported, ["RestoreAttachedBdev", "RestoreAttachedBdev"])
    })
  )
})
