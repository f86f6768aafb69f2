/**
 * The reservations of one logical unit as commands meet them: persistent ones, which the log has and the reactor puts
 * here, and the one of RESERVE(6) and RESERVE(10), which is forgotten with its nexus or by a reset (SPC-2 5.5).
 *
 * Every nexus has beforehand what it may not do, so that a unit which nobody has reserved costs a command one compare.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import {
  nexusKey,
  noReservations,
  type Registrant,
  type RegistrationView,
  type ReservationsView
} from "./ReservationsView.ts"

/** What a nexus may not do at a unit. */
export const Restriction = {
  none: 0,
  /** Write exclusive, and others hold it. */
  writes: 1,
  /** Exclusive access, and others hold it. */
  readsAndWrites: 2,
  /** Another nexus has reserved it by RESERVE. */
  reserved: 3
} as const
export type Restriction = (typeof Restriction)[keyof typeof Restriction]

/** A nexus, as this needs it. */
export interface RestrictedNexus {
  readonly registrant: Registrant
  restriction: Restriction
}

/** TYPE (SPC-4 table 46). */
const isWriteExclusive = (type: number): boolean => type === 1 || type === 5 || type === 7
const isForRegistrants = (type: number): boolean => type >= 5

const startStopUnit = 0x1b
const preventAllowMediumRemoval = 0x1e
const openToAll: ReadonlySet<number> = new Set([0x03, 0x12, 0xa0, 0x17, 0x57])

/**
 * Whether a restricted nexus may not send a command (SPC-4 table 66, SBC-3 table 13): starting a disk, and allowing
 * its removal, are free to everyone. Under another's RESERVE there is little left (SPC-2 table 10): INQUIRY, REQUEST
 * SENSE, REPORT LUNS, and a RELEASE that releases nothing.
 */
export const conflicts = (command: CommandDefinition, cdb: Buffer, restriction: Restriction): boolean => {
  const { opcode, reservation } = command
  if (opcode === preventAllowMediumRemoval && (cdb.readUInt8(4) & 0x03) === 0) return false
  if (restriction === Restriction.reserved) return !openToAll.has(opcode)
  if (opcode === startStopUnit && (cdb.readUInt8(4) & 0xf3) === 0x01) return false
  return reservation === "write" || (reservation === "read" && restriction === Restriction.readsAndWrites)
}

/** One per unit. `nexuses` are those that have a path to it, at any time. */
export class UnitReservations {
  readonly #nexuses: Iterable<RestrictedNexus>
  #view: ReservationsView = noReservations
  #keys: ReadonlyMap<string, RegistrationView> = new Map()
  #reservedBy: RestrictedNexus | undefined

  constructor(nexuses: Iterable<RestrictedNexus>) {
    this.#nexuses = nexuses
  }

  /** What the log says. */
  get view(): ReservationsView {
    return this.#view
  }

  /** Who has reserved it by RESERVE. */
  get reservedBy(): RestrictedNexus | undefined {
    return this.#reservedBy
  }

  /** The log says something else. */
  put(view: ReservationsView): void {
    this.#view = view
    this.#keys = new Map(view.registrations.map((registration) => [nexusKey(registration), registration]))
    this.#restrictAll()
  }

  /** What a nexus is registered with. */
  registrationOf({ registrant }: RestrictedNexus): RegistrationView | undefined {
    return this.#keys.get(nexusKey(registrant))
  }

  /** Whether a nexus holds the persistent reservation, alone or with all registrants. */
  holds(nexus: RestrictedNexus): boolean {
    const { reservation } = this.#view
    if (reservation === undefined) return false
    if (reservation.holder === undefined) return this.registrationOf(nexus) !== undefined
    return nexusKey(reservation.holder) === nexusKey(nexus.registrant)
  }

  /** RESERVE by a nexus that nothing keeps from it. */
  reserve(nexus: RestrictedNexus): void {
    this.#reservedBy = nexus
    this.#restrictAll()
  }

  /** RELEASE, or the end of the nexus: only its own reservation goes. */
  release(nexus: RestrictedNexus): void {
    if (this.#reservedBy === nexus) this.reset()
  }

  /** The unit is reset: what RESERVE has reserved is free. */
  reset(): void {
    if (this.#reservedBy === undefined) return
    this.#reservedBy = undefined
    this.#restrictAll()
  }

  /** What a nexus may not do. */
  restrictionOf(nexus: RestrictedNexus): Restriction {
    if (this.#reservedBy !== undefined) return this.#reservedBy === nexus ? Restriction.none : Restriction.reserved
    const { reservation } = this.#view
    if (reservation === undefined || this.holds(nexus)) return Restriction.none
    const { type } = reservation
    if (isForRegistrants(type) && this.registrationOf(nexus) !== undefined) return Restriction.none
    return isWriteExclusive(type) ? Restriction.writes : Restriction.readsAndWrites
  }

  #restrictAll(): void {
    for (const nexus of this.#nexuses) nexus.restriction = this.restrictionOf(nexus)
  }
}
