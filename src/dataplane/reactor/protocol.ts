/**
 * What goes over the reactor boundary: plain, serialisable values in both directions, so that a reactor can run in the
 * main thread or in a worker. The main thread names things by numbers that it never reuses.
 */

import type { CaptureSelection } from "../../domain/capture/ConnectionCapture.ts"
import type { ReactorThread } from "../../domain/DataPlane.ts"
import type { ObservationOf } from "../../domain/observation/Observation.ts"
import type { HistogramRequest } from "../../domain/Statistics.ts"
import type { BdevNews } from "../bdev/BdevNews.ts"
import type { BdevDefinition, Latencies } from "../bdev/BdevSpec.ts"
import type { NvmeFound } from "../bdev/nvme/open-nvme-bdev.ts"
import type { Fault } from "../bdev/wrapper/ErrorBdev.ts"
import type { RateLimits } from "../bdev/wrapper/RateLimiter.ts"
import type { AuthGroupView } from "../iscsi/auth/AuthGroupView.ts"
import type { ConnectionHandOver } from "../iscsi/handover/ConnectionHandOver.ts"
import type { NodeOptions, PortalGroupView } from "../iscsi/IscsiNode.ts"
import type { Recording } from "../iscsi/recorder/Recordings.ts"
import type { DrainOutcome, TargetSpec } from "../iscsi/Target.ts"
import type { ReservationAnswer, ReservationRequest } from "../scsi/reservations/persistent-reserve-out.ts"
import type { Registrant, ReservationsView } from "../scsi/reservations/ReservationsView.ts"
import type { IdentityStyle } from "../scsi/unit-identity.ts"
import type { StatisticsQuery, StatisticsResult } from "./statistics-protocol.ts"

/** An address that a reactor listens on. */
export type PortalId = number
/** A bdev that a reactor has open. */
export type BdevId = number
/** A request that is answered with one `Answer` fact. */
export type RequestId = number

/** Names of an initiator group, and the addresses it covers. */
export interface InitiatorGroupView {
  readonly tag: number
  readonly initiators: ReadonlyArray<string>
  readonly netmasks: ReadonlyArray<string>
}

