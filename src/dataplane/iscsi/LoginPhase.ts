/**
 * A connection before full feature phase: turns login PDUs into steps of the login, and its outcome into a session.
 */
import { loginDataSegmentBytesMax } from "../limits.ts"
import { CommandPath } from "./CommandPath.ts"
import type { Connection } from "./Connection.ts"
import { ControlPdu } from "./ControlPdu.ts"
import { FullFeaturePhase } from "./FullFeaturePhase.ts"
import { Login, type LoginPurpose, type LoginRefusal, type LoginReply } from "./Login.ts"
import { defaultParameters, type SessionParameters } from "./negotiation.ts"
import { bhsBytes, opcodeOf } from "./pdu/bhs.ts"
import { type LoginRequest, LoginStage, LoginStatus, readLoginRequest, writeLoginResponse } from "./pdu/login.ts"
import { InitiatorOpcode, opcodeName } from "./pdu/opcodes.ts"
import { Session } from "./Session.ts"
import type { Target, TargetMap } from "./Target.ts"

const nothing = Buffer.alloc(0)

type NormalPurpose = LoginPurpose & { readonly _tag: "Normal" }

/** One per connection. */
export class LoginPhase {
  readonly #connection: Connection
  readonly #pdu = new ControlPdu()
  readonly #login: Login
  /** How many there were. */
  responses = 0
  /** How many of them another reactor has sent already. */
  answeredElsewhere = 0
  #first: LoginRequest | undefined
  /** What is still to be sent of an answer that is longer than the initiator takes in one PDU. */
  #unsent: { readonly reply: LoginReply; readonly from: number } | undefined

  constructor(connection: Connection) {
    this.#connection = connection
    this.#login = new Login(connection.node, connection.origin)
  }

  /** Security or operational negotiation, or neither yet. */
  get stage(): number | undefined {
    return this.#login.stage
  }

  /** What the initiator calls itself beside its name; undefined if it does not. */
  get initiatorAlias(): string | undefined {
    return this.#login.initiatorAlias
  }

  /** Whom the initiator has proven to be by CHAP; undefined without. */
  get chapUser(): string | undefined {
    return this.#login.chapUser
  }

  /** What the initiator was to prove itself by; undefined without CHAP. */
  get challenge(): Buffer | undefined {
    return this.#login.challenge
  }

  /** Who wants what, as the first request says it; without names before. */
  get claimed(): { readonly initiatorName: string; readonly targetName: string } {
    return this.#login.claimed
  }

  /** Known after the first request. */
  get purpose(): LoginPurpose | undefined {
    return this.#login.purpose
  }

  /** See `PduHandler`. */
  header(b: Buffer, at: number, dataBytes: number, _ahsBytes: number): boolean {
    const opcode = opcodeOf(b, at)
    if (opcode !== InitiatorOpcode.LoginRequest) {
      return this.#connection.protocolError(`${opcodeName(opcode)} before the login`)
    }
    if (dataBytes > loginDataSegmentBytesMax) {
      return this.#connection.protocolError(`${dataBytes} bytes of text in one login request`)
    }
    this.#pdu.begin(b, at, dataBytes)
    return true
  }

  /** See `PduHandler`. */
  data(b: Buffer, start: number, end: number): void {
    this.#pdu.append(b, start, end)
  }

  /** See `PduHandler`. */
  end(): void {
    const request = readLoginRequest(this.#pdu.header, 0)
    const data = this.#pdu.takeData()
    this.#connection.recorder.receivedText(data)
    const first = this.#first ?? request
    if (this.#first === undefined) {
      this.#first = request
      this.#connection.cid = request.cid
      this.#connection.window = { expCmdSn: request.cmdSn, maxCmdSn: request.cmdSn }
    }
    if (request.isid !== first.isid || request.tsih !== first.tsih || request.cid !== first.cid) {
      this.#refuse(request, LoginStatus.InitiatorError, "a login request with another ISID, TSIH or CID")
      return
    }
    const tooMany = request === first ? this.#tooMany() : undefined
    if (tooMany !== undefined) return this.#refuse(request, LoginStatus.OutOfResources, tooMany)
    const unsent = this.#unsent
    if (unsent !== undefined) {
      if (data.length > 0) this.#refuse(request, LoginStatus.InitiatorError, "text while an answer is continued")
      else this.#reply(request, unsent.reply, unsent.from)
      return
    }
    const outcome = this.#login.step(request, data)
    const { purpose } = this.#login
    // Who joins a session is told of its window from the first response on.
    if (purpose?._tag === "Normal" && purpose.session !== undefined) this.#connection.window = purpose.session
    if (outcome._tag === "Elsewhere") this.#handOver(request, outcome.target)
    else if (outcome._tag === "Refused") this.#refuseWith(request, outcome)
    else this.#reply(request, outcome, 0)
  }

  #handOver(request: LoginRequest, target: Target): void {
    const problem = this.#connection.node.front?.handOver(this.#connection, target)
    if (problem !== undefined)
      this.#refuse(request, LoginStatus.OutOfResources, `it cannot go to its target: ${problem}`)
  }

