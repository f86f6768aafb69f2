/**
 * Persistent reservations (SPC-4 5.12): which initiator ports are registered with a logical unit, with which keys, and
 * who holds a reservation of it. A logical unit is a bdev, whatever LUNs lead to it.
 *
 * Registrations belong to an I_T nexus: an initiator port (RFC 7143 4.4.1: iSCSI name and ISID) and a target port. They
 * outlive sessions. They go when the target has no LUN of the bdev any more, and when the process ends, unless the
 * initiator has asked for more (APTPL).
 */
import { Schema } from "effect"
import { BdevRef } from "../bdev/BdevSpec.ts"
import { IscsiName, iscsiNameKey, RelativePortId } from "../ids.ts"

/** Registrations of one logical unit: their full status is the longest parameter data of any command. */
export const REGISTRATIONS_PER_UNIT_MAX = 256
/** Registrations in all. */
export const REGISTRATIONS_MAX = 8192
/** PRGENERATION is 32 bits wide, and begins at 0 again. */
export const GENERATIONS = 2 ** 32

/** A reservation key: 8 bytes as 16 hexadecimal digits. */
export const ReservationKey = Schema.String.check(Schema.isPattern(/^[0-9a-f]{16}$/u))

/** The key that nobody can be registered with. */
export const noKey = "0".repeat(16)

/**
 * TYPE (SPC-4 table 46): 1 write exclusive, 3 exclusive access, 5 and 6 the same for registrants only, 7 and 8 the same
 * with all registrants as holders.
 */
export const ReservationType = Schema.Literals([1, 3, 5, 6, 7, 8])
export type ReservationType = typeof ReservationType.Type

/** What people call the types. */
export const reservationTypeNames: Readonly<Record<ReservationType, string>> = {
  1: "write exclusive",
  3: "exclusive access",
  5: "write exclusive, registrants only",
  6: "exclusive access, registrants only",
  7: "write exclusive, all registrants",
  8: "exclusive access, all registrants"
}

/** Whether every registrant holds a reservation of this type. */
export const isAllRegistrants = (type: ReservationType): boolean => type >= 7

/** Whether registrants may do more than others under a reservation of this type: they are told when it goes. */
export const isRegistrantsType = (type: ReservationType): boolean => type >= 5

const initiatorPort = {
  /** Its iSCSI name as it has logged in; compared without case. */
  initiator: Schema.String.check(Schema.isMaxLength(223)),
  /** 12 hexadecimal digits. */
  isid: Schema.String.check(Schema.isPattern(/^[0-9a-f]{12}$/u))
} as const

/** An initiator port. */
export const InitiatorPort = Schema.Struct(initiatorPort)
export type InitiatorPort = typeof InitiatorPort.Type

/** An I_T nexus. */
export const Registrant = Schema.Struct({ ...initiatorPort, target: IscsiName, relativePort: RelativePortId })
export type Registrant = typeof Registrant.Type

/** An I_T nexus with its key. */
export const Registration = Schema.Struct({ ...Registrant.fields, key: ReservationKey })
export type Registration = typeof Registration.Type

/** A reservation of the whole unit; `holder` is absent if all registrants hold it. */
export const Reservation = Schema.Struct({ type: ReservationType, holder: Schema.optionalKey(Registrant) })
export type Reservation = typeof Reservation.Type

/** What is registered with one bdev. Stays when nobody is registered any more, for its generation. */
export const UnitReservations = Schema.Struct({
  bdev: BdevRef,
  /** PRGENERATION. */
  generation: Schema.Natural,
  /** APTPL: it outlives the process. */
  persistent: Schema.Boolean,
  /** In the order in which they came. */
  registrations: Schema.Array(Registration),
  reservation: Schema.optionalKey(Reservation)
})
export type UnitReservations = typeof UnitReservations.Type

/** What registrations are compared by. */
export const registrantKey = ({ initiator, isid, relativePort, target }: Registrant): string =>
  `${iscsiNameKey(initiator)},i,0x${isid} ${iscsiNameKey(target)},${relativePort}`

/** Who it is, without what is registered. */
export const registrantOf = ({ initiator, isid, relativePort, target }: Registrant): Registrant => ({
  initiator,
  isid,
  target,
  relativePort
})

/** Service actions of PERSISTENT RESERVE OUT, and `cleared`: an administrator has done what CLEAR does. */
export const ReservationAction = Schema.Literals([
  "register",
  "register-and-ignore",
  "register-and-move",
  "reserve",
  "release",
  "clear",
  "preempt",
  "preempt-and-abort",
  "cleared"
])
export type ReservationAction = typeof ReservationAction.Type

/** What a record tells of: an action, or `restored`: a disk is back, and with it what was to outlive its absence. */
export const ReservationChange = Schema.Literals([...ReservationAction.literals, "restored"])
export type ReservationChange = typeof ReservationChange.Type

/** What can happen to reservations. */
export const reservationEvents = {
  /** A PERSISTENT RESERVE OUT that was carried out, a clearing, or a return: what is another way after it. */
  ReservationsChanged: {
    bdev: BdevRef,
    action: ReservationChange,
    /** Who has asked for it; absent with `cleared` and `restored`. */
    by: Schema.optionalKey(Registrant),
    /** Afterwards. */
    generation: Schema.Natural,
    /** Afterwards; absent: as it was. */
    persistent: Schema.optionalKey(Schema.Boolean),
    /** These have these keys now. */
    registered: Schema.Array(Registration),
    /** These are not registered any more. */
    unregistered: Schema.Array(Registrant),
    /** Afterwards; null for none, absent: as it was. */
    reservation: Schema.optionalKey(Schema.NullOr(Reservation)),
    /** Those that are still registered, other than `by`, are told that a reservation was released. */
    tellsRelease: Schema.optionalKey(Schema.Literal(true))
  }
} as const

/** What can be asked of reservations. Keys are 16 hexadecimal digits. */
export const reservationCommands = {
  /** A PERSISTENT RESERVE OUT whose form is right. */
  ChangeReservations: {
    bdev: BdevRef,
    action: ReservationAction,
    by: Registrant,
    /** RESERVATION KEY and SERVICE ACTION RESERVATION KEY. */
    key: ReservationKey,
    serviceKey: ReservationKey,
    /** SCOPE and TYPE of the CDB. */
    scope: Schema.Number,
    type: Schema.Number,
    persistent: Schema.Boolean,
    /** ALL_TG_PT. */
    allTargetPorts: Schema.Boolean,
    /** SPEC_I_PT: these are registered as well. Absent if the bit is not set. */
    others: Schema.optionalKey(Schema.Array(InitiatorPort)),
    /** REGISTER AND MOVE: to this nexus of the same target. */
    moveTo: Schema.optionalKey(
      Schema.Struct({ ...initiatorPort, relativePort: Schema.Number, unregister: Schema.Boolean })
    )
  },
  /** Of an administrator: as CLEAR, whoever is registered. No event if nobody is. */
  ClearReservations: { bdev: Schema.String }
} as const