/** What the main thread tells a reactor. Commands are carried out in order. */
export type ReactorCommand =
  | { readonly _tag: "SetOptions"; readonly options: NodeOptions }
  /** An IO that takes at least so long is told of; undefined: none is. */
  | { readonly _tag: "WatchSlowIo"; readonly millis: number | undefined }
  /** Binds and listens; connections are held back until the portal is accepted. Answered. */
  | {
      readonly _tag: "OpenPortal"
      readonly request: RequestId
      readonly portal: PortalId
      readonly host: string
      readonly port: number
    }
  /** Logins over the portal belong to this portal group; connections are accepted from now on. */
  | { readonly _tag: "AcceptPortal"; readonly portal: PortalId; readonly portalGroupTag: number }
  /** Stops listening; connections that were accepted stay. Answered when the address is free. */
  | { readonly _tag: "ClosePortal"; readonly request: RequestId; readonly portal: PortalId }
  | { readonly _tag: "PutPortalGroup"; readonly group: PortalGroupView }
  | { readonly _tag: "DeletePortalGroup"; readonly tag: number }
  | { readonly _tag: "PutInitiatorGroup"; readonly group: InitiatorGroupView }
  | { readonly _tag: "DeleteInitiatorGroup"; readonly tag: number }
  /** Secrets in clear: this command is never told or printed. */
  | { readonly _tag: "PutAuthGroup"; readonly group: AuthGroupView }
  | { readonly _tag: "DeleteAuthGroup"; readonly tag: number }
  /** Makes a target known, or changes what is known of it (by name and incarnation). */
  | { readonly _tag: "PutTarget"; readonly target: TargetSpec }
  | { readonly _tag: "DeleteTarget"; readonly name: string; readonly incarnation: number }
  /** Asks sessions to log out, cuts them after 20 s. Answered with `SessionsClosed` when none is left. */
  | {
      readonly _tag: "CloseSessions"
      readonly request: RequestId
      readonly name: string
      readonly incarnation: number
      readonly correlationId?: number
      /** It goes on at another reactor: who is logging in is cut, sessions after a time, and all may come back. */
      readonly moving?: { readonly logoutLimitMillis: number }
    }
  /** Asks sessions (over one portal group, if it is named) to log out, and cuts those that do not in time. */
  | {
      readonly _tag: "RequestLogout"
      readonly name: string
      readonly incarnation: number
      readonly portalGroupTag: number | undefined
      readonly limitMillis: number
      readonly correlationId?: number
    }
  /** The same of single connections; one that has not logged in yet is closed at once. */
  | { readonly _tag: "KickConnections"; readonly connections: ReadonlyArray<number>; readonly limitMillis: number }
  /** A connection that the front has accepted goes on here, where its target is. */
  | ({ readonly _tag: "TakeConnection" } & ConnectionHandOver)
  /** To the front: a connection that it has handed over is no more. */
  | { readonly _tag: "ForgetConnection"; readonly connection: number }
  /** Cuts all connections, as the end of the process would: what they have at bdevs runs on. */
  | { readonly _tag: "CutConnections"; readonly reason: string }
  /** Opens a bdev. Answered with `BdevOpened`, unless it is closed before. */
  | {
      readonly _tag: "OpenBdev"
      readonly request: RequestId
      readonly bdev: BdevId
      readonly definition: BdevDefinition
      /** The bdevs that `definition` is stacked on. */
      readonly base: BdevId | undefined
      /** A target that exports it, or is going to: they are opened where they are to stay, side by side. */
      readonly beside?: string
      /** Of a RAM disk: where its content is, which outlives the reactor. It has its own if absent. */
      readonly memory?: SharedArrayBuffer
    }
  /** The bdev can be a logical unit from now on, with this identity. */
  | {
      readonly _tag: "NameBdev"
      readonly bdev: BdevId
      readonly name: string
      readonly uuid: string
      /** The medium is empty although the disk was known before. */
      readonly contentLost: boolean
      readonly identityStyle: IdentityStyle
    }
  /**
   * Gives memory and descriptors back, or gives up opening. Answered, soon also when a file hangs. `discard`: it has
   * never been anybody's, and a file that was made for it goes, too.
   */
  | { readonly _tag: "CloseBdev"; readonly request: RequestId; readonly bdev: BdevId; readonly discard?: true }
  /** The content of a RAM disk into a new file, or a file's into it. Answered with `Done`. */
  | { readonly _tag: "DumpBdev"; readonly request: RequestId; readonly bdev: BdevId; readonly file: string }
  | { readonly _tag: "LoadBdev"; readonly request: RequestId; readonly bdev: BdevId; readonly file: string }
  /** Nobody waits for these copies any more: they end with ECANCELED. */
  | { readonly _tag: "CancelCopies"; readonly bdev: BdevId; readonly file: string }
  /** Looks how long a file is now. Answered with `BdevMeasured`. */
  | { readonly _tag: "MeasureBdev"; readonly request: RequestId; readonly bdev: BdevId }
  /** The device has another size: every initiator of it and of what is stacked on it is told. */
  | { readonly _tag: "ResizeBdev"; readonly bdev: BdevId; readonly blockCount: number }
  /** Of a delay bdev: what comes from now on takes this long. */
  | { readonly _tag: "SetLatencies"; readonly bdev: BdevId; readonly latencies: Latencies }
  /** Limits of reads and writes from now on, also for what waits; undefined for none. */
  | { readonly _tag: "SetRateLimits"; readonly bdev: BdevId; readonly limits: RateLimits | undefined }
  | { readonly _tag: "InjectFault"; readonly bdev: BdevId; readonly fault: Fault }
  | { readonly _tag: "ResumePending"; readonly bdev: BdevId }
  /** An overlay holds what its base does, and everyone who uses it is told. Answered with `Done`. */
  | { readonly _tag: "ResetOverlay"; readonly request: RequestId; readonly bdev: BdevId }
  | {
      readonly _tag: "MapLun"
      readonly target: string
      readonly lun: number
      readonly incarnation: number
      readonly bdev: BdevId
    }
  /** No new commands; answered with `Drained` when nothing is in flight, or past the deadline. */
  | {
      readonly _tag: "DrainLun"
      readonly request: RequestId
      readonly target: string
      readonly lun: number
      readonly incarnation: number
      readonly deadlineMillis: number
      /** Seq of the record that began it. */
      readonly correlationId?: number
    }
  /** The LUN is gone; other LUNs of the sessions report changed LUN data. */
  | { readonly _tag: "UnmapLun"; readonly target: string; readonly lun: number; readonly incarnation: number }
  /**
   * What is registered with a disk from now on, whom that tells what (unit attentions), and whose commands it aborts.
   * The disk's initiators have it from here on.
   */
  | {
      readonly _tag: "PutReservations"
      readonly bdev: BdevId
      readonly reservations: ReservationsView
      readonly news: ReadonlyArray<ReservationNews>
      readonly aborts?: { readonly by: Registrant; readonly of: ReadonlyArray<Registrant> }
    }
  /** To a `ReservationsAsked`. */
  | { readonly _tag: "AnswerReservations"; readonly asked: number; readonly answer: ReservationAnswer }
  /** Begins a histogram of a bdev's IO; undefined ends it. */
  | { readonly _tag: "SetHistogram"; readonly bdev: BdevId; readonly histogram: HistogramRequest | undefined }
  /** Answered with `Statistics`. */
  | { readonly _tag: "Statistics"; readonly request: RequestId; readonly query: StatisticsQuery }
  /** Answered with `Captured`: the connections with the lowest numbers first. */
  | { readonly _tag: "Capture"; readonly request: RequestId; readonly selection: CaptureSelection }
  /** Answered with a `Report`. */
  | { readonly _tag: "Query"; readonly request: RequestId }
  /** Asks everybody to log out, closes all, and answers when nothing is left or the time is over. */
  | { readonly _tag: "Shutdown"; readonly request: RequestId; readonly graceMillis: number }

