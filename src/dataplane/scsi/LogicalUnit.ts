/**
 * A logical unit: one bdev incarnation as SCSI sees it. It owns what belongs to the disk and not to a path to it:
 * identity, limits, counters, and the nexuses that have to be told when something changes.
 *
 * A bdev exported by several targets is one unit reached through several ports, with the same reservations.
 */
import type { Bdev } from "../bdev/Bdev.ts"
import { IoStatistics } from "../bdev/statistics/IoStatistics.ts"
import { CommandOrder } from "./CommandOrder.ts"
import type { CopyRecords } from "./copy/CopyRecords.ts"
import { Media } from "./Media.ts"
import { Nexus } from "./Nexus.ts"
import type { Obstacle } from "./Obstacle.ts"
import { LogCounters } from "./primary/LogCounters.ts"
import { type ModePageChange, ModeValues } from "./primary/ModeValues.ts"
import { ProvisioningThresholds } from "./primary/ProvisioningThresholds.ts"
import { RecentPorts } from "./RecentPorts.ts"
import type { AskReservations } from "./reservations/persistent-reserve-out.ts"
import { nexusKey, nobody, type Registrant } from "./reservations/ReservationsView.ts"
import { UnitReservations } from "./reservations/UnitReservations.ts"
import { SenseCode } from "./sense-codes.ts"
import { TaskSet } from "./TaskSet.ts"
import { type IdentityStyle, type UnitIdentity, unitIdentity } from "./unit-identity.ts"

/** Longest transfer of one command, in bytes: announced in VPD page B0h, and checked. */
export const maxTransferBytes = 4 * 1024 * 1024

/** What the control plane knows of a unit beside its bdev. */
export interface LogicalUnitOptions {
  /** Name and UUID of the bdev, as the control plane has them. */
  readonly name: string
  readonly uuid: string
  /** The medium is empty although the unit was known before: a RAM disk after a restart. */
  readonly contentLost: boolean
  /** `spdk`: vendor INTEL and ids from the bdev's name, so that hosts recognise disks of an SPDK target. */
  readonly identityStyle: IdentityStyle
}

/** A disk as initiators see it. */
export class LogicalUnit {
  /** The same disk all the time; the reactor lets rate limits stand in for it while there are any. */
  bdev: Bdev
  /** Of the bdev. */
  readonly name: string
  readonly identity: UnitIdentity
  readonly contentLost: boolean
  /** Logical blocks that one command may transfer. */
  readonly maxTransferBlocks: number
  /** IO of the bdev, by whatever LUN it came. */
  readonly statistics = new IoStatistics()
  /** What the log pages tell of it. */
  readonly logCounters = new LogCounters(this.statistics)
  readonly modeValues = new ModeValues()
  readonly media: Media<Nexus>
  /** Something may keep commands away: see `guards.ts`. */
  guarded = false
  /** What does, beside a medium that is out; see `obstruct`. */
  readonly obstacles: Array<Obstacle> = []
  /** See `copyRecordsOf`. */
  copyRecords = new WeakMap<Nexus, CopyRecords>()
  /** Commands refused with CHECK CONDITION before they reached the medium; unit attentions are not among them. */
  refused = 0

  /** Which commands may run now. Units of one stack of bdevs share it. */
  readonly taskSet: TaskSet
  /** Commands that are neither SIMPLE nor untagged, and who waits for whom because of them. */
  readonly order: CommandOrder

  /** Where PERSISTENT RESERVE OUT is decided. */
  askReservations: AskReservations = (_unit, _nexus, _request, done) => queueMicrotask(() => done("unavailable"))

