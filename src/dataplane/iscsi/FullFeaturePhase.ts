/**
 * A connection in full feature phase: decides by opcode who takes a PDU, keeps the command window, and answers the PDUs
 * that manage the session (RFC 7143 section 4.2 and chapter 11).
 */
import { loginDataSegmentBytesMax, recvDataSegmentBytesMax, sessionWorkBytes } from "../limits.ts"
import type { Connection } from "./Connection.ts"
import type { LogoutCause } from "./ConnectionEnd.ts"
import { ControlPdu } from "./ControlPdu.ts"
import { KeepAlive } from "./KeepAlive.ts"
import type { LoginPurpose } from "./Login.ts"
import type { SessionParameters } from "./negotiation.ts"
import {
  cmdSnOf,
  flagsOf,
  initiatorTaskTagOf,
  isImmediate,
  opcodeOf,
  reservedTag,
  targetTransferTagOf
} from "./pdu/bhs.ts"
import { InitiatorOpcode, opcodeName } from "./pdu/opcodes.ts"
import { isBidirectional, isVariableLength } from "./pdu/scsi.ts"
import {
  AsyncEvent,
  LogoutReason,
  LogoutResult,
  logoutCidOf,
  RejectReason,
  writeAsyncMessage,
  writeLogoutResponse,
  writeNopIn,
  writeReject
} from "./pdu/session-control.ts"
import { addSerial, nextSerial, serialWithin } from "./serial-number.ts"
import { TextExchange } from "./TextExchange.ts"
import { manageTasks } from "./task-management.ts"

const nothing = Buffer.alloc(0)

/** Who takes the PDU that is being read. */
const Taker = { Drop: 0, Command: 1, DataOut: 2, Control: 3 } as const

/** One per connection that has logged in. */
export class FullFeaturePhase {
  readonly #connection: Connection
  readonly #parameters: SessionParameters
  readonly #discovery: boolean
  readonly #text: TextExchange
  readonly #pdu = new ControlPdu()
  readonly #dataBytesMax: number
  #taker: number = Taker.Drop
  readonly #pings: KeepAlive

  constructor(connection: Connection, parameters: SessionParameters, purpose: LoginPurpose) {
    this.#connection = connection
    this.#parameters = parameters
    this.#discovery = purpose._tag === "Discovery"
    this.#dataBytesMax = this.#discovery ? loginDataSegmentBytesMax : recvDataSegmentBytesMax
    this.#text = new TextExchange(connection, parameters, purpose)
    this.#pings = new KeepAlive(connection, this.#discovery)
  }

