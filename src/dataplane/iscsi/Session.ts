/**
 * A normal session: one I_T nexus, with its command window and its paths to logical units (RFC 7143 section 4.2).
 *
 * Its connections share the order of commands. A connection that has read a command before its turn is not read any
 * further until the missing ones have come by the others: so nothing is kept but what its socket holds, and a command
 * that is missing was sent before on a connection that is read. One that is lost takes the others with it: at error
 * recovery level 0 nobody can take over its commands or fill the gaps that it leaves (RFC 7143 section 7.1.5).
 */
import type { Nexus } from "../scsi/Nexus.ts"
import type { Registrant } from "../scsi/reservations/ReservationsView.ts"
import type { LunUse, SessionView } from "../scsi/SessionView.ts"
import { SenseCode } from "../scsi/sense-codes.ts"
import { addTotals, type Ending, type LogoutCause, noTotals, type Totals } from "./ConnectionEnd.ts"
import type { FullFeaturePhase } from "./FullFeaturePhase.ts"
import type { IscsiTask } from "./IscsiTask.ts"
import { MappingUse } from "./MappingUse.ts"
import type { SessionParameters } from "./negotiation.ts"
import { addSerial, nextSerial, serialBefore } from "./serial-number.ts"
import type { LunMapping, Target, TargetMap, TargetPort, TargetSession } from "./Target.ts"

/** A session's path to one LUN: the mapping, and the I_T_L nexus that unit attentions wait on. */
export interface LunPath {
  readonly mapping: LunMapping
  readonly nexus: Nexus
}

/** Who a session belongs to. */
export interface SessionIdentity {
  readonly initiatorName: string
  /** 12 hexadecimal digits. */
  readonly isid: string
  readonly target: Target
  readonly port: TargetPort
  /** The initiator group that has let it in. */
  readonly initiatorGroup: number
}

const sameLuns = (a: TargetMap["luns"], b: TargetMap["luns"]): boolean =>
  a === b || (a !== undefined && b !== undefined && a.join() === b.join())

/** The command window that responses tell of: a session's, or a stand-in where there is none. */
export interface CommandWindow {
  readonly expCmdSn: number
  readonly maxCmdSn: number
}

/** The commands of a session, as task management needs them. */
export interface SessionCommands {
  /** By initiator task tag. */
  readonly tasks: ReadonlyMap<number, IscsiTask>
  /** Ends a command without an answer. */
  readonly abort: (task: IscsiTask) => void
  /** Ends a command with TASK ABORTED. */
  readonly endAborted: (task: IscsiTask) => void
  readonly endReceiving: (mapping: LunMapping) => void
}

/** A connection of a session. */
export interface SessionConnection {
  readonly cid: number
  readonly commands: SessionCommands | undefined
  readonly close: (reason: string, ending: Ending) => void
  readonly closeAfterFlush: (reason: string, ending: Ending) => void
  readonly cut: (reason: string, ending: Ending) => void
  /** It ends without the others. */
  readonly leave: (reason: string, ending: Ending) => void
  /** The session ends: the initiator is told, unless it has asked for it, and the connection closes. */
  readonly fall: (reason: string, ending: Ending) => void
  readonly fullFeature: Pick<FullFeaturePhase, "requestLogout"> | undefined
}

/** One session. */
export class Session implements SessionView, TargetSession {
  readonly tsih: number
  readonly identity: SessionIdentity
  readonly parameters: SessionParameters
  /** In the order in which they logged in. */
  readonly connections = new Set<SessionConnection>()
  /** When its first connection had logged in, by the node's clock. */
  since = 0
  /** A connection has read a command before its turn, or a task management function waits for commands. */
  hasWaiting = false
  /** Of connections that are not there any more. */
  totals: Totals = noTotals
  /** The CmdSN expected next. */
  expCmdSn: number
  /** Commands that are counted against the window and have not ended. */
  commandsInFlight = 0
  readonly #takenAsReceived = new Set<number>()
  /** What is to be done once all commands before a CmdSN have come. */
  readonly #afterCommands: Array<{ readonly cmdSn: number; readonly then: () => void }> = []
  /** What lets connections go on, by the CmdSN that they have read. */
  readonly #waiting = new Map<number, () => void>()
  #goesOn = false
  #falls = false
  /** Of LUNs that this session sees: what the map hides is not here. */
  readonly #paths: Array<LunPath | undefined> = []
  #luns: TargetMap["luns"]
  #readOnly = false

  constructor(tsih: number, identity: SessionIdentity, parameters: SessionParameters, expCmdSn: number) {
    this.tsih = tsih
    this.identity = identity
    this.parameters = parameters
    this.expCmdSn = expCmdSn
    this.mapsChanged()
  }