  /** A login begins: why it cannot be, or comes too early after others of its address. */
  #tooMany(): string | undefined {
    const { node, origin } = this.#connection
    if (!node.hasRoom) return "no memory is left for a session (--mem-size)"
    // The front has looked at it already.
    if (node.home !== undefined) return undefined
    const { logins } = node.peers.of(origin.initiatorAddress)
    if (!logins.allows(node.now())) {
      return `more than ${node.peers.limits.loginsPerSecond} logins a second from ${origin.initiatorAddress}`
    }
    logins.take()
    return undefined
  }

  #reply(request: LoginRequest, reply: LoginReply, from: number): void {
    const end = Math.min(reply.text.length, from + loginDataSegmentBytesMax)
    const continues = end < reply.text.length
    this.#unsent = continues ? { reply, from: end } : undefined
    const entering = reply.transit && reply.nextStage === LoginStage.FullFeature && !continues
    const session = entering ? this.#enter(request) : 0
    if (session === undefined) return
    this.#send(request, LoginStatus.Success, reply.text.subarray(from, end), {
      transit: reply.transit && !continues,
      continues,
      nextStage: reply.nextStage,
      tsih: session === 0 ? request.tsih : session
    })
    const { negotiation } = this.#login
    if (entering && negotiation !== undefined) this.#connection.useDigests(negotiation.digests)
  }

  #refuseWith(request: LoginRequest, refusal: LoginRefusal): void {
    this.#refuse(request, refusal.status, refusal.reason, refusal.text)
  }

  #refuse(request: LoginRequest, status: LoginStatus, reason: string, text: Buffer = nothing): void {
    this.#send(request, status, text, { transit: false, continues: false, nextStage: 0, tsih: request.tsih })
    this.#connection.node.listener.loginRefused(this.#connection, status, reason)
    this.#connection.closeAfterFlush(`login refused: ${reason}`, "loginRefused")
  }

  #send(
    request: LoginRequest,
    status: LoginStatus,
    text: Buffer,
    out: { readonly transit: boolean; readonly continues: boolean; readonly nextStage: number; readonly tsih: number }
  ): void {
    const { isid, initiatorTaskTag, currentStage } = request
    const response = { ...out, isid, initiatorTaskTag, currentStage, status }
    const n = this.#connection.numbers()
    const write = (b: Buffer, at: number): void =>
      writeLoginResponse(b, at, response, text.length, n.statSn, n.expCmdSn, n.maxCmdSn)
    if (this.responses++ >= this.answeredElsewhere) return this.#connection.send(text, write)
    const sent = Buffer.alloc(bhsBytes)
    write(sent, 0)
    this.#connection.recorder.sentControl(sent, 0, text)
  }

  /** Full feature phase begins: the TSIH, 0 for discovery (which gets one too), or undefined if it was refused. */
  #enter(request: LoginRequest): number | undefined {
    const connection = this.#connection
    const { node } = connection
    const purpose = this.#login.purpose
    if (purpose === undefined) return undefined
    if (purpose._tag === "Discovery") {
      const parameters = this.#parameters()
      connection.enterFullFeature(
        undefined,
        undefined,
        new FullFeaturePhase(connection, parameters, purpose),
        parameters
      )
      return node.takeTsih()
    }
    const map = this.#admittingMap(purpose)
    if ("_tag" in map) {
      this.#refuseWith(request, map)
      return undefined
    }
    return purpose.session === undefined
      ? this.#open(request, purpose, map.initiatorGroup)
      : this.#join(request, purpose, purpose.session, map.initiatorGroup)
  }

  /** A session begins. */
  #open(request: LoginRequest, purpose: NormalPurpose, initiatorGroup: number): number | undefined {
    const connection = this.#connection
    const { node } = connection
    const { initiatorName, port, target } = purpose
    const replacedTsih = this.#reinstate(request, purpose)
    const tooMany = node.admit(connection)
    if (tooMany !== undefined) {
      this.#refuse(request, LoginStatus.OutOfResources, tooMany)
      return undefined
    }
    const identity = { initiatorName, isid: request.isid, target, port, initiatorGroup }
    const session = new Session(node.takeTsih(), identity, this.#parameters(), request.cmdSn)
    session.since = node.now()
    node.opened(session, connection)
    target.sessions.add(session)
    this.#enterSession(session, purpose, session.parameters)
    node.listener.sessionOpened(session, connection, replacedTsih)
    return session.tsih
  }

  /** One more connection of a session, or one in place of another (RFC 7143 sections 6.3.4 and 6.3.1). */
  #join(request: LoginRequest, purpose: NormalPurpose, session: Session, initiatorGroup: number): number | undefined {
    if (initiatorGroup !== session.identity.initiatorGroup) {
      // From another address it may have other rights than the session has.
      const reason = `session ${session.tsih} was let in by initiator group ${session.identity.initiatorGroup}`
      this.#refuse(request, LoginStatus.CannotInclude, reason)
      return undefined
    }
    if (!session.hasRoomFor(this.#connection.cid)) {
      const reason = `session ${session.tsih} has ${session.connections.size} connections, which is its limit`
      this.#refuse(request, LoginStatus.TooManyConnections, reason)
      return undefined
    }
    const { initiatorMaxRecvDataSegmentLength } = this.#parameters()
    this.#enterSession(session, purpose, { ...session.parameters, initiatorMaxRecvDataSegmentLength })
    return session.tsih
  }

  #enterSession(session: Session, purpose: NormalPurpose, parameters: SessionParameters): void {
    const connection = this.#connection
    connection.window = session
    connection.recorder.tsih = session.tsih
    const commands = new CommandPath(connection, session, connection.node.tasks)
    connection.enterFullFeature(session, commands, new FullFeaturePhase(connection, parameters, purpose), parameters)
    session.join(connection)
  }

  /**
   * What lets it in at last. A login takes a while: its target, its right to it, or the session that it would join, may
   * have gone meanwhile.
   */
  #admittingMap(purpose: NormalPurpose): TargetMap | LoginRefusal {
    const { initiatorName, port, session, target } = purpose
    const { node, origin } = this.#connection
    const { deleting, name } = target.spec
    if (node.home?.establish(this.#connection) === false) {
      return { _tag: "Refused", status: LoginStatus.OutOfResources, reason: "it gave way to others that log in" }
    }
    if (deleting || node.findTarget(name) !== target) {
      return { _tag: "Refused", status: LoginStatus.TargetRemoved, reason: `${name} was deleted during the login` }
    }
    const map = node.admittingMap(target, port.portalGroupTag, initiatorName, origin.initiatorAddress)
    if (map === undefined) {
      const reason = `${name} was closed to it during the login`
      return { _tag: "Refused", status: LoginStatus.Forbidden, reason }
    }
    if (session !== undefined && node.sessions.get(session.tsih) !== session) {
      const reason = `session ${session.tsih} ended during the login`
      return { _tag: "Refused", status: LoginStatus.SessionDoesNotExist, reason }
    }
    return map
  }

  /** A login of an I_T nexus ends the session that it has already (RFC 7143 section 6.3.5): that one's TSIH. */
  #reinstate(request: LoginRequest, { initiatorName, port, target }: NormalPurpose): number | undefined {
    if (this.#connection.node.options.allowDuplicateIsid) return undefined
    let replaced: number | undefined
    for (const other of target.sessions.ofNexus(initiatorName, request.isid, port.portalGroupTag)) {
      replaced = other.tsih
      other.close("the initiator logged in again: session reinstatement", "reinstated")
    }
    return replaced
  }

  #parameters(): SessionParameters {
    const parameters = this.#login.negotiation?.parameters ?? defaultParameters()
    parameters.firstBurstLength = Math.min(parameters.firstBurstLength, parameters.maxBurstLength)
    return parameters
  }
}
