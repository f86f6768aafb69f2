/**
 * What the control side asks of the data plane: leases on what can fail, and what was achieved. The state says what
 * is wanted; this port says what is. `src/dataplane` implements it.
 */
import { Context, type Effect, type Scope } from "effect"
import type { BdevErrorInjection } from "./bdev/Bdev.ts"
import { type BdevRequest, isSizedByDevice } from "./bdev/BdevSpec.ts"
import type { Command } from "./Command.ts"
import type { CaptureSelection, ConnectionCapture } from "./capture/ConnectionCapture.ts"
import type { BdevUnavailable, PortalUnavailable } from "./data-plane-errors.ts"
import type { Portal } from "./group/PortalGroup.ts"
import type { BdevName, Incarnation, IscsiName, Lun, PortalGroupTag } from "./ids.ts"
import type { NvmeControllerData, NvmeNamespaceFound } from "./nvme/NvmeController.ts"
import type { StatisticsSource } from "./Statistics.ts"

/**
 * Something acquired before its event is appended: bound sockets, reserved memory. The committed entry hands it over
 * to the reconcilers, which adopt it by `id`; closing its scope gives it back. An adopted lease's scope is never
 * closed.
 */
export interface Lease {
  readonly id: string
  /** What a file or an export that was opened has, in blocks: part of the event, so known before it. */
  readonly blockCount?: number
  /** And how large they are, in bytes, which a device may have been left to say. */
  readonly blockSize?: number
  /** What NVMe namespaces that were opened are: part of the events, too. */
  readonly namespaces?: ReadonlyArray<NvmeNamespaceFound>
  /** By the names of the bdevs that come with one command, if it makes several. */
  readonly parts?: ReadonlyMap<string, Lease>
}

/** A command with what was found out when its lease was acquired. */
export const withFound = (command: Command, { blockCount, blockSize, namespaces }: Lease): Command => {
  if (command._tag === "AttachBdev") return blockCount === undefined ? command : { ...command, blockCount }
  if (command._tag === "AttachNvmeController") {
    return namespaces === undefined ? command : { ...command, found: namespaces }
  }
  const [found] = namespaces ?? []
  if (command._tag === "AttachNvmeNamespace") return found === undefined ? command : { ...command, found }
  if (command._tag !== "CreateBdev") return command
  const { bdev } = command
  if (bdev._tag === "Nvme") return found === undefined ? command : { ...command, bdev: { ...bdev, found } }
  if (!isSizedByDevice(bdev) || blockCount === undefined) return command
  const isOwn = bdev._tag === "Aio" && bdev.blockSize === 0 && blockSize !== undefined
  if (isOwn) return { ...command, bdev: { ...bdev, blockCount, blockSize, ownBlockSize: true } }
  return { ...command, bdev: { ...bdev, blockCount } }
}

/** One TCP connection, as `iscsi_get_connections` shows it. */
export interface ConnectionInfo {
  readonly id: number
  readonly cid: number
  /** 65535 before a session exists. */
  readonly tsih: number
  readonly state: "invalid" | "running" | "exiting" | "exited"
  readonly loginPhase:
    | "security_negotiation_phase"
    | "operational_negotiation_phase"
    | "full_feature_phase"
    | "not_started"
  /** "" before the initiator has named itself. */
  readonly initiatorName: string
  readonly initiatorAddress: string
  readonly targetAddress: string
  /** Full name; "" in a discovery session. */
  readonly targetName: string
  readonly portalGroupTag: PortalGroupTag
  readonly threadName: string
}

/** Whether a portal is listened on. */
export interface PortalStatus {
  readonly tag: PortalGroupTag
  readonly host: string
  readonly port: number
  /** `waiting`: accepts nothing yet, as its group waits or the start is still under way. */
  readonly state: "listening" | "waiting" | "failed"
  /** Errno name, if failed. */
  readonly code?: string
}

/**
 * Whether a bdev could be opened; `degraded`: it is open, but does not work as it should; `detached`: its device has
 * gone, and is waited for.
 */
export interface BdevStatus {
  readonly name: BdevName
  readonly incarnation: Incarnation
  readonly state: "up" | "degraded" | "failed" | "detached"
  readonly detail?: string
  /** Of a bdev with limits: IOs that wait for them now, and that have had to wait since it has some. */
  readonly limited?: { readonly waitingCount: number; readonly delayedCount: number }
}

/** Memory that the data plane may take and has taken, in bytes. */
export interface MemoryStatus {
  readonly limit: number
  readonly used: number
  readonly usedFor: {
    /** Connections and sessions. */
    readonly connections: number
    /** Commands under way, their data, and buffers that are kept for the next. */
    readonly commands: number
    /** Answers that are not sent yet, and buffers that are kept for the next. */
    readonly output: number
    /** Content of disks that is in memory. */
    readonly disks: number
  }
}

/** Of a data plane that takes none. */
export const noMemory: MemoryStatus = {
  limit: 0,
  used: 0,
  usedFor: { connections: 0, commands: 0, output: 0, disks: 0 }
}

/** The thread of a reactor, since it began; times in milliseconds. */
export interface ReactorThread {
  /** The core that it stays on; absent: the system decides. */
  readonly core?: number
  /** The system's number of it. */
  readonly threadId: number
  /** Of its event loop. */
  readonly busyMillis: number
  readonly idleMillis: number
  /** Of processor time. */
  readonly userMillis: number
  readonly systemMillis: number
}

