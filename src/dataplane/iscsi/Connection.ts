/**
 * One TCP connection of an initiator: from accept through login to full feature phase and its end. It owns the socket,
 * the reader and the transmitter, and hands PDUs to the phase it is in.
 *
 * All calls are synchronous; what a chunk of input led to is flushed once, at its end.
 */
import type { Socket } from "node:net"
import { loginTimeoutMillis, logoutCloseTimeoutMillis, missingCommandTimeoutMillis } from "../limits.ts"
import type { CommandPath } from "./CommandPath.ts"
import { type ConnectionEnd, type Ending, type LogoutCause, type Totals, totalsOf } from "./ConnectionEnd.ts"
import type { ConnectionOrigin } from "./ConnectionOrigin.ts"
import type { FullFeaturePhase } from "./FullFeaturePhase.ts"
import type { IscsiNode } from "./IscsiNode.ts"
import { LoginPhase } from "./LoginPhase.ts"
import { defaultParameters, type SessionParameters } from "./negotiation.ts"
import { type Digests, PduReader } from "./PduReader.ts"
import { opcodeOf } from "./pdu/bhs.ts"
import type { Numbers } from "./pdu/session-control.ts"
import type { PduRecorder } from "./recorder/PduRecorder.ts"
import type { CommandWindow, Session } from "./Session.ts"
import { nextSerial } from "./serial-number.ts"
import { Transmitter } from "./Transmitter.ts"
import { TurnShare } from "./TurnShare.ts"

/** One connection. */
export class Connection {
  readonly node: IscsiNode
  readonly id: number
  readonly origin: ConnectionOrigin
  readonly transmitter: Transmitter
  readonly recorder: PduRecorder
  cid = 0
  state: "login" | "full-feature" | "exiting" | "closed" = "login"
  /** StatSN of the next response that carries status. */
  statSn = 1
  window: CommandWindow = { expCmdSn: 0, maxCmdSn: 0 }
  session: Session | undefined
  commands: CommandPath | undefined
  readonly login: LoginPhase
  fullFeature: FullFeaturePhase | undefined
  /** What it runs with: its session's, but for what each connection declares by itself. */
  parameters: SessionParameters = defaultParameters()
  /** Initiator task tags of task management functions that are not answered yet. */
  readonly managing = new Set<number>()
  /** Of TCP, all in all. */
  receivedBytes = 0
  /** From the first PDU after the login on. */
  digests: Digests = { header: false, data: false }
  readonly #socket: Socket
  readonly #reader: PduReader
  /** What is written is sent when all that was received has been read. */
  isReading = false
  #heard = false
  readonly share: TurnShare
  /** The CmdSN of a command that it has read before its turn, and since when. */
  #awaits: number | undefined
  #awaitsSince = 0
  /** Its session goes on without it. */
  #alone = false
  #closeReason = "the initiator closed it"
  #ending: Ending = "connectionLost"
  /** Why it was asked to log out, if it was. */
  asked: LogoutCause | undefined
  /** Since when it is what it is: connected, then logged in; by the node's clock. */
  #since: number
  #endTold = false
  /** When the state must have been left, by the node's clock. */
  #deadline: number

