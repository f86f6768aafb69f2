/**
 * A target node as the data path sees it: what logins are decided by, and its LUN mappings. The reactor changes these
 * objects between commands; nothing here waits.
 */
import type { LogicalUnit } from "../scsi/LogicalUnit.ts"
import type { IscsiTask } from "./IscsiTask.ts"
import type { Session } from "./Session.ts"

/** One portal group of a target: its SCSI port, and the initiator groups that decide logins over it, in order. */
export interface TargetPort {
  readonly portalGroupTag: number
  readonly relativePortId: number
  readonly initiatorGroups: ReadonlyArray<number>
  /** `address:port` that logins are sent to instead. */
  readonly redirect?: string
}

/** What the control plane says of a target; swapped as a whole. */
export interface TargetSpec {
  readonly name: string
  readonly incarnation: number
  readonly alias: string
  readonly queueDepth: number
  readonly requireChap: boolean
  readonly headerDigest: boolean
  readonly dataDigest: boolean
  readonly deleting: boolean
  readonly ports: ReadonlyArray<TargetPort>
}

/** How a drain went: commands that were at the bdev when it began and ended by themselves, and those given up. */
export interface DrainOutcome {
  readonly drained: number
  readonly aborted: number
  readonly durationMillis: number
}

/** A mapping {target, LUN id -> logical unit}. One object is one incarnation. */
export class LunMapping {
  readonly lun: number
  readonly incarnation: number
  readonly unit: LogicalUnit
  /** Takes new commands. Once false, it stays so. */
  active = true
  /** Commands that the bdev has. */
  readonly submitted = new Set<IscsiTask>()
  /** Called when a submitted command has ended. */
  onTaskEnd: (() => void) | undefined

  constructor(lun: number, incarnation: number, unit: LogicalUnit) {
    this.lun = lun
    this.incarnation = incarnation
    this.unit = unit
  }

  /** A command goes to the bdev. */
  begin(task: IscsiTask): void {
    this.submitted.add(task)
  }

  /** A command is back from the bdev, or has been given up. */
  end(task: IscsiTask): void {
    if (this.submitted.delete(task)) this.onTaskEnd?.()
  }
}

/** A target node. */
export class Target {
  spec: TargetSpec
  /** By LUN id. Draining mappings stay until they are removed. */
  readonly luns: Array<LunMapping | undefined> = []
  readonly sessions = new Set<Session>()
  /** Called when a session has gone. */
  onSessionEnd: (() => void) | undefined

  constructor(spec: TargetSpec) {
    this.spec = spec
  }

  /** LUN ids that sessions may use now, ascending. */
  activeLuns(): ReadonlyArray<number> {
    const ids: Array<number> = []
    for (const mapping of this.luns) if (mapping?.active) ids.push(mapping.lun)
    return ids
  }

  /** The port that a portal group reaches this target by, if it is mapped. */
  port(portalGroupTag: number): TargetPort | undefined {
    return this.spec.ports.find((port) => port.portalGroupTag === portalGroupTag)
  }
}