/** The commands of these kinds. */
export type ReactorCommandOf<Tag extends ReactorCommand["_tag"]> = Extract<ReactorCommand, { readonly _tag: Tag }>

/** A command that is answered. */
export type ReactorRequest = Extract<ReactorCommand, { readonly request: RequestId }>

/** One connection of a report. */
export interface ConnectionReport {
  readonly id: number
  readonly cid: number
  readonly tsih: number
  readonly state: "login" | "full-feature" | "exiting" | "closed"
  /** It has reached full feature phase, and may be past it. */
  readonly loggedIn: boolean
  /** 0 security, 1 operational; undefined before the first request and after the login. */
  readonly loginStage: number | undefined
  readonly discovery: boolean
  /** The index of the reactor that has it, if there are several; 0 is the front. */
  readonly reactor?: number
  readonly initiatorName: string
  readonly initiatorAddress: string
  readonly targetAddress: string
  readonly targetName: string
  readonly portalGroupTag: number
}

/** One LUN that drains. */
export interface DrainReport {
  readonly target: string
  readonly lun: number
  readonly incarnation: number
  readonly commandsLeft: number
  /** Milliseconds that are left to the deadline. */
  readonly millisLeft: number
}

/** One bdev with rate limits. */
export interface LimitReport {
  readonly bdev: BdevId
  /** IOs that wait now. */
  readonly waitingCount: number
  /** IOs that have had to wait since the bdev has limits. */
  readonly delayedCount: number
}

/** One of several reactors, as the pool knows it. */
export interface MemberReport {
  /** 0 is the front: it has portals and logins, and no targets. */
  readonly index: number
  /** `down`: it has failed, and is being started again. `failed`: it is not. */
  readonly state: "up" | "down" | "failed"
  /** Names of the targets that have their home there. */
  readonly targets: ReadonlyArray<string>
  readonly bdevCount: number
  readonly connectionCount: number
  /** How often it has failed since the start of the process. */
  readonly crashCount: number
  /** Absent if it does not say. */
  readonly thread?: ReactorThread
}

/** What a reactor says of itself. */
export interface ReactorReport {
  readonly connections: ReadonlyArray<ConnectionReport>
  readonly drains: ReadonlyArray<DrainReport>
  readonly limits: ReadonlyArray<LimitReport>
  readonly sessionCount: number
  /** Bytes that commands in flight hold. */
  readonly taskBufferBytes: number
  /** Facts that were not told, because there were too many. */
  readonly suppressedObservations: number
  /** Of one among several. */
  readonly thread?: ReactorThread
  /** Of several reactors together: each. */
  readonly reactors?: ReadonlyArray<MemberReport>
}

