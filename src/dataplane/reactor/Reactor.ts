/**
 * A reactor: one thread's data plane. It opens portals and bdevs, keeps what connections look up, and does IO; it
 * decides nothing. Commands and facts are the plain values of `protocol.ts`. There is no Effect here and nothing waits.
 */
import { compileAccessList } from "../../domain/access.ts"
import type { Connection } from "../iscsi/Connection.ts"
import { IscsiNode, type NodeOptions } from "../iscsi/IscsiNode.ts"
import type { Session } from "../iscsi/Session.ts"
import { LunMapping, Target } from "../iscsi/Target.ts"
import { housekeepingMillis, logoutCloseTimeoutMillis, logoutRequestTimeoutMillis } from "../limits.ts"
import { drainLun, type LunDrain } from "./drain-lun.ts"
import { Portal } from "./Portal.ts"
import type { NexusFact, PortalId, ReactorAnswer, ReactorCommand, ReactorFact, RequestId } from "./protocol.ts"
import { ReactorBdevs } from "./ReactorBdevs.ts"
import { ReactorStatistics } from "./ReactorStatistics.ts"
import { reportOf } from "./reactor-report.ts"

type CommandOf<Tag extends ReactorCommand["_tag"]> = Extract<ReactorCommand, { readonly _tag: Tag }>

const nexusOf = (connection: Connection, session: Session | undefined): NexusFact => {
  const purpose = connection.login.purpose
  return {
    initiatorName: session?.identity.initiatorName ?? purpose?.initiatorName ?? "",
    initiatorAddress: connection.origin.initiatorAddress,
    targetName: session?.targetName ?? (purpose?._tag === "Normal" ? purpose.target.spec.name : ""),
    portalGroupTag: connection.origin.portalGroupTag
  }
}

/** One per thread that does IO. */
export class Reactor {
  readonly #emit: (fact: ReactorFact) => void
  readonly #node: IscsiNode
  readonly #portals = new Map<PortalId, Portal>()
  readonly #bdevs: ReactorBdevs
  readonly #drains = new Set<LunDrain>()
  readonly #statistics: ReactorStatistics
  readonly #housekeeping: NodeJS.Timeout