  private readonly nexuses = new Set<Nexus>()
  readonly #recentPorts = new RecentPorts()
  readonly reservations = new UnitReservations(this.nexuses)
  readonly #thresholds = new ProvisioningThresholds(() =>
    this.establishUnitAttention(SenseCode.thinProvisioningSoftThresholdReached)
  )

  constructor(bdev: Bdev, options: LogicalUnitOptions, taskSet = new TaskSet()) {
    this.bdev = bdev
    this.taskSet = taskSet
    this.order = new CommandOrder(taskSet)
    this.name = options.name
    this.identity = unitIdentity({ ...options, productName: bdev.productName }, options.identityStyle)
    this.contentLost = options.contentLost
    this.media = new Media(bdev.removable ?? false)
    this.maxTransferBlocks = Math.max(1, Math.floor(maxTransferBytes / bdev.blockSize))
  }

  /** A session's path to this unit begins, with the unit attentions of a new nexus pending. */
  attach(registrant: Registrant = nobody): Nexus {
    const nexus = new Nexus(this, registrant, this.#recentPorts.back(registrant, performance.now()))
    nexus.restriction = this.reservations.restrictionOf(nexus)
    nexus.establish(SenseCode.powerOnResetOrBusDeviceReset)
    if (this.contentLost) nexus.establish(SenseCode.notReadyToReadyChange)
    this.nexuses.add(nexus)
    return nexus
  }

  /** It ends, and with it what it has reserved by RESERVE. */
  detach(nexus: Nexus): void {
    if (this.nexuses.delete(nexus)) {
      this.#recentPorts.gone(nexus.registrant, nexus.syncFailuresTold, performance.now())
    }
    this.media.allow(nexus)
    this.reservations.release(nexus)
  }

  /** Nobody may write. */
  get writeProtected(): boolean {
    return this.bdev.readOnly || this.modeValues.softwareWriteProtect
  }

  /** An initiator has changed mode parameters, which have been checked. The others are told. */
  changeModes(changes: ReadonlyArray<ModePageChange>, by: Nexus): void {
    this.modeValues.change(changes)
    this.#thresholds.set(this.modeValues.thresholds, this.bdev)
    this.establishUnitAttention(SenseCode.modeParametersChanged, by)
  }

  /** The medium is taken out. */
  eject(): void {
    this.media.loaded = false
    this.#updateGuard()
  }

  /** The medium is put in, if it was out: every other initiator is told. */
  load(by?: Nexus): void {
    if (this.media.loaded) return
    this.media.loaded = true
    this.#updateGuard()
    for (const nexus of this.nexuses) if (nexus !== by) nexus.mediumLoaded()
  }

  /** Commands that the obstacle stops are refused from now on. */
  obstruct(obstacle: Obstacle): void {
    this.obstacles.push(obstacle)
    this.#updateGuard()
  }

  /** And no longer, if they were. */
  clear(obstacle: Obstacle): void {
    const place = this.obstacles.indexOf(obstacle)
    if (place >= 0) this.obstacles.splice(place, 1)
    this.#updateGuard()
  }

  /** Its bdev is about to be closed. */
  close(): void {
    this.#thresholds.stop()
    for (const obstacle of this.obstacles) obstacle.stop?.()
  }

  #updateGuard(): void {
    this.guarded = !this.media.loaded || this.obstacles.length > 0
  }

  /** Every initiator, or every one but the one that caused it, learns of a condition with its next command. */
  establishUnitAttention(code: SenseCode, except?: Nexus): void {
    for (const nexus of this.nexuses) if (nexus !== except) nexus.establish(code)
  }

  /**
   * The unit is reset (SAM-5 6.3): every initiator is told, the one that asked for it, too. Commands have been aborted
   * before. What a reset sets back (mode parameters, reservations of RESERVE(6), prevented removal) is set back here.
   */
  reset(code: SenseCode): void {
    this.modeValues.reset()
    this.copyRecords = new WeakMap()
    this.#thresholds.stop()
    this.media.allowAll()
    this.reservations.reset()
    this.establishUnitAttention(code)
  }

  /** Who has a path to it now. */
  registrants(): ReadonlyArray<Registrant> {
    return [...this.nexuses].map(({ registrant }) => registrant)
  }

  /** Those of a registered name that have a path to it now learn of a condition with their next command. */
  tell(registrant: Registrant, code: SenseCode): void {
    const key = nexusKey(registrant)
    for (const nexus of this.nexuses) if (nexusKey(nexus.registrant) === key) nexus.establish(code)
  }

  get nexusCount(): number {
    return this.nexuses.size
  }
}