/** What a request can come to. `code` is a Linux errno name. */
export type ReactorAnswer =
  | { readonly _tag: "Done" }
  | {
      readonly _tag: "BdevOpened"
      readonly blockCount: number
      readonly blockSize: number
      /** As `Bdev.identity`. */
      readonly identity?: string
      readonly nvme?: NvmeFound
      /** Files, devices and exports that it writes to, which no other disk may do; absent: none. */
      readonly writes?: ReadonlyArray<string>
    }
  | { readonly _tag: "BdevMeasured"; readonly blockCount: number }
  | { readonly _tag: "Failed"; readonly code: string; readonly detail: string }
  | { readonly _tag: "Drained"; readonly outcome: DrainOutcome }
  | { readonly _tag: "SessionsClosed"; readonly closed: number; readonly cut: number }
  | { readonly _tag: "Report"; readonly report: ReactorReport }
  | { readonly _tag: "Statistics"; readonly result: StatisticsResult }
  | { readonly _tag: "Captured"; readonly recordings: ReadonlyArray<Recording> }

/** A PDU: of which connection, and its number among those that the recorder was told of. */
export interface PduRef {
  readonly connection: number
  readonly ordinal: number
}

/** What is told with an observation, and is no part of it. */
export interface ObservationOrigin {
  /** Seq of the record that led to it, if there is one. */
  readonly correlationId?: number
  /** Of what stands for many: when the first was, in milliseconds before now. */
  readonly firstMillisAgo?: number
  /** What it has come of, if that is one PDU; of what stands for many, the last. */
  readonly pdu?: PduRef
}

/** What a reactor observes. */
export type ReactorObservation = ObservationOf<
  | "SessionOpened"
  | "SessionClosed"
  | "DiscoverySession"
  | "LoginRefused"
  | "LoginAbandoned"
  | "ConnectionRefused"
  | "TaskManagement"
  | "PduRejected"
  | "DigestError"
  | "ProtocolError"
  | "InternalError"
  | "IoFailed"
  | "BdevIoFailed"
  | "SlowIo"
  | "IoStuck"
  | "QueueFull"
  | "QosThrottlingBegan"
  | "QosThrottlingEnded"
  | "LunDrainStarted"
  | "LunDrainEnded"
  | "ObservationsSuppressed"
> &
  ObservationOrigin

/** What several reactors together observe of each other. */
export type PoolObservation = ObservationOf<"ReactorCrashed" | "ReactorRecovered" | "TargetsMoved"> & ObservationOrigin

/** A nexus that learns of a change of reservations, and what. */
export interface ReservationNews {
  readonly of: Registrant
  readonly news: "reservations-preempted" | "reservations-released" | "registrations-preempted"
}

/** A PERSISTENT RESERVE OUT waits for an `AnswerReservations`. */
export interface ReservationsAsked {
  readonly _tag: "ReservationsAsked"
  readonly asked: number
  readonly bdev: BdevId
  readonly initiatorAddress: string
  readonly request: ReservationRequest
  readonly pdu?: PduRef
}

/** A driver has found something out about the device of an open, named bdev. */
export interface BdevTold {
  readonly _tag: "BdevTold"
  readonly bdev: BdevId
  readonly news: BdevNews
}

/** The front has read which target a connection wants: it is to be taken to that one's home. */
export type HandOver = { readonly _tag: "HandOver" } & ConnectionHandOver

/** A connection that was taken over has ended, or could not be taken. */
export interface ConnectionGone {
  readonly _tag: "ConnectionGone"
  readonly connection: number
}

/** What a reactor tells the main thread. */
export type ReactorFact =
  | ReservationsAsked
  | BdevTold
  | HandOver
  | ConnectionGone
  | { readonly _tag: "Answer"; readonly request: RequestId; readonly answer: ReactorAnswer }
  | ReactorObservation
  | PoolObservation
  /** The reactor itself failed; it is of no use any more. */
  | { readonly _tag: "Crashed"; readonly detail: string }

/** A reactor as the main thread sees it, wherever it runs. */
export interface ReactorPort {
  readonly send: (command: ReactorCommand) => void
  /** One listener; facts come in order and never during `send`. */
  readonly listen: (listener: (fact: ReactorFact) => void) => void
  /** Ends the thread, if there is one. */
  readonly terminate: () => Promise<void>
  /** Resolves when its thread has ended by itself or otherwise: nothing of it reaches a disk any more. */
  readonly ended?: Promise<void>
}