/** One of several reactors. */
export interface ReactorStatus {
  /** 0 is the front, which has portals and logins; the others have targets. */
  readonly index: number
  /** `down`: it has failed, and is being started again. `failed`: it has failed too often, and is not. */
  readonly state: "up" | "down" | "failed"
  /** Names of the targets that are there, with their disks. */
  readonly targets: ReadonlyArray<string>
  readonly bdevCount: number
  readonly connectionCount: number
  /** How often it has failed since the process began. */
  readonly crashCount: number
  /** Absent if it does not say. */
  readonly thread?: ReactorThread
}

/** What was achieved of what the state wants. */
export interface DataPlaneStatus {
  readonly portals: ReadonlyArray<PortalStatus>
  readonly bdevs: ReadonlyArray<BdevStatus>
  readonly sessionCount: number
  readonly connectionCount: number
  /** Memory that commands under way hold for their data, in bytes. */
  readonly commandBufferBytes: number
  readonly memory: MemoryStatus
  /** Observations that were not recorded since the start, because there were too many at once. */
  readonly suppressedObservations: number
  /** None if there is only one. */
  readonly reactors: ReadonlyArray<ReactorStatus>
  /** Sentences for the user. */
  readonly warnings: ReadonlyArray<string>
}

/** An NVMe controller that is plugged in. */
export interface NvmeControllerFound {
  readonly data: NvmeControllerData
  /** In their order. */
  readonly namespaceIds: ReadonlyArray<number>
}

/** A LUN that drains. */
export interface LunDrain {
  readonly target: IscsiName
  readonly lun: Lun
  readonly incarnation: Incarnation
  readonly commandsLeft: number
  /** Milliseconds since the epoch at which the rest is aborted. */
  readonly deadlineAt: number
}

/** The port; its errors and values are plain, so that it may lead to another thread. */
export class DataPlane extends Context.Service<
  DataPlane,
  {
    /** Binds all of them, or none. */
    readonly acquirePortals: (portals: ReadonlyArray<Portal>) => Effect.Effect<Lease, PortalUnavailable, Scope.Scope>
    /** Opens or reserves what the bdev needs. `name` is for messages: an automatic name is not known yet. */
    readonly acquireBdev: (name: string, bdev: BdevRequest) => Effect.Effect<Lease, BdevUnavailable, Scope.Scope>
    /** What the kernel has at a PCI address; fails if that is no NVMe controller, or is not the kernel's. */
    readonly findNvmeController: (name: string, address: string) => Effect.Effect<NvmeControllerFound, BdevUnavailable>
    /** Opens namespaces of a controller, all or none. */
    readonly acquireNvme: (
      name: string,
      address: string,
      namespaceIds: ReadonlyArray<number>
    ) => Effect.Effect<Lease, BdevUnavailable, Scope.Scope>
    /**
     * Resumes when the data plane has taken note of the committed record `seq`: an initiator that comes afterwards
     * finds what it says. That a removal has ended is another matter, see below.
     */
    readonly awaitApplied: (seq: number) => Effect.Effect<void>
    readonly connections: Effect.Effect<ReadonlyArray<ConnectionInfo>>
    /** Asks connections, by their ids, to log out, and cuts those that have not in time. Does not wait for that. */
    readonly requestLogout: (connections: ReadonlyArray<number>, limitMillis: number) => Effect.Effect<void>
    readonly status: Effect.Effect<DataPlaneStatus>
    readonly lunDrains: Effect.Effect<ReadonlyArray<LunDrain>>
    /** Whole blocks that the file behind a bdev has now. */
    readonly measureBdev: (name: BdevName, incarnation: Incarnation) => Effect.Effect<number, BdevUnavailable>
    /**
     * Copies what a RAM disk holds into a new file on the data plane's host, or a file's content into it. IO goes on:
     * of what is written meanwhile, each block is in the copy or is not.
     */
    readonly dumpBdev: (name: BdevName, incarnation: Incarnation, file: string) => Effect.Effect<void, BdevUnavailable>
    readonly loadBdev: (name: BdevName, incarnation: Incarnation, file: string) => Effect.Effect<void, BdevUnavailable>
    /** Takes effect at once; the event that records it is dispatched first. */
    readonly injectBdevError: (
      name: BdevName,
      incarnation: Incarnation,
      injection: BdevErrorInjection
    ) => Effect.Effect<void, BdevUnavailable>
    /** Takes effect at once for all initiators, who are told; the event that records it is dispatched first. */
    readonly resetOverlay: (name: BdevName, incarnation: Incarnation) => Effect.Effect<void, BdevUnavailable>
    /** Lets the IOs go on that a `pending` injection holds. */
    readonly resumePendingBdevIo: (name: BdevName, incarnation: Incarnation) => Effect.Effect<void, BdevUnavailable>
    readonly statistics: StatisticsSource
    /**
     * What the recorder of PDUs has of connections that are there, and of some that have ended: those with the lowest
     * numbers, as many as the selection allows. Each at one moment.
     */
    readonly capture: (selection: CaptureSelection) => Effect.Effect<ReadonlyArray<ConnectionCapture>>
    /** These resume when the data plane has let go, not only the state. What it never had is gone. */
    readonly awaitLunGone: (target: IscsiName, lun: Lun, incarnation: Incarnation) => Effect.Effect<void>
    readonly awaitBdevGone: (name: BdevName, incarnation: Incarnation) => Effect.Effect<void>
    readonly awaitTargetGone: (name: IscsiName, incarnation: Incarnation) => Effect.Effect<void>
    readonly awaitPortalsClosed: (tag: PortalGroupTag, incarnation: Incarnation) => Effect.Effect<void>
  }
>()("lunlog/domain/DataPlane") {}
