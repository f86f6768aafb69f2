/**
 * A reactor: one thread's data plane. It opens portals and bdevs, keeps what connections look up, and does IO; it
 * decides nothing. Commands and facts are the plain values of `protocol.ts`. There is no Effect here and nothing waits.
 */
import { compileAccessList } from "../../domain/access.ts"
import type { AllowedPaths } from "../../host/AllowedPaths.ts"
import { poolThreads } from "../bdev/file/FileSlots.ts"
import { OpenFiles } from "../bdev/file/OpenFiles.ts"
import { authGroupOf } from "../iscsi/auth/AuthGroupView.ts"
import { Front } from "../iscsi/handover/Front.ts"
import { Home } from "../iscsi/handover/Home.ts"
import type { Place } from "../iscsi/handover/Place.ts"
import { IscsiNode, type NodeOptions } from "../iscsi/IscsiNode.ts"
import type { PeerLimitSettings } from "../iscsi/Peers.ts"
import type { RecorderSettings } from "../iscsi/recorder/PduRecorder.ts"
import { LunMapping, Target } from "../iscsi/Target.ts"
import { housekeepingMillis, logoutCloseTimeoutMillis, logoutRequestTimeoutMillis } from "../limits.ts"
import { MemoryBudget } from "../MemoryBudget.ts"
import { defaultMemoryBytes } from "../memory-limit.ts"
import { drainLun, type LunDrain } from "./drain-lun.ts"
import { FactGate } from "./FactGate.ts"
import { IoFacts, placeOf } from "./io-facts.ts"
import { Portal } from "./Portal.ts"
import type {
  PortalId,
  ReactorAnswer,
  ReactorCommand,
  ReactorCommandOf,
  ReactorFact,
  ReactorObservation,
  ReactorReport,
  RequestId
} from "./protocol.ts"
import { ReactorBdevs } from "./ReactorBdevs.ts"
import { ReactorStatistics } from "./ReactorStatistics.ts"
import { ReservationRequests } from "./ReservationRequests.ts"
import { reportOf } from "./reactor-report.ts"
import { StuckIo } from "./StuckIo.ts"
import { sessionFacts } from "./session-facts.ts"
import { Throttling } from "./Throttling.ts"
import { threadReport } from "./thread-report.ts"

/** What a reactor has from its process, in plain values. */
export interface ReactorSurroundings {
  /** What disks in files may be; all if absent. */
  readonly allowedPaths?: AllowedPaths | undefined
  /** What one initiator's address may have; what is absent is as in limits.ts. */
  readonly peerLimits?: PeerLimitSettings | undefined
  /** Where sysfs is; `/sys` if absent. */
  readonly sysfsRoot?: string | undefined
  /** Where it stands among several; the only one if absent. */
  readonly place?: Place | undefined
  /** The core that its thread stays on; the system decides if absent. */
  readonly core?: number | undefined
  /** `MemoryBudget.shared` of what it may take; a budget of its own, as `defaultMemoryBytes` says, if absent. */
  readonly memory?: SharedArrayBuffer | undefined
  /** What is recorded of PDUs; as in limits.ts if absent. */
  readonly recorder?: RecorderSettings | undefined
}

const takePlace = (node: IscsiNode, place: Place, emit: (fact: ReactorFact) => void): void => {
  if (place.index === 0) node.front = new Front(node, place, (handOver) => emit({ _tag: "HandOver", ...handOver }))
  else node.home = new Home(node, place, (connection) => emit({ _tag: "ConnectionGone", connection }))
}

/** One per thread that does IO. */
export class Reactor {
  readonly #emit: (fact: ReactorFact) => void
  readonly #gate: FactGate
  readonly #tell = (fact: ReactorObservation): void => this.#gate.tell(fact)
  readonly #io = new IoFacts(1000, this.#tell)
  readonly #memory: MemoryBudget
  readonly #node: IscsiNode
  readonly #portals = new Map<PortalId, Portal>()
  readonly #bdevs: ReactorBdevs
  readonly #drains = new Set<LunDrain>()
  readonly #statistics: ReactorStatistics
  readonly #stuck = new StuckIo(this.#tell)
  readonly #throttling: Throttling
  readonly #reservations: ReservationRequests
  readonly #housekeeping: NodeJS.Timeout
  /** Of one among several. */
  readonly #thread: () => Pick<ReactorReport, "thread">

