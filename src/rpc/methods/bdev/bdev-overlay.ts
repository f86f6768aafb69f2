/** `lunlog_overlay_*`: what another bdev holds, with changes kept elsewhere, that can be forgotten in a moment. */
import { resolve } from "node:path"
import { Effect, Schema } from "effect"
import type { Bdev } from "../../../domain/bdev/Bdev.ts"
import { requireBdev } from "../../../domain/bdev/bdev-decide.ts"
import { ControlPlane } from "../../../domain/ControlPlane.ts"
import { DataPlane } from "../../../domain/DataPlane.ts"
import { indexGet } from "../../../domain/multi-index.ts"
import type { State } from "../../../domain/State.ts"
import { stackFrom } from "../../../domain/target/lun-removal.ts"
import { optional, Text, Uint64, UuidText } from "../../param.ts"
import { errnoError, refuseWithErrno, rpcError } from "../../RpcError.ts"
import { defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { bdevError, dispatch, eventOf } from "../dispatch.ts"
import { type BdevServices, createBdev, deleteMethod } from "./bdev.ts"

/** A file that is not there is made; one that is an overlay already keeps what it has. */
const overlayCreate = defineMethod({
  name: "lunlog_overlay_create",
  kind: "change",
  params: Schema.Struct({
    name: Text,
    base_bdev_name: Text,
    filename: optional(Text),
    max_size: optional(Uint64),
    uuid: optional(UuidText)
  }),
  handler: ({ base_bdev_name: base, filename, max_size, name, uuid }, call) =>
    createBdev(call, {
      name,
      ...(uuid === undefined ? {} : { uuid }),
      bdev: {
        _tag: "Overlay",
        base,
        ...(filename === undefined ? {} : { filename: filename === "" ? "" : resolve(filename) }),
        ...(max_size === undefined ? {} : { maxBytes: Number(max_size) })
      }
    })
})

/** Names of initiators that are logged in to a target which has this bdev, or what is stacked on it, as a LUN. */
const usersOf = (state: State, bdev: Bdev): Effect.Effect<ReadonlyArray<string>, never, DataPlane> =>
  Effect.gen(function* () {
    const targets = new Set(
      stackFrom(state, bdev).flatMap(({ name }) => indexGet(state.indexes.mappings, name).map((one) => one.targetKey))
    )
    const connections = yield* (yield* DataPlane).connections
    // One that has logged out may not be closed yet.
    const inUse = connections.filter(
      ({ state: at, targetName }) => at === "running" && targets.has(targetName.toLowerCase())
    )
    return [...new Set(inUse.map(({ initiatorName }) => initiatorName))]
  })

/**
 * Recorded first, then in effect. Under a host that has the disk mounted it would be a disk that changes behind its
 * back: so it is refused while somebody is logged in, unless it is forced. Hosts are then told 6/28/00.
 */
const overlayReset = defineMethod({
  name: "lunlog_overlay_reset",
  kind: "change",
  params: Schema.Struct({ name: Text, force: optional(Schema.Boolean) }),
  handler: ({ force = false, name }, call) =>
    Effect.gen(function* () {
      const state = (yield* ControlPlane).state()
      const dataPlane = yield* DataPlane
      const bdev = requireBdev(state, name)
      const users = force || bdev._tag === "Failure" ? [] : yield* usersOf(state, bdev.success)
      if (users.length > 0) {
        const reason = `is in use: ${users.slice(0, 3).join(", ")}${users.length > 3 ? " ..." : ""} is logged in to it`
        const hint = "unmount it and log out there first, or force it: the host then finds another content"
        return yield* rpcError(errnoError("EBUSY"), { reason, object: `bdev ${name}`, hint, heldBy: users })
      }
      const committed = yield* dispatch(call, { _tag: "ResetOverlayBdev", name }, refuseWithErrno)
      const reset = eventOf(committed, "BdevOverlayReset")
      if (reset === undefined) return true
      yield* Effect.mapError(dataPlane.resetOverlay(reset.name, reset.incarnation), bdevError)
      return true
    })
})

/** This file's methods. */
export const bdevOverlayMethods: ReadonlyArray<RpcMethod<BdevServices>> = [
  overlayCreate,
  deleteMethod("lunlog_overlay_delete", [], "Overlay"),
  overlayReset
]
