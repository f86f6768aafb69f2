/**
 * An I_T_L nexus: one session's path to one logical unit. It holds the unit attentions that this initiator has not been
 * told yet (SAM-5 5.14).
 *
 * A new nexus starts with 29h/00h, as tgt's do: for this initiator port the unit was powered on since it last looked,
 * and 29h/00h is the one code that every initiator repeats its command for (iscsi-ls accepts no other). A unit whose
 * content is gone adds 28h/00h, so that a host does not trust what it has cached of the old medium. That waits for the
 * first command that uses the medium: iscsi-ls takes it for an error when TEST UNIT READY reports it (measured), and
 * who only looks at the disk has nothing cached.
 */
import type { LogicalUnit } from "./LogicalUnit.ts"
import { nobody, type Registrant } from "./reservations/ReservationsView.ts"
import { Restriction } from "./reservations/UnitReservations.ts"
import { SenseCode } from "./sense-codes.ts"

/**
 * Reported first to last (SAM-5 table 44: the reset conditions by precedence, then the rest). A condition that is not
 * listed here can't be pending, which bounds the queue.
 */
const precedence: ReadonlyArray<number> = [
  SenseCode.powerOnResetOrBusDeviceReset,
  SenseCode.powerOnOccurred,
  SenseCode.scsiBusResetOccurred,
  SenseCode.busDeviceResetFunctionOccurred,
  SenseCode.deviceInternalReset,
  SenseCode.itNexusLossOccurred,
  SenseCode.notReadyToReadyChange,
  SenseCode.registrationsPreempted,
  SenseCode.reservationsPreempted,
  SenseCode.reservationsReleased,
  SenseCode.capacityDataHasChanged,
  SenseCode.modeParametersChanged,
  SenseCode.logParametersChanged,
  SenseCode.thinProvisioningSoftThresholdReached,
  SenseCode.parametersChanged,
  SenseCode.inquiryDataHasChanged,
  SenseCode.commandsClearedByAnotherInitiator,
  SenseCode.reportedLunsDataHasChanged
]

/** 29h/xxh: a reset of some kind. Only the one of highest precedence is kept (SAM-5 5.14.1). */
const isReset = (code: number): boolean => code >> 8 === 0x29

/** One initiator port's view of one logical unit. */
export class Nexus {
  readonly unit: LogicalUnit
  /** Who it is, by names that outlive the session: what registrations are of. */
  readonly registrant: Registrant
  /** What a reservation of others keeps it from: changed by the unit's reservations. */
  restriction: Restriction = Restriction.none
  /** This initiator port may not write, whatever the unit allows. */
  readOnly = false
  /** Of the bdev's `syncFailures`, those that this initiator port knows of. */
  syncFailuresTold: number
  /** That the medium has changed is told to the next command of any kind, not only to one that uses the medium. */
  private toldPromptly = false
  /** Codes still to be told, in the order in which they will be. */
  private readonly pending: Array<number> = []

  /** Use `LogicalUnit.attach`, which also keeps the nexus where conditions of the unit reach it. */
  constructor(unit: LogicalUnit, registrant: Registrant = nobody, syncFailuresTold?: number) {
    this.unit = unit
    this.registrant = registrant
    this.syncFailuresTold = syncFailuresTold ?? unit.bdev.syncFailures ?? 0
  }

  /** Whether writes that were answered may have been lost since it was told so last; counts as told. */
  takeLostWrites(): boolean {
    const failures = this.unit.bdev.syncFailures ?? 0
    const isNews = failures !== this.syncFailuresTold
    this.syncFailuresTold = failures
    return isNews
  }

  /** Commands that change the medium are refused with DATA PROTECT, and MODE SENSE shows WP. */
  get writeProtected(): boolean {
    return this.readOnly || this.unit.writeProtected
  }

  get hasUnitAttention(): boolean {
    return this.pending.length > 0
  }

  /** Makes a condition pending: once, in its place, and not beside a reset that outranks it. */
  establish(code: SenseCode): void {
    const rank = precedence.indexOf(code)
    if (rank < 0 || this.pending.includes(code)) return
    if (isReset(code)) {
      const other = this.pending.findIndex(isReset)
      if (other >= 0) {
        if (precedence.indexOf(this.pending[other] ?? code) < rank) return
        this.pending.splice(other, 1)
      }
    }
    const place = this.pending.findIndex((held) => precedence.indexOf(held) > rank)
    this.pending.splice(place < 0 ? this.pending.length : place, 0, code)
  }

  /**
   * Somebody has loaded a medium: NOT READY TO READY CHANGE, for TEST UNIT READY too. Linux looks for a new medium with
   * that one, and lets a read fail that is told of it (measured).
   */
  mediumLoaded(): void {
    this.toldPromptly = true
    this.establish(SenseCode.notReadyToReadyChange)
  }

  /**
   * The next condition, which counts as told; `SenseCode.none` when nothing is pending. That the medium may have
   * changed since before this session is told only to a command that uses the medium, or asks for sense data.
   */
  take(usesMedium: boolean): number {
    const first = this.pending[0] ?? SenseCode.none
    const waits = first === SenseCode.notReadyToReadyChange && !usesMedium && !this.toldPromptly
    const [code = SenseCode.none] = this.pending.splice(waits ? 1 : 0, 1)
    if (code === SenseCode.notReadyToReadyChange) this.toldPromptly = false
    return code
  }

  /** Forgets a condition that the initiator has learnt in another way. */
  clear(code: SenseCode): void {
    const place = this.pending.indexOf(code)
    if (place >= 0) this.pending.splice(place, 1)
  }

  /** The session is over, or its LUN is unmapped. */
  detach(): void {
    this.unit.detach(this)
  }
}