  constructor(options: NodeOptions, emit: (fact: ReactorFact) => void, surroundings: ReactorSurroundings = {}) {
    this.#emit = emit
    const memory = surroundings.memory ?? MemoryBudget.sized(defaultMemoryBytes()).shared
    const { core, peerLimits, place, recorder } = surroundings
    this.#thread = () => (place === undefined ? {} : { thread: threadReport(core) })
    this.#memory = new MemoryBudget(memory, place?.index)
    this.#node = new IscsiNode(options, sessionFacts(this.#tell), peerLimits, place, this.#memory, recorder)
    if (place !== undefined) takePlace(this.#node, place, emit)
    this.#gate = new FactGate(emit, () => this.#node.now())
    this.#node.tasks.watch = this.#io
    const { allowedPaths, sysfsRoot } = surroundings
    // The process has one pool of threads, of which each reactor has its part.
    const threads = Math.max(1, Math.floor(poolThreads() / (place?.of ?? 1)))
    const openFiles = new OpenFiles(undefined, threads, allowedPaths, sysfsRoot)
    this.#bdevs = new ReactorBdevs(emit, this.#memory.account("disks"), openFiles, this.#tell)
    this.#throttling = new Throttling(this.#bdevs.limits, this.#tell)
    this.#reservations = new ReservationRequests(this.#node, emit, this.#bdevs.units)
    this.#statistics = new ReactorStatistics(this.#node, this.#bdevs.units, this.#gate.counts)
    this.#housekeeping = setInterval(() => this.#lookOver(), housekeepingMillis)
  }

  /** Carries out a command. */
  handle(command: ReactorCommand): void {
    this.#node.coalescing.wake()
    switch (command._tag) {
      case "SetOptions":
        this.#node.options = command.options
        return
      case "WatchSlowIo":
        this.#io.slowMillis = command.millis ?? Number.POSITIVE_INFINITY
        return
      case "OpenPortal":
        return this.#openPortal(command)
      case "AcceptPortal":
        return this.#portals.get(command.portal)?.accept(command.portalGroupTag)
      case "ClosePortal":
        return this.#closePortal(command)
      case "PutPortalGroup":
        this.#node.portalGroups.set(command.group.tag, command.group)
        return
      case "DeletePortalGroup":
        this.#node.portalGroups.delete(command.tag)
        return
      case "PutInitiatorGroup":
        this.#node.initiatorGroups.set(command.group.tag, compileAccessList(command.group))
        return
      case "DeleteInitiatorGroup":
        this.#node.initiatorGroups.delete(command.tag)
        return
      case "PutAuthGroup":
        this.#node.authGroups.set(command.group.tag, authGroupOf(command.group))
        return
      case "DeleteAuthGroup":
        this.#node.authGroups.delete(command.tag)
        return
      default:
        return this.#handleConnection(command)
    }
  }

  #handleConnection(command: ReactorCommand): void {
    switch (command._tag) {
      case "PutTarget":
        return this.#putTarget(command)
      case "DeleteTarget":
        return this.#deleteTarget(command)
      case "CloseSessions":
        return this.#closeSessions(command)
      case "RequestLogout":
        return this.#requestLogout(command)
      case "KickConnections":
        return this.#kickConnections(command)
      case "TakeConnection":
        return this.#node.home?.take(command)
      case "ForgetConnection":
        return this.#node.front?.forget(command.connection)
      case "CutConnections":
        for (const connection of [...this.#node.connections]) connection.cut(command.reason, "serverEnd")
        return
      default:
        return this.#handleDevice(command)
    }
  }

  #handleDevice(command: ReactorCommand): void {
    switch (command._tag) {
      case "CloseBdev":
        this.#statistics.forget(command.bdev)
        return this.#bdevs.handle(command)
      case "NameBdev":
        return this.#nameBdev(command)
      case "PutReservations":
      case "AnswerReservations":
        return this.#reservations.handle(command)
      case "OpenBdev":
      case "DumpBdev":
      case "LoadBdev":
      case "CancelCopies":
      case "MeasureBdev":
      case "ResizeBdev":
      case "SetLatencies":
      case "SetRateLimits":
      case "InjectFault":
      case "ResumePending":
      case "ResetOverlay":
        return this.#bdevs.handle(command)
      case "MapLun":
        return this.#mapLun(command)
      case "DrainLun":
        return this.#drainLun(command)
      case "UnmapLun":
        return this.#unmapLun(command)
      case "SetHistogram":
        return this.#statistics.keepHistogram(command.bdev, command.histogram)
      case "Statistics":
        return this.#answer(command.request, { _tag: "Statistics", result: this.#statistics.query(command.query) })
      case "Capture":
        return this.#answer(command.request, this.#node.captured(command.selection))
      case "Query":
        return this.#answer(command.request, {
          _tag: "Report",
          report: { ...reportOf(this.#node, this.#drains, this.#bdevs.limits, this.#gate), ...this.#thread() }
        })
      case "Shutdown":
        return this.#shutdown(command)
    }
  }

  #answer(request: RequestId, answer: ReactorAnswer): void {
    this.#emit({ _tag: "Answer", request, answer })
  }