  /** See `PduHandler`. */
  header(b: Buffer, at: number, dataBytes: number, ahsBytes: number): boolean {
    const connection = this.#connection
    const opcode = opcodeOf(b, at)
    if (dataBytes > this.#dataBytesMax) {
      return connection.protocolError(`a data segment of ${dataBytes} bytes; ${this.#dataBytesMax} are allowed`)
    }
    const { commands } = connection
    if (opcode === InitiatorOpcode.DataOut && commands !== undefined) {
      this.#taker = Taker.DataOut
      commands.beginDataOut(b, at, dataBytes)
      return true
    }
    if (opcode === InitiatorOpcode.ScsiCommand && commands !== undefined) {
      this.#taker = Taker.Drop
      if (!this.#acceptCmdSn(b, at)) return connection.readsOn
      // CDBs longer than 16 bytes and bidirectional transfers come in additional header segments; none is offered. A
      // long CDB is a command all the same, and none that there is: Linux would wait minutes for a rejected one.
      if ((ahsBytes > 0 && !isVariableLength(b, at)) || isBidirectional(b, at)) return this.#control(b, at, dataBytes)
      this.#taker = Taker.Command
      if (commands.beginCommand(b, at, dataBytes)) return true
      return connection.protocolError(`initiator task tag ${initiatorTaskTagOf(b, at)} is in use`)
    }
    this.#taker = Taker.Drop
    const numbered = opcode !== InitiatorOpcode.SnackRequest && opcode !== InitiatorOpcode.DataOut
    if (numbered && !this.#acceptCmdSn(b, at)) return connection.readsOn
    return this.#control(b, at, dataBytes)
  }

  /** See `PduHandler`. */
  data(b: Buffer, start: number, end: number): void {
    const { recorder } = this.#connection
    if (recorder.takesData) recorder.data(b, start, end)
    if (this.#taker === Taker.Control) this.#pdu.append(b, start, end)
    else if (this.#taker !== Taker.Drop) this.#connection.commands?.data(b, start, end)
  }

  /** See `PduHandler`. */
  end(): void {
    const { commands } = this.#connection
    if (this.#taker === Taker.Command) commands?.endCommand()
    else if (this.#taker === Taker.DataOut) commands?.endDataOut()
    else if (this.#taker === Taker.Control) this.#answer(this.#pdu.header, this.#pdu.takeData())
  }

  /**
   * In place of `end`: the data segment is not what was sent (RFC 7143 section 7.8). The PDU is rejected and dropped,
   * so its CmdSN stays due. Error recovery level 0 has only one way to fill that gap: another session.
   */
  badData(header: Buffer): void {
    const taker = this.#taker
    this.#connection.recorder.badData()
    this.#reject(header, RejectReason.DataDigestError)
    if (taker === Taker.DataOut) this.#connection.commands?.spoilDataOut()
    else if (taker === Taker.Command || (taker === Taker.Control && !isImmediate(header, 0))) {
      this.#connection.closeAfterFlush(`a data digest of ${opcodeName(opcodeOf(header, 0))} is wrong`, "protocolError")
    }
  }

  /** Called about once a second; `heard`: something has come since the last call. */
  keepAlive(now: number, heard: boolean): void {
    this.#pings.lookOver(now, heard)
  }

  /**
   * Asks the initiator to log out within `limitMillis` (RFC 7143 section 11.9.1, event 1), and cuts it off after
   * `cutMillis`: later than the limit where the caller cuts and counts by itself. `cause` is told when it has ended.
   */
  requestLogout(limitMillis: number, cutMillis = limitMillis, cause: LogoutCause = { ending: "kicked" }): void {
    const connection = this.#connection
    connection.asked ??= cause
    const seconds = Math.floor(limitMillis / 1000)
    const n = connection.numbers()
    connection.send(nothing, (b, at) => writeAsyncMessage(b, at, AsyncEvent.LogoutRequest, 0, seconds, n))
    connection.mustEndBy(connection.node.now() + cutMillis)
  }

  /** Tells the initiator that all connections of the session are dropped, and when it may come back (event 3). */
  announceDrop(): void {
    const { defaultTime2Retain, defaultTime2Wait } = this.#parameters
    const n = this.#connection.numbers()
    this.#connection.send(nothing, (b, at) =>
      writeAsyncMessage(b, at, AsyncEvent.SessionDrop, defaultTime2Wait, defaultTime2Retain, n)
    )
  }

  /**
   * Whether the request is due (RFC 7143 section 4.2.2.1). One outside the window is silently ignored; a gap waits for
   * what other connections bring, and ends the session if there are none.
   */
  #acceptCmdSn(b: Buffer, at: number): boolean {
    if (isImmediate(b, at)) return true
    const cmdSn = cmdSnOf(b, at)
    const { expCmdSn, maxCmdSn } = this.#connection.window
    if (!serialWithin(cmdSn, expCmdSn, maxCmdSn)) return false
    const { session } = this.#connection
    if (cmdSn !== expCmdSn) {
      if (session !== undefined && session.connections.size > 1) this.#connection.awaitCmdSn(cmdSn)
      else this.#connection.protocolError(`CmdSN ${cmdSn} where ${expCmdSn} is expected`)
      return false
    }
    if (session !== undefined) session.advanceCmdSn()
    else this.#connection.window = { expCmdSn: nextSerial(cmdSn), maxCmdSn: addSerial(cmdSn, 1) }
    return true
  }

  #control(b: Buffer, at: number, dataBytes: number): boolean {
    this.#connection.transmitter.repay()
    this.#taker = Taker.Control
    this.#pdu.begin(b, at, dataBytes)
    return true
  }

  #answer(header: Buffer, data: Buffer): void {
    const connection = this.#connection
    switch (opcodeOf(header, 0)) {
      case InitiatorOpcode.NopOut:
        return this.#nopOut(header, data)
      case InitiatorOpcode.TextRequest:
        connection.recorder.receivedText(data)
        return this.#text.answer(header, data)
      case InitiatorOpcode.LogoutRequest:
        return this.#logout(header)
      case InitiatorOpcode.TaskManagementRequest:
        return this.#manageTasks(header)
      case InitiatorOpcode.LoginRequest:
        connection.protocolError("a login request in full feature phase")
        return
      case InitiatorOpcode.SnackRequest:
        return this.#reject(header, RejectReason.SnackReject)
      case InitiatorOpcode.ScsiCommand:
      case InitiatorOpcode.DataOut:
        if (!this.#discovery) return this.#reject(header, RejectReason.InvalidPduField)
        connection.protocolError(`${opcodeName(opcodeOf(header, 0))} in a discovery session`)
        return
      default:
        return this.#reject(header, RejectReason.CommandNotSupported)
    }
  }

  /** Commands of all sessions may have to be looked at. */
  #manageTasks(header: Buffer): void {
    const { commands, node, share } = this.#connection
    share.add(node.sessions.size * sessionWorkBytes)
    const refused =
      commands === undefined ? RejectReason.ProtocolError : manageTasks(this.#connection, commands, header)
    if (refused !== undefined) this.#reject(header, refused)
  }

  /** RFC 7143 section 11.18: a ping, the answer to one of the target's, or one that only tells ExpStatSN. */
  #nopOut(header: Buffer, data: Buffer): void {
    const initiatorTaskTag = initiatorTaskTagOf(header, 0)
    const tag = targetTransferTagOf(header, 0)
    const wantsAnswer = initiatorTaskTag !== reservedTag
    const valid = wantsAnswer ? tag === reservedTag : isImmediate(header, 0) && this.#answersPing(tag)
    if (!valid) return this.#reject(header, RejectReason.InvalidPduField)
    if (!wantsAnswer) return
    const echoed = data.subarray(0, this.#parameters.initiatorMaxRecvDataSegmentLength)
    const n = this.#connection.numbers()
    this.#connection.send(echoed, (b, at) => writeNopIn(b, at, initiatorTaskTag, reservedTag, n, echoed.length))
  }

  #answersPing(tag: number): boolean {
    return tag === reservedTag || this.#pings.answered(tag)
  }

  /** RFC 7143 sections 11.14 and 11.15: of the session, of this connection, or of another one. */
  #logout(header: Buffer): void {
    const connection = this.#connection
    const reason = flagsOf(header, 0) & 0x7f
    if (reason > LogoutReason.RemoveForRecovery) return this.#reject(header, RejectReason.InvalidPduField)
    const cid = logoutCidOf(header, 0)
    const other = cid === connection.cid ? undefined : connection.session?.connection(cid)
    if (reason === LogoutReason.RemoveForRecovery) return this.#endLogout(header, LogoutResult.RecoveryNotSupported)
    if (reason === LogoutReason.CloseConnection && cid !== connection.cid) {
      other?.leave("logout by another connection", "logout")
      return this.#endLogout(header, other === undefined ? LogoutResult.CidNotFound : LogoutResult.Success)
    }
    connection.commands?.abandonAll()
    this.#endLogout(header, LogoutResult.Success)
    connection.closeAfterFlush("logout", "logout", reason === LogoutReason.CloseConnection)
  }

  #endLogout(header: Buffer, result: number): void {
    const { defaultTime2Retain, defaultTime2Wait } = this.#parameters
    const n = this.#connection.numbers()
    const tag = initiatorTaskTagOf(header, 0)
    this.#connection.send(nothing, (b, at) =>
      writeLogoutResponse(b, at, tag, result, n, defaultTime2Wait, defaultTime2Retain)
    )
  }

  #reject(header: Buffer, reason: number): void {
    this.#connection.node.listener.pduRejected(this.#connection, opcodeOf(header, 0), reason)
    const refused = Buffer.from(header)
    const n = this.#connection.numbers()
    this.#connection.send(refused, (b, at) => writeReject(b, at, reason, n, refused.length))
  }
}
