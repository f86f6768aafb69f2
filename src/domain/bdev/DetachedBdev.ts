/**
 * Bdevs whose device has gone away by itself: they are removed like any other, but stay declared. What they were is
 * kept, so that they are the same again when the device is back: name, UUID, limits, and the LUNs whose ids are still
 * free. A bdev that was stacked on one comes back with it.
 */
import { Schema } from "effect"
import { BdevName, Incarnation, IscsiName, Lun, Seq, Uuid } from "../ids.ts"
import { UnitReservations } from "../reservation/Reservation.ts"
import { BdevHistogram, BdevQos } from "./Bdev.ts"
import { BdevSpec } from "./BdevSpec.ts"

/** A LUN that a bdev was; the incarnation is that of the LUN. */
export const DetachedLun = Schema.Struct({ target: IscsiName, lun: Lun, incarnation: Incarnation })
export type DetachedLun = typeof DetachedLun.Type

/** A bdev as it was when its device went. `spec.base` names its base; its incarnation is one that is gone. */
export const DetachedBdev = Schema.Struct({
  name: BdevName,
  uuid: Uuid,
  uuidExplicit: Schema.Boolean,
  /** The one that it had. */
  incarnation: Incarnation,
  spec: BdevSpec,
  /** Record that its removal began with. */
  since: Seq,
  /** How the device went, in words; absent for what is stacked on it. */
  detail: Schema.optionalKey(Schema.String),
  qos: Schema.optionalKey(BdevQos),
  histogram: Schema.optionalKey(BdevHistogram),
  /** What was registered with it and outlives a loss of power (APTPL); its incarnation is one that is gone. */
  reservations: Schema.optionalKey(UnitReservations),
  /** By target and LUN id. */
  luns: Schema.Array(DetachedLun),
  /** The device is back, as this bdev, which does not have its LUNs and limits yet. */
  attached: Schema.optionalKey(Incarnation)
})
export type DetachedBdev = typeof DetachedBdev.Type

/** What can happen to them, beside `BdevRemovalStarted` and `BdevCreated`. */
export const detachedBdevEvents = {
  /** Its device is back, and it has what it had again; but for LUNs whose ids or targets are not free for it. */
  BdevReattached: {
    name: BdevName,
    incarnation: Incarnation,
    unmapped: Schema.optionalKey(Schema.Array(Schema.Struct({ target: IscsiName, lun: Lun })))
  },
  /** Nobody waits for its device any more; what was stacked on it is forgotten, too. */
  BdevForgotten: { name: BdevName }
} as const

/** What the data plane finds out of them. */
export const detachedBdevCommands = {
  /** A fact: the device of a detached bdev is there, and is open. No event if that is not so any more. */
  AttachBdev: {
    name: BdevName,
    since: Seq,
    /** What it has now: filled in from the lease. */
    blockCount: Schema.optionalKey(Schema.Number)
  },
  /** The second step: what needs the bdev's incarnation. */
  RestoreAttachedBdev: { name: BdevName, incarnation: Incarnation }
} as const