  #target(name: string): Target | undefined {
    return this.#node.targets.get(name.toLowerCase())
  }

  #openPortal({ host, port, portal, request }: ReactorCommandOf<"OpenPortal">): void {
    const opening = new Portal(this.#node)
    opening.open(host, port, (opened) => {
      if (opened._tag === "Done") this.#portals.set(portal, opening)
      this.#answer(request, opened)
    })
  }

  #closePortal({ portal, request }: ReactorCommandOf<"ClosePortal">): void {
    const closing = this.#portals.get(portal)
    this.#portals.delete(portal)
    const done = (): void => this.#answer(request, { _tag: "Done" })
    if (closing === undefined) done()
    else closing.close(done)
  }

  #putTarget({ target: spec }: ReactorCommandOf<"PutTarget">): void {
    const known = this.#target(spec.name)
    if (known === undefined || known.spec.incarnation !== spec.incarnation) {
      this.#node.targets.set(spec.name.toLowerCase(), new Target(spec))
      return
    }
    known.update(spec)
    for (const session of known.sessions) session.mapsChanged()
  }

  #deleteTarget({ incarnation, name }: ReactorCommandOf<"DeleteTarget">): void {
    if (this.#target(name)?.spec.incarnation === incarnation) this.#node.targets.delete(name.toLowerCase())
  }

  #closeSessions({ correlationId, incarnation, moving, name, request }: ReactorCommandOf<"CloseSessions">): void {
    const target = this.#target(name)
    let closed = 0
    let cut = 0
    const done = (): void => this.#answer(request, { _tag: "SessionsClosed", closed, cut })
    if (target === undefined || target.spec.incarnation !== incarnation) return done()
    const ending = moving === undefined ? "targetDeleted" : "kicked"
    const limitMillis = moving?.logoutLimitMillis ?? logoutRequestTimeoutMillis
    // Who is logging in would be refused for good at the end of it; so it tries again.
    if (moving !== undefined) this.#cutLogins(target)
    if (target.sessions.size === 0) return done()
    const timer = setTimeout(() => {
      cut = target.sessions.size
      const reason = `its target ${moving === undefined ? "is deleted" : "moves to another reactor"}`
      for (const session of [...target.sessions]) session.cut(reason, ending)
    }, limitMillis)
    target.onSessionEnd = () => {
      closed++
      if (target.sessions.size > 0) return
      clearTimeout(timer)
      target.onSessionEnd = undefined
      closed -= cut
      done()
    }
    const cause = { ending, ...(correlationId === undefined ? {} : { correlationId }) } as const
    const backstopMillis = limitMillis + logoutCloseTimeoutMillis
    for (const session of target.sessions) session.requestLogout(limitMillis, backstopMillis, cause)
  }

  #cutLogins(target: Target): void {
    for (const connection of [...this.#node.connections]) {
      const { purpose } = connection.login
      const isLogin = connection.fullFeature === undefined && purpose?._tag === "Normal"
      if (isLogin && purpose.target === target) connection.close("its target moves to another reactor", "kicked")
    }
  }

  #requestLogout(command: ReactorCommandOf<"RequestLogout">): void {
    const { correlationId, incarnation, limitMillis, name, portalGroupTag } = command
    const cause = { ending: "kicked", ...(correlationId === undefined ? {} : { correlationId }) } as const
    const target = this.#target(name)
    if (target === undefined || target.spec.incarnation !== incarnation) return
    for (const session of target.sessions) {
      if (portalGroupTag !== undefined && session.identity.port.portalGroupTag !== portalGroupTag) continue
      session.requestLogout(limitMillis, limitMillis, cause)
    }
  }

  #kickConnections({ connections, limitMillis }: ReactorCommandOf<"KickConnections">): void {
    const wanted = new Set(connections)
    for (const connection of [...this.#node.connections]) {
      if (!wanted.has(connection.id)) continue
      if (connection.fullFeature === undefined) connection.close("it was asked to leave", "kicked")
      else connection.fullFeature.requestLogout(limitMillis)
    }
  }

  #nameBdev(command: ReactorCommandOf<"NameBdev">): void {
    this.#bdevs.handle(command)
    const unit = this.#bdevs.units.get(command.bdev)
    if (unit !== undefined) unit.askReservations = this.#reservations.ask
  }

  #mapLun({ bdev, incarnation, lun, target: name }: ReactorCommandOf<"MapLun">): void {
    const target = this.#target(name)
    const unit = this.#bdevs.units.get(bdev)
    if (target === undefined || unit === undefined) return
    // A bdev that comes up maps what the state has, which may be ahead of the event that maps it once more.
    if (target.luns[lun]?.incarnation === incarnation) return
    target.luns[lun] = new LunMapping(lun, incarnation, unit, target.spec.name)
    for (const session of target.sessions) session.lunInventoryChanged(lun)
  }

  #drainLun(command: ReactorCommandOf<"DrainLun">): void {
    const { correlationId, deadlineMillis, incarnation, lun, request, target: name } = command
    const target = this.#target(name)
    const mapping = target?.luns[lun]
    if (target === undefined || mapping === undefined || mapping.incarnation !== incarnation) {
      const outcome = { drained: 0, aborted: 0, durationMillis: 0 }
      return this.#answer(request, { _tag: "Drained", outcome })
    }
    const place = { ...placeOf(mapping), ...(correlationId === undefined ? {} : { correlationId }) }
    this.#tell({ _tag: "LunDrainStarted", ...place, inFlight: mapping.submitted.size, deadlineMillis })
    let over = false
    const drain = drainLun(
      target,
      mapping,
      deadlineMillis,
      () => this.#node.now(),
      (outcome, hanging) => {
        over = true
        const late = outcome.aborted > 0
        this.#tell({ _tag: "LunDrainEnded", ...place, ...outcome, late, ...(late ? { hanging } : {}) })
        for (const other of this.#drains) if (other.mapping === mapping) this.#drains.delete(other)
        this.#answer(request, { _tag: "Drained", outcome })
      }
    )
    if (!over) this.#drains.add(drain)
    this.#bdevs.limits.release(mapping.unit.bdev)
  }

  #unmapLun({ incarnation, lun, target: name }: ReactorCommandOf<"UnmapLun">): void {
    const target = this.#target(name)
    const mapping = target?.luns[lun]
    if (target === undefined || mapping === undefined || mapping.incarnation !== incarnation) return
    mapping.active = false
    target.luns[lun] = undefined
    target.past.absorb(mapping.counts)
    for (const session of target.sessions) {
      session.path(lun)
      session.lunInventoryChanged(lun)
    }
  }

  #lookOver(): void {
    const now = this.#node.now()
    for (const connection of this.#node.connections) connection.housekeeping(now)
    this.#stuck.sweep(this.#node.targets.values(), now, this.#io.slowMillis)
    this.#throttling.sweep(now)
    this.#gate.lookOver()
    this.#node.lookOver(now)
  }

  #shutdown({ graceMillis, request }: ReactorCommandOf<"Shutdown">): void {
    for (const portal of this.#portals.values()) portal.close(() => {})
    this.#portals.clear()
    const end = (): void => {
      clearInterval(poll)
      clearTimeout(timer)
      clearInterval(this.#housekeeping)
      this.#statistics.stop()
      this.#reservations.stop()
      for (const connection of [...this.#node.connections]) connection.cut("the target shuts down", "serverEnd")
      for (const drain of this.#drains) drain.cancel()
      this.#bdevs.closeAll(() => {
        this.#gate.flush()
        this.#answer(request, { _tag: "Done" })
      })
    }
    const timer = setTimeout(end, graceMillis)
    const poll = setInterval(() => {
      if (this.#node.sessions.size === 0) end()
    }, 10)
    for (const session of this.#node.sessions.values()) {
      session.requestLogout(graceMillis, graceMillis, { ending: "serverEnd" })
    }
  }
}