  constructor(node: IscsiNode, socket: Socket, origin: ConnectionOrigin, id = node.takeConnectionId()) {
    this.node = node
    this.id = id
    this.origin = origin
    this.#socket = socket
    this.transmitter = new Transmitter(socket, node.outputBuffers)
    this.transmitter.textOnly = true
    this.share = new TurnShare(node.turns, this.transmitter, (first) => {
      if (!this.#isEnding()) this.#readOn(first)
    })
    this.recorder = node.recordings.begin()
    this.login = new LoginPhase(this)
    this.#since = node.now()
    this.#deadline = this.#since + loginTimeoutMillis
    this.#reader = new PduReader({
      header: (b, at, dataBytes, ahsBytes) => {
        this.recorder.received(b, at)
        return (this.fullFeature ?? this.login).header(b, at, dataBytes, ahsBytes) && !this.#isEnding()
      },
      isPostponed: () => this.#awaits !== undefined,
      data: (b, start, end) => (this.fullFeature ?? this.login).data(b, start, end),
      end: () => {
        ;(this.fullFeature ?? this.login).end()
        return !this.#stopped() && !this.share.isUsedUp()
      },
      badHeader: (b, at) => this.#badHeader(b, at),
      badData: (header) => {
        this.node.listener.digestError(this, "data", opcodeOf(header, 0))
        this.fullFeature?.badData(header)
        return !this.#stopped()
      }
    })
    node.entered(this)
    socket.on("drain", () => this.#drained())
    socket.on("error", (error) => {
      this.#closeReason = error.message
    })
    socket.on("close", () => this.#closed())
  }

  /** Begins, with what another reactor has read of it already. */
  begin(received: Buffer): void {
    this.#heard = true
    this.receivedBytes += received.length
    this.#readOn(() => void this.#reader.push(received, received.length))
  }

  /** It goes on at another reactor: here it ends, and nobody is told. */
  depart(): void {
    this.#endTold = true
    this.#closed()
    this.#socket.destroy()
  }

  /** Takes a received chunk, which is the caller's again afterwards. */
  receive(chunk: Buffer, length: number): void {
    if (this.#isEnding()) return
    this.#heard = true
    this.isReading = true
    this.receivedBytes += length
    this.node.tasks.clock.read()
    this.share.begin()
    try {
      const goOn = this.#reader.push(chunk, length)
      if (!goOn && !this.#isEnding()) this.#socket.pause()
      this.#endReading()
    } catch (error) {
      this.internalError(error)
    }
    if (this.share.end(length) && !this.#isEnding()) this.#socket.pause()
    else if (this.commands !== undefined) this.node.coalescing.chunkEnded(this.commands)
  }

  /**
   * A command has come before its turn: it is read again when those before it have come by other connections of the
   * session, and nothing else before that. False: it is one that another connection has read; nothing comes of it.
   */
  awaitCmdSn(cmdSn: number): boolean {
    if (this.session?.waitFor(cmdSn, this.#hasTurn) !== true) return false
    this.#awaits = cmdSn
    this.#awaitsSince = this.node.now()
    this.recorder.postponed()
    return true
  }

  readonly #hasTurn = (): void => {
    this.#awaits = undefined
    if (!this.#isEnding()) this.#readOn(() => {})
  }

  /** Takes a StatSN for a response. */
  takeStatSn(): number {
    const { statSn } = this
    this.statSn = nextSerial(statSn)
    return statSn
  }

  /** The numbers of a response that carries status. */
  numbers(): Numbers {
    return { statSn: this.takeStatSn(), expCmdSn: this.window.expCmdSn, maxCmdSn: this.window.maxCmdSn }
  }

  /** Writes a PDU whose header `write` fills in, followed by `data`. */
  send(data: Buffer, write: (b: Buffer, at: number) => void): void {
    try {
      const { transmitter } = this
      const at = transmitter.beginPdu(data.length)
      const b = transmitter.buffer
      write(b, at)
      data.copy(b, transmitter.dataAt(at))
      transmitter.endPdu(at, data.length)
      this.recorder.sentControl(b, at, data)
      this.flushSoon()
    } catch (error) {
      // The system has no memory for what is to be said.
      this.internalError(error)
    }
  }

  /** Sends what was written, soon: at the end of the chunk that is being read, or of this turn of the event loop. */
  flushSoon(): void {
    if (!this.isReading) this.node.flushSoon(this)
  }

  /** The login is over: the connection belongs to a session from now on, or to discovery (no session). */
  enterFullFeature(
    session: Session | undefined,
    commands: CommandPath | undefined,
    fullFeature: FullFeaturePhase,
    parameters: SessionParameters
  ): void {
    this.parameters = parameters
    this.session = session
    this.commands = commands
    this.fullFeature = fullFeature
    this.transmitter.textOnly = session === undefined
    this.state = "full-feature"
    this.#since = this.node.now()
    this.#deadline = Number.POSITIVE_INFINITY
  }

  /** The login response was the last PDU without these digests (RFC 7143 section 13.1). */
  useDigests(digests: Digests): void {
    this.digests = digests
    this.recorder.useDigests(digests)
    this.#reader.useDigests(digests)
    this.transmitter.useDigests(digests)
  }

  /** The peer broke the protocol beyond what can be answered. */
  protocolError(reason: string): false {
    this.node.listener.protocolError(this, reason)
    this.close(`protocol error: ${reason}`, "protocolError")
    return false
  }

  /** A mistake of our own, while something was done for this connection: others go on. */
  internalError(error: unknown): void {
    this.node.listener.internalError(this, error)
    this.isReading = false
    // What is not sent yet may be half written, with what the buffer held before.
    this.transmitter.close()
    this.close("an internal error", "internalError")
  }

  /**
   * Ends the connection after what was written; the initiator gets a few seconds to close it by itself. Its session
   * ends with it, unless it goes `alone` and there are others.
   */
  closeAfterFlush(reason: string, ending: Ending, alone = false): void {
    if (this.#isEnding()) return
    this.#alone = alone
    this.#exit(reason, ending)
    this.#socket.end()
    // Its end of the stream is still to be read, or `close` would never come.
    this.#socket.resume()
  }

  /** Ends the connection now. */
  close(reason: string, ending: Ending = "connectionLost"): void {
    if (this.state === "closed") return
    this.#exit(reason, ending)
    this.#socket.destroySoon()
  }

  #exit(reason: string, ending: Ending): void {
    this.#closeReason = reason
    this.#ending = ending
    this.transmitter.flush()
    this.state = "exiting"
    this.#deadline = this.node.now() + logoutCloseTimeoutMillis
    this.#detach()
  }

  /** Without a session it is nobody's loss: ends now, answered or not, so that others get in. False: it has one. */
  giveWay(): boolean {
    if (this.session !== undefined) return false
    this.close("it has no session, and others want to log in", this.state === "login" ? "loginTimeout" : "idle")
    this.#socket.destroy()
    // The socket says so in a later turn: by then many more may have come.
    this.#closed()
    return true
  }

  /** Ends the connection now; its session goes on with the others, if it has any. */
  leave(reason: string, ending: Ending): void {
    this.#alone = true
    this.close(reason, ending)
  }

  /** Its session ends with another connection. */
  fall(reason: string, ending: Ending): void {
    if (ending !== "logout" && ending !== "reinstated") this.fullFeature?.announceDrop()
    this.closeAfterFlush(reason, ending)
  }

  /** The target cuts it, and says so. */
  cut(reason: string, ending: Ending): void {
    if (this.state === "full-feature") this.fullFeature?.announceDrop()
    this.close(reason, ending)
  }

  /** Called about once a second: times that have run out end the connection. */
  housekeeping(now: number): void {
    if (now > this.#deadline) {
      if (this.state === "exiting") this.#socket.destroy()
      else if (this.state === "login") this.close("the login took too long", "loginTimeout")
      else this.cut("it was asked to log out and did not", this.asked?.ending ?? "kicked")
      return
    }
    const isAwaiting = this.#awaits !== undefined && now - this.#awaitsSince > missingCommandTimeoutMillis
    if (isAwaiting) return void this.protocolError(`CmdSN ${this.#awaits}, and those before it have not come`)
    const heard = this.#heard
    this.#heard = false
    this.fullFeature?.keepAlive(now, heard)
  }

  /** From now on the connection must be gone by `deadline` (of the node's clock). */
  mustEndBy(deadline: number): void {
    this.#deadline = Math.min(this.#deadline, deadline)
  }

  /**
   * RFC 7143 section 7.8: where the next PDU begins is not known, as the length may be what is wrong, and without
   * markers it can't be found.
   */
  #badHeader(b: Buffer, at: number): void {
    this.recorder.badHeader(b, at)
    this.node.listener.digestError(this, "header", opcodeOf(b, at))
    this.close("a header digest that is wrong", "protocolError")
  }

  /** Whether what follows in the stream may be read. */
  get readsOn(): boolean {
    return this.#awaits === undefined && !this.#isEnding()
  }

  #isEnding(): boolean {
    return this.state === "closed" || this.state === "exiting"
  }

  /** Whether nothing more may be read for now. */
  #stopped(): boolean {
    return this.share.waits || this.#awaits !== undefined || this.#isEnding() || this.transmitter.overLimit
  }

  #drained(): void {
    this.transmitter.recycle()
    this.#heard = true
    if (!this.#isEnding()) this.#readOn(() => this.commands?.sendHeld())
  }

  /** Does what others waited for, and goes on reading where it was stopped. */
  #readOn(first: () => void): void {
    this.isReading = true
    this.node.tasks.clock.read()
    this.share.begin()
    let goOn = false
    try {
      first()
      goOn = !this.#stopped() && this.#reader.resume()
      this.#endReading()
    } catch (error) {
      this.internalError(error)
    }
    if (this.share.end(0) && !this.#isEnding()) this.#socket.pause()
    else if (goOn) this.#socket.resume()
  }

  #endReading(): void {
    this.commands?.chunkEnded()
    this.isReading = false
    this.transmitter.flush()
    if (this.session?.hasWaiting === true) this.session.goOn()
  }

  /** Leaves the session; tasks end without an answer. */
  #detach(): void {
    const { commands, session } = this
    const totals = totalsOf(commands, this.receivedBytes, this.transmitter.sentBytes)
    commands?.abandonAll()
    this.commands = undefined
    if (session === undefined) return this.#tellEnd(undefined, totals)
    this.session = undefined
    if (this.#awaits !== undefined) session.waitNoMore(this.#awaits)
    if (!session.left(this, totals, this.#ending, this.#alone)) return
    this.node.ended(session)
    this.#tellEnd(session, session.totals)
  }

  #tellEnd(session: Session | undefined, totals: Totals): void {
    if (this.#endTold) return
    this.#endTold = true
    const end: ConnectionEnd = {
      ending: this.#ending,
      reason: this.#closeReason,
      asked: this.asked,
      totals,
      durationMillis: Math.round(this.node.now() - (session?.since ?? this.#since))
    }
    this.node.tellEnd(this, session, end)
  }

  #closed(): void {
    if (this.state === "closed") return
    this.#detach()
    this.state = "closed"
    this.transmitter.close()
    this.node.left(this, this.#closeReason)
  }
}
