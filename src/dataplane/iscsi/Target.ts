/**
 * A target node as the data path sees it: what logins are decided by, and its LUN mappings. The reactor changes these
 * objects between commands; nothing here waits.
 */
import { IoCounts } from "../bdev/statistics/IoCounts.ts"
import { LatencyHistogram, wholeHistogram } from "../bdev/statistics/LatencyHistogram.ts"
import type { LogicalUnit } from "../scsi/LogicalUnit.ts"
import type { AuthPolicy } from "./auth/AuthPolicy.ts"
import { CommandLatencies } from "./CommandLatencies.ts"
import type { Ending, LogoutCause } from "./ConnectionEnd.ts"
import { TargetSessions } from "./TargetSessions.ts"

/** An initiator group that decides logins over a port, and what those sessions get that it lets in. */
export interface TargetMap {
  readonly initiatorGroup: number
  /** The LUN ids that they see; absent: all. */
  readonly luns?: ReadonlyArray<number>
  /** They may not write. */
  readonly readOnly: boolean
}

/** One portal group of a target: its SCSI port, and the maps that decide logins over it, in order. */
export interface TargetPort {
  readonly portalGroupTag: number
  readonly relativePortId: number
  readonly maps: ReadonlyArray<TargetMap>
  /** `address:port` that logins are sent to instead, for now or for good. */
  readonly redirect?: { readonly address: string; readonly permanent: boolean }
}

/** What the control plane says of a target; swapped as a whole. */
export interface TargetSpec {
  readonly name: string
  readonly incarnation: number
  readonly alias: string
  readonly queueDepth: number
  /** What logins must prove. */
  readonly auth: AuthPolicy
  readonly headerDigest: boolean
  readonly dataDigest: boolean
  readonly deleting: boolean
  /** Count how long commands take. */
  readonly keepsHistogram: boolean
  readonly ports: ReadonlyArray<TargetPort>
}

/** How a drain went: commands that were at the bdev when it began and ended by themselves, and those given up. */
export interface DrainOutcome {
  readonly drained: number
  readonly aborted: number
  readonly durationMillis: number
}

/** A command that a bdev has, as its LUN knows it. */
export interface SubmittedCommand {
  /** When the disk got it, by the node's clock. */
  readonly submittedAt: number
  /** Nobody waits for its answer any more, but the bdev still has it. */
  readonly isZombie: boolean
  /** Whoever waits gets an answer now; the bdev keeps it. */
  readonly giveUp: () => void
  /** Adds to what is called when it has left the bdev: several may wait for one command. */
  readonly whenEnded: (then: () => void) => void
}

/** What a target knows of a session of its own. */
export interface TargetSession {
  readonly tsih: number
  readonly identity: { readonly initiatorName: string; readonly isid: string; readonly port: TargetPort }
  /** Ends it with all its connections. */
  readonly close: (reason: string, ending: Ending) => void
  /** The same, as the target wants it: the initiator is told. */
  readonly cut: (reason: string, ending: Ending) => void
  /** Asks the initiator to log out of all its connections: see `FullFeaturePhase.requestLogout`. */
  readonly requestLogout: (limitMillis: number, cutMillis?: number, cause?: LogoutCause) => void
  /** A LUN begins to drain: writes that wait for data end at once. */
  readonly endReceiving: (mapping: LunMapping) => void
  /** Looks again whether the LUN takes commands. */
  readonly path: (lun: number) => unknown
  /** A LUN of the target has come or gone. */
  readonly lunInventoryChanged: (lun: number) => void
  /** The maps of the target may give it something else. */
  readonly mapsChanged: () => void
}

/** A mapping {target, LUN id -> logical unit}. One object is one incarnation. */
export class LunMapping {
  readonly lun: number
  readonly incarnation: number
  readonly unit: LogicalUnit
  /** Of the target. */
  readonly targetName: string
  /** IO that came by this LUN. */
  readonly counts = new IoCounts()
  /** When one of them ended last, in milliseconds of the reactor's clock; 0 if none has. */
  lastIoAt = 0
  /** Takes new commands. Once false, it stays so. */
  active = true
  /** Commands that the bdev has. */
  readonly submitted = new Set<SubmittedCommand>()
  /** Bytes of buffers for commands that the disk has or is to get, also of those that nobody waits for any more. */
  bufferBytes = 0
  /** Called when a submitted command has ended. */
  onTaskEnd: (() => void) | undefined

  constructor(lun: number, incarnation: number, unit: LogicalUnit, targetName = "") {
    this.targetName = targetName
    this.lun = lun
    this.incarnation = incarnation
    this.unit = unit
  }

  /** A command goes to the bdev. */
  begin(command: SubmittedCommand): void {
    this.submitted.add(command)
  }

  /** A command is back from the bdev, or has been given up. */
  end(command: SubmittedCommand): void {
    if (this.submitted.delete(command)) this.onTaskEnd?.()
  }
}

/** A target node. */
export class Target {
  spec: TargetSpec
  /** From a command's first byte to its status; as long as the spec says so. */
  histogram: LatencyHistogram | undefined
  /** By LUN id. Draining mappings stay until they are removed. */
  readonly luns: Array<LunMapping | undefined> = []
  readonly sessions = new TargetSessions()
  /** From a command's first byte to its status, always. */
  readonly latencies = new CommandLatencies()
  /** What LUNs have done that are gone. */
  readonly past = new IoCounts()
  /** Called when a session has gone. */
  onSessionEnd: (() => void) | undefined

  constructor(spec: TargetSpec) {
    this.spec = spec
    this.update(spec)
  }

  /** The control plane says something else of it. */
  update(spec: TargetSpec): void {
    this.spec = spec
    if (!spec.keepsHistogram) this.histogram = undefined
    else this.histogram ??= new LatencyHistogram(wholeHistogram)
  }

  /** LUN ids that sessions may use now, ascending. */
  activeLuns(): ReadonlyArray<number> {
    const ids: Array<number> = []
    for (const mapping of this.luns) if (mapping?.active) ids.push(mapping.lun)
    return ids
  }

  /** What the sessions get that an initiator group has let in over a portal group, if that is mapped. */
  map(portalGroupTag: number, initiatorGroup: number): TargetMap | undefined {
    return this.port(portalGroupTag)?.maps.find((map) => map.initiatorGroup === initiatorGroup)
  }

  /** The port that a portal group reaches this target by, if it is mapped. */
  port(portalGroupTag: number): TargetPort | undefined {
    return this.spec.ports.find((port) => port.portalGroupTag === portalGroupTag)
  }
}
