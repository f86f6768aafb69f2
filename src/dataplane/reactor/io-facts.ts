/** What a reactor tells of IO that failed, was slow, or was turned away. */
import type { ObservationOf } from "../../domain/observation/Observation.ts"
import { IoStatus } from "../bdev/Bdev.ts"
import { IoKind } from "../bdev/statistics/IoCounts.ts"
import { LimitedBdev } from "../bdev/wrapper/LimitedBdev.ts"
import type { IoWatch } from "../iscsi/IoWatch.ts"
import { IscsiTask } from "../iscsi/IscsiTask.ts"
import type { Session } from "../iscsi/Session.ts"
import type { LunMapping, SubmittedCommand } from "../iscsi/Target.ts"
import { ScsiStatus, scsiStatusName } from "../scsi/scsi-status.ts"
import { senseCodeName, senseKeyName } from "../scsi/sense-codes.ts"
import type { ReactorObservation } from "./protocol.ts"

const operations = ["read", "write", "unmap", "flush", "other"] as const

/** What a command does to its LUN, in the LUN's blocks. */
const extentOf = ({ mapping, scsi }: IscsiTask, kind: IoKind) => {
  const blockSize = mapping?.unit.bdev.blockSize ?? 512
  return {
    operation: operations[kind],
    ...(kind === IoKind.flush
      ? {}
      : {
          logicalBlockAddress: Math.floor(scsi.byteOffset / blockSize),
          blocks: Math.floor(scsi.byteLength / blockSize)
        })
  }
}

/** Who waits for it. */
const initiatorOf = (session: Session | undefined) =>
  session === undefined ? {} : { initiatorName: session.identity.initiatorName, tsih: session.tsih }

/** The PDU of its command, if that is recorded still. */
const pduOf = ({ initiatorTaskTag, owner }: IscsiTask) => {
  if (owner === undefined) return {}
  const { id, recorder } = owner.connection
  const ordinal = recorder.ordinalOfCommand(initiatorTaskTag)
  return ordinal === undefined ? {} : { pdu: { connection: id, ordinal } }
}

/** The disk and the LUN that a command has come by. */
export const placeOf = ({ lun, targetName, unit }: LunMapping) => ({ bdev: unit.name, targetName, lun })

/** Whether time that an IO waited for rate limits is part of its time. */
export const limitOf = ({ unit }: LunMapping): { readonly rateLimited?: true } =>
  unit.bdev instanceof LimitedBdev ? { rateLimited: true } : {}

const senseOf = ({ senseCode, senseKey }: IscsiTask["scsi"]) => ({
  key: senseKey,
  keyName: senseKeyName(senseKey),
  asc: senseCode >> 8,
  ascq: senseCode & 0xff,
  name: senseCodeName(senseCode)
})

/** Watches IO and tells of it; `slowMillis` can be changed at any time. */
export class IoFacts implements IoWatch {
  slowMillis: number
  readonly #tell: (fact: ReactorObservation) => void

  constructor(slowMillis: number, tell: (fact: ReactorObservation) => void) {
    this.slowMillis = slowMillis
    this.#tell = tell
  }

  slow(task: IscsiTask, millis: number, status: IoStatus): void {
    const { mapping, owner } = task
    if (mapping === undefined || status === IoStatus.aborted) return
    this.#tell({
      _tag: "SlowIo",
      ...placeOf(mapping),
      ...initiatorOf(owner?.session),
      ...extentOf(task, task.ioKind),
      millis: Math.round(millis),
      ...limitOf(mapping),
      ...pduOf(task)
    })
  }

  failed(task: IscsiTask, session: Session, kind: IoKind): void {
    const { mapping, scsi } = task
    if (mapping === undefined) return
    const status = scsiStatusName(scsi.status)
    this.#tell({
      _tag: "IoFailed",
      ...placeOf(mapping),
      ...initiatorOf(session),
      ...extentOf(task, kind),
      status,
      ...(scsi.status === ScsiStatus.checkCondition ? { sense: senseOf(scsi) } : {}),
      ...pduOf(task)
    })
  }

  turnedAway(task: IscsiTask, session: Session, reason: string): void {
    const { scsi } = task
    if (scsi.lun < 0) return
    this.#tell({
      _tag: "QueueFull",
      targetName: session.targetName,
      lun: scsi.lun,
      ...initiatorOf(session),
      status: scsiStatusName(scsi.status),
      reason,
      ...pduOf(task)
    })
  }
}

/** Commands that are listed one by one; the rest is only counted. */
const listedMax = 8

type Outstanding = NonNullable<ObservationOf<"LunDrainEnded">["hanging"]>[number]

/** A command that its disk has at `now`. */
export const outstandingOf = (command: SubmittedCommand, now: number): ReadonlyArray<Outstanding> =>
  command instanceof IscsiTask
    ? [
        {
          ...extentOf(command, command.ioKind),
          ...initiatorOf(command.owner?.session),
          millis: Math.max(0, Math.round(now - command.submittedAt))
        }
      ]
    : []

/** The oldest commands of some that their disk has at `now`, in the order in which it got them. */
export const oldestOf = (commands: ReadonlyArray<SubmittedCommand>, now: number): ReadonlyArray<Outstanding> =>
  commands.slice(0, listedMax).flatMap((command) => outstandingOf(command, now))