  constructor(options: NodeOptions, emit: (fact: ReactorFact) => void) {
    this.#emit = emit
    this.#node = new IscsiNode(options, {
      sessionOpened: (session, connection) =>
        emit({
          _tag: "SessionOpened",
          tsih: session.tsih,
          isid: session.identity.isid,
          parameters: { ...session.parameters },
          ...nexusOf(connection, session)
        }),
      sessionClosed: (session, connection, reason) =>
        emit({ _tag: "SessionClosed", tsih: session.tsih, reason, ...nexusOf(connection, session) }),
      loginRefused: (connection, status, reason) =>
        emit({ _tag: "LoginRefused", status, reason, ...nexusOf(connection, undefined) }),
      internalError: (connection, error) =>
        emit({
          _tag: "InternalError",
          detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
          ...nexusOf(connection, connection.session)
        }),
      protocolError: (connection, reason) =>
        emit({ _tag: "ProtocolError", reason, ...nexusOf(connection, connection.session) })
    })
    this.#bdevs = new ReactorBdevs(emit)
    this.#statistics = new ReactorStatistics(this.#node, this.#bdevs.units)
    this.#housekeeping = setInterval(() => this.#lookOver(), housekeepingMillis)
  }

  /** Carries out a command. */
  handle(command: ReactorCommand): void {
    switch (command._tag) {
      case "SetOptions":
        this.#node.options = command.options
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
      default:
        return this.#handleDevice(command)
    }
  }

  #handleDevice(command: ReactorCommand): void {
    switch (command._tag) {
      case "PutTarget":
        return this.#putTarget(command)
      case "DeleteTarget":
        if (this.#target(command.name)?.spec.incarnation === command.incarnation) {
          this.#node.targets.delete(command.name.toLowerCase())
        }
        return
      case "CloseSessions":
        return this.#closeSessions(command)
      case "RequestLogout":
        return this.#requestLogout(command)
      case "KickConnections":
        return this.#kickConnections(command)
      case "CloseBdev":
        this.#statistics.forget(command.bdev)
        return this.#bdevs.handle(command)
      case "OpenBdev":
      case "NameBdev":
      case "DumpBdev":
      case "LoadBdev":
      case "MeasureBdev":
      case "ResizeBdev":
      case "SetLatencies":
      case "SetRateLimits":
      case "InjectFault":
      case "ResumePending":
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
      case "Query":
        return this.#answer(command.request, {
          _tag: "Report",
          report: reportOf(this.#node, this.#drains, this.#bdevs.limits)
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

  #openPortal({ host, port, portal, request }: CommandOf<"OpenPortal">): void {
    const opening = new Portal(this.#node)
    opening.open(host, port, (opened) => {
      if (opened._tag === "Done") this.#portals.set(portal, opening)
      this.#answer(request, opened)
    })
  }

  #closePortal({ portal, request }: CommandOf<"ClosePortal">): void {
    const closing = this.#portals.get(portal)
    this.#portals.delete(portal)
    const done = (): void => this.#answer(request, { _tag: "Done" })
    if (closing === undefined) done()
    else closing.close(done)
  }

  #putTarget({ target: spec }: CommandOf<"PutTarget">): void {
    const known = this.#target(spec.name)
    if (known === undefined || known.spec.incarnation !== spec.incarnation) {
      this.#node.targets.set(spec.name.toLowerCase(), new Target(spec))
      return
    }
    known.update(spec)
    for (const session of known.sessions) session.mapsChanged()
  }

  #closeSessions({ incarnation, name, request }: CommandOf<"CloseSessions">): void {
    const target = this.#target(name)
    let closed = 0
    let cut = 0
    const done = (): void => this.#answer(request, { _tag: "SessionsClosed", closed, cut })
    if (target === undefined || target.spec.incarnation !== incarnation || target.sessions.size === 0) return done()
    const timer = setTimeout(() => {
      cut = target.sessions.size
      for (const session of [...target.sessions]) session.connection?.close("its target is deleted")
    }, logoutRequestTimeoutMillis)
    target.onSessionEnd = () => {
      closed++
      if (target.sessions.size > 0) return
      clearTimeout(timer)
      target.onSessionEnd = undefined
      closed -= cut
      done()
    }
    const backstopMillis = logoutRequestTimeoutMillis + logoutCloseTimeoutMillis
    for (const { connection } of target.sessions) {
      connection?.fullFeature?.requestLogout(logoutRequestTimeoutMillis, backstopMillis)
    }
  }

  #requestLogout({ incarnation, limitMillis, name, portalGroupTag }: CommandOf<"RequestLogout">): void {
    const target = this.#target(name)
    if (target === undefined || target.spec.incarnation !== incarnation) return
    for (const { connection, identity } of target.sessions) {
      if (portalGroupTag !== undefined && identity.port.portalGroupTag !== portalGroupTag) continue
      connection?.fullFeature?.requestLogout(limitMillis)
    }
  }

  #kickConnections({ connections, limitMillis }: CommandOf<"KickConnections">): void {
    const wanted = new Set(connections)
    for (const connection of [...this.#node.connections]) {
      if (!wanted.has(connection.id)) continue
      if (connection.fullFeature === undefined) connection.close("it was asked to leave")
      else connection.fullFeature.requestLogout(limitMillis)
    }
  }

  #mapLun({ bdev, incarnation, lun, target: name }: CommandOf<"MapLun">): void {
    const target = this.#target(name)
    const unit = this.#bdevs.units.get(bdev)
    if (target === undefined || unit === undefined) return
    // A bdev that comes up maps what the state has, which may be ahead of the event that maps it once more.
    if (target.luns[lun]?.incarnation === incarnation) return
    target.luns[lun] = new LunMapping(lun, incarnation, unit)
    for (const session of target.sessions) session.lunInventoryChanged(lun)
  }

  #drainLun({ deadlineMillis, incarnation, lun, request, target: name }: CommandOf<"DrainLun">): void {
    const target = this.#target(name)
    const mapping = target?.luns[lun]
    if (target === undefined || mapping === undefined || mapping.incarnation !== incarnation) {
      const outcome = { drained: 0, aborted: 0, durationMillis: 0 }
      return this.#answer(request, { _tag: "Drained", outcome })
    }
    let over = false
    const drain = drainLun(
      target,
      mapping,
      deadlineMillis,
      () => this.#node.now(),
      (outcome) => {
        over = true
        for (const other of this.#drains) if (other.mapping === mapping) this.#drains.delete(other)
        this.#answer(request, { _tag: "Drained", outcome })
      }
    )
    if (!over) this.#drains.add(drain)
    this.#bdevs.limits.release(mapping.unit.bdev)
  }

  #unmapLun({ incarnation, lun, target: name }: CommandOf<"UnmapLun">): void {
    const target = this.#target(name)
    const mapping = target?.luns[lun]
    if (target === undefined || mapping === undefined || mapping.incarnation !== incarnation) return
    mapping.active = false
    target.luns[lun] = undefined
    for (const session of target.sessions) {
      session.path(lun)
      session.lunInventoryChanged(lun)
    }
  }

  #lookOver(): void {
    const now = this.#node.now()
    for (const connection of this.#node.connections) connection.housekeeping(now)
  }

  #shutdown({ graceMillis, request }: CommandOf<"Shutdown">): void {
    for (const portal of this.#portals.values()) portal.close(() => {})
    this.#portals.clear()
    const end = (): void => {
      clearInterval(poll)
      clearTimeout(timer)
      clearInterval(this.#housekeeping)
      this.#statistics.stop()
      for (const connection of [...this.#node.connections]) connection.close("the target shuts down")
      for (const drain of this.#drains) drain.cancel()
      this.#bdevs.closeAll()
      this.#answer(request, { _tag: "Done" })
    }
    const timer = setTimeout(end, graceMillis)
    const poll = setInterval(() => {
      if (this.#node.sessions.size === 0) end()
    }, 10)
    for (const { connection } of this.#node.sessions.values()) connection?.fullFeature?.requestLogout(graceMillis)
  }
}
