/** The rules of bdevs that are parts of another: how a base is cut, and that all its parts agree about it. */
import { Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { AlreadyExists, NotFound } from "../DomainError.ts"
import { type Decision, draftOn, record } from "../decision.ts"
import { findBdev, type State } from "../State.ts"
import { decideBdevRemoval } from "../target/lun-removal.ts"
import { decideCreateBdev, requireBdev } from "./bdev-decide.ts"
import { detachedOn } from "./bdev-detached-evolve.ts"
import { geometryOf } from "./bdev-geometry.ts"
import { blocksPerPart, partNameOf, partsOf } from "./split-parts.ts"

/** As many parts as fit; none is left over if the base has more room. */
export const decideSplitBdev = (state: State, command: CommandOf<"SplitBdev">): Decision =>
  Result.gen(function* () {
    const { partMebibytes, parts } = command
    const base = yield* requireBdev(state, command.base)
    const object = `bdev ${base.name}`
    const [holder] = partsOf(state, base.name)
    if (holder !== undefined) {
      const hint = "bdev_split_delete takes all its parts away"
      return yield* Result.fail(new AlreadyExists({ object, reason: "is split already", hint }))
    }
    const geometry = geometryOf(state, base)
    const partBlocks = yield* blocksPerPart(object, geometry, parts, partMebibytes)
    const fitting = partBlocks === 0 ? parts : Math.min(parts, Math.floor((geometry?.blockCount ?? 0) / partBlocks))
    const draft = draftOn(state)
    for (let part = 0; part < fitting; part++) {
      const bdev = { _tag: "Split" as const, base: base.name, part, parts, partMebibytes }
      const create = { _tag: "CreateBdev" as const, name: partNameOf(base.name, part), bdev }
      for (const event of yield* decideCreateBdev(draft.state, create)) record(draft, event)
    }
    return draft.events
  })

/** Their LUNs and stacks drain together; parts that are detached are forgotten. */
export const decideUnsplitBdev = (state: State, command: CommandOf<"UnsplitBdev">): Decision =>
  Result.gen(function* () {
    const { name } = yield* requireBdev(state, command.base)
    const draft = draftOn(state)
    for (const { name: part } of partsOf(state, name)) {
      const bdev = findBdev(draft.state, part)
      if (bdev === undefined) continue
      for (const event of decideBdevRemoval(draft.state, bdev, "requested")) record(draft, event)
    }
    for (const away of detachedOn(state, name)) {
      if (away.spec._tag === "Split") record(draft, { _tag: "BdevForgotten", name: away.name })
    }
    if (draft.events.length > 0) return draft.events
    return yield* Result.fail(
      new NotFound({ object: `bdev ${name}`, reason: "is not split", hint: "lunlog bdev list shows its parts, if any" })
    )
  })