  /** The highest CmdSN that the target takes now: the queue depth, less what is in flight. */
  get maxCmdSn(): number {
    return addSerial(this.expCmdSn, this.identity.target.spec.queueDepth - this.commandsInFlight - 1)
  }

  /** A command with the expected CmdSN has come. */
  advanceCmdSn(): void {
    if (this.#afterCommands.length > 0) this.#doAfterCommands()
    this.expCmdSn = nextSerial(this.expCmdSn)
    if (this.#takenAsReceived.size > 0) this.#skipReceived()
  }

  /** A command that has not come is aborted: its CmdSN, which lies within the window, counts as received. */
  takeAsReceived(cmdSn: number): void {
    this.#takenAsReceived.add(cmdSn)
    this.#skipReceived()
  }

  /** Calls `then` before the command with this CmdSN is done, when all before it have come: now, or later. */
  afterCommands(cmdSn: number, then: () => void): void {
    this.#afterCommands.push({ cmdSn, then })
    this.#doAfterCommands()
  }

  /** It is not to be called any more. */
  notAfterCommands(then: () => void): void {
    const place = this.#afterCommands.findIndex((one) => one.then === then)
    if (place >= 0) this.#afterCommands.splice(place, 1)
  }

  #doAfterCommands(): void {
    const isDue = ({ cmdSn }: { readonly cmdSn: number }): boolean => !serialBefore(this.expCmdSn, cmdSn)
    const due = this.#afterCommands.filter(isDue)
    const left = this.#afterCommands.filter((one) => !isDue(one))
    this.#afterCommands.splice(0, this.#afterCommands.length, ...left)
    this.hasWaiting = this.#waiting.size > 0 || left.length > 0
    for (const { then } of due) then()
  }

  #skipReceived(): void {
    while (this.#takenAsReceived.delete(this.expCmdSn)) this.expCmdSn = nextSerial(this.expCmdSn)
  }

  /** A connection has read this one, which is to come later: `readOn` is called then. False: so has another. */
  waitFor(cmdSn: number, readOn: () => void): boolean {
    if (this.#waiting.has(cmdSn)) return false
    this.#waiting.set(cmdSn, readOn)
    this.hasWaiting = true
    return true
  }

  /** The connection that waits for its turn with this one is not read any more. */
  waitNoMore(cmdSn: number): void {
    this.#waiting.delete(cmdSn)
    this.hasWaiting = this.#waiting.size > 0 || this.#afterCommands.length > 0
  }

  /** Connections whose commands are due, or have become superfluous, go on. Each may make others due. */
  goOn(): void {
    if (this.#goesOn) return
    this.#goesOn = true
    if (this.#afterCommands.length > 0) this.#doAfterCommands()
    for (let readOn = this.#nextDue(); readOn !== undefined; readOn = this.#nextDue()) readOn()
    this.#goesOn = false
  }

  #nextDue(): (() => void) | undefined {
    for (const [cmdSn, readOn] of this.#waiting) {
      if (serialBefore(this.expCmdSn, cmdSn)) continue
      this.waitNoMore(cmdSn)
      return readOn
    }
    return undefined
  }

  /** The connection with this CID. */
  connection(cid: number): SessionConnection | undefined {
    for (const connection of this.connections) if (connection.cid === cid) return connection
    return undefined
  }

  /** Whether a connection with this CID may join, or be reinstated. */
  hasRoomFor(cid: number): boolean {
    return this.connections.size < this.parameters.maxConnections || this.connection(cid) !== undefined
  }

  /** A connection has logged in; one with its CID, if there is, is reinstated by it (RFC 7143 section 6.3.4). */
  join(connection: SessionConnection): void {
    const before = this.connection(connection.cid)
    this.connections.add(connection)
    before?.leave("its connection was reinstated", "reinstated")
  }

  /**
   * A connection has ended, `alone` or not: whether that has ended the session. Connections that wait look again: one
   * that is the last waits for nothing.
   */
  left(connection: SessionConnection, totals: Totals, ending: Ending, alone: boolean): boolean {
    if (!this.connections.delete(connection)) return false
    this.totals = addTotals(this.totals, totals)
    if (this.#falls) return false
    if (!alone) {
      this.#falls = true
      for (const other of [...this.connections]) other.fall("its session ended with another connection", ending)
    }
    if (this.connections.size === 0) {
      this.end()
      return true
    }
    for (const [cmdSn, readOn] of [...this.#waiting]) {
      this.waitNoMore(cmdSn)
      readOn()
    }
    return false
  }

  /** Ends it with all its connections: the first takes the others with it. */
  close(reason: string, ending: Ending): void {
    for (const connection of this.connections) return connection.close(reason, ending)
  }

  /** The same, as the target wants it: the initiator is told. */
  cut(reason: string, ending: Ending): void {
    for (const connection of this.connections) return connection.cut(reason, ending)
  }

  /** The same, once all that was answered has been sent. */
  closeAfterFlush(reason: string, ending: Ending): void {
    for (const connection of this.connections) return connection.closeAfterFlush(reason, ending)
  }

  requestLogout(limitMillis: number, cutMillis?: number, cause?: LogoutCause): void {
    for (const { fullFeature } of this.connections) fullFeature?.requestLogout(limitMillis, cutMillis, cause)
  }

  endReceiving(mapping: LunMapping): void {
    for (const { commands } of this.connections) commands?.endReceiving(mapping)
  }

  get targetName(): string {
    return this.identity.target.spec.name
  }

  get targetPortName(): string {
    const tag = this.identity.port.portalGroupTag.toString(16).padStart(4, "0")
    return `${this.targetName},t,0x${tag}`
  }

  /** The I_T nexus by names that outlive the session. */
  get registrant(): Registrant {
    const { initiatorName: initiator, isid } = this.identity
    return { initiator, isid, target: this.targetName, relativePort: this.relativeTargetPort }
  }

  get relativeTargetPort(): number {
    return this.identity.port.relativePortId
  }

  get targetPorts(): ReadonlyArray<number> {
    return this.identity.target.spec.ports.map(({ relativePortId }) => relativePortId)
  }

  reportLuns(): ReadonlyArray<number> {
    return this.identity.target.activeLuns().filter((lun) => this.#sees(lun))
  }

  nexus(lun: number): Nexus | undefined {
    return this.path(lun)?.nexus
  }

  useLun(lun: number): LunUse | undefined {
    const path = this.path(lun)
    return path === undefined ? undefined : new MappingUse(path, () => this.path(lun) === path)
  }

  lunInventoryReported(): void {
    for (const path of this.#paths) path?.nexus.clear(SenseCode.reportedLunsDataHasChanged)
  }

  #sees(lun: number): boolean {
    return this.#luns?.includes(lun) ?? true
  }

  /** The path to a LUN that takes commands and that this session sees; undefined if there is none. */
  path(lun: number): LunPath | undefined {
    const known = this.#paths[lun]
    if (known?.mapping.active) return known
    known?.nexus.detach()
    const mapping = lun < 0 || !this.#sees(lun) ? undefined : this.identity.target.luns[lun]
    if (mapping === undefined || !mapping.active) {
      if (known !== undefined) this.#paths[lun] = undefined
      return undefined
    }
    const path = { mapping, nexus: mapping.unit.attach(this.registrant) }
    path.nexus.readOnly = this.#readOnly
    this.#paths[lun] = path
    return path
  }

  /** A LUN of the target has come or gone: if it is one that this session sees, it is told. */
  lunInventoryChanged(lun: number): void {
    if (this.#sees(lun)) this.#tell(SenseCode.reportedLunsDataHasChanged)
  }

  /**
   * What the map that has let it in gives now counts for the next command; what is in flight ends as it is. A map that
   * is gone leaves its sessions with what they have.
   */
  mapsChanged(): void {
    const { initiatorGroup, port, target } = this.identity
    const map = target.map(port.portalGroupTag, initiatorGroup)
    if (map === undefined) return
    if (!sameLuns(map.luns, this.#luns)) {
      this.#luns = map.luns
      this.#hidePaths()
      this.#tell(SenseCode.reportedLunsDataHasChanged)
    }
    if (map.readOnly === this.#readOnly) return
    this.#readOnly = map.readOnly
    for (const path of this.#paths) if (path !== undefined) path.nexus.readOnly = map.readOnly
    // SBC-3 6.5.1: the WP bit is part of the mode parameters.
    this.#tell(SenseCode.modeParametersChanged)
  }

  #hidePaths(): void {
    this.#paths.forEach((path, lun) => {
      if (path === undefined || this.#sees(lun)) return
      path.nexus.detach()
      this.#paths[lun] = undefined
    })
  }

  /** A unit attention on every path that is in use. */
  #tell(code: SenseCode): void {
    for (const path of this.#paths) if (path?.mapping.active) path.nexus.establish(code)
  }

  /** It has no connection any more. */
  end(): void {
    for (const path of this.#paths) path?.nexus.detach()
    this.#paths.length = 0
    this.identity.target.sessions.delete(this)
    this.identity.target.onSessionEnd?.()
  }
}
