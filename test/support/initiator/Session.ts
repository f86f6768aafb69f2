/**
 * A session with one connection in full feature phase: many commands at once, matched by initiator task tag, within the
 * command window that the target grants. Whatever the target does against RFC 7143 is kept in `violations`.
 */
import { type LoginOptions, type LoginOutcome, login } from "./login.ts"
import type { Negotiated } from "./negotiation.ts"
import { makeHeader, Opcode, Pdu, reservedTag } from "./pdu.ts"
import { lunField, type ScsiRequest, type ScsiResult, ScsiTask } from "./ScsiTask.ts"
import { decodeKeys, encodeKeys, type KeyList } from "./text-keys.ts"
import { defaultWaitMillis, type Endpoint, Wire, WireTimeout } from "./Wire.ts"

/** The target refused the login; `status` is class and detail. */
export class LoginRefused extends Error {
  readonly status: number
  constructor(outcome: LoginOutcome) {
    super(`the target refused the login with status ${outcome.status.toString(16).padStart(4, "0")}h`)
    this.name = "LoginRefused"
    this.status = outcome.status
  }
}

/** The target answered a request with a Reject PDU; `reason` as in RFC 7143 section 11.17.1. */
export class Rejected extends Error {
  readonly reason: number
  constructor(reason: number) {
    super(`the target rejected the PDU with reason ${reason}`)
    this.name = "Rejected"
    this.reason = reason
  }
}

/** Task management functions, RFC 7143 section 11.5.1. */
export const TaskFunction = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8
} as const

interface Pending {
  readonly onPdu: (pdu: Pdu) => void
  readonly fail: (error: Error) => void
}

/** How to connect and log in. */
export interface SessionOptions extends LoginOptions {
  readonly endpoint: Endpoint
  /** Longest data segment to send, in bytes, where the target would take longer ones. */
  readonly segmentBytesMax?: number
  /** Leave NOP-In pings without an answer. */
  readonly ignorePings?: boolean
  /** Told of asynchronous messages as they come. */
  readonly onAsyncMessage?: (pdu: Pdu) => void
  /** Gets the connection before anything is sent on it. */
  readonly onConnect?: (wire: Wire) => void
}

/** Serial numbers compare modulo 2^32 (RFC 1982). */
const isAfter = (a: number, b: number): boolean => ((a - b) | 0) > 0

const carriesNewStatSn = (pdu: Pdu): boolean => {
  if (pdu.opcode === Opcode.readyToTransfer) return false
  if (pdu.opcode === Opcode.dataIn) return (pdu.flags & 0x01) !== 0
  return !(pdu.opcode === Opcode.nopIn && pdu.initiatorTaskTag === reservedTag)
}

/** The session. Make one with `Session.open`. */
export class Session {
  readonly wire: Wire
  readonly login: LoginOutcome
  readonly parameters: Negotiated
  /** Rules that the target broke, in words; the tests expect none. */
  readonly violations: Array<string>
  /** Asynchronous messages and Reject PDUs, in order of arrival. */
  readonly asyncMessages: Array<Pdu> = []
  readonly rejects: Array<Pdu> = []
  /** NOP-In pings that the target sent. */
  pings = 0
  /** CmdSN of the next command; a test may set it to something wrong. */
  cmdSn: number
  expStatSn: number
  expCmdSn: number
  maxCmdSn: number
  readonly #ignorePings: boolean
  readonly #tellAsyncMessage: SessionOptions["onAsyncMessage"]
  readonly #pending = new Map<number, Pending>()
  readonly #waiting: Array<() => void> = []
  #lastTag = 0x1000
  #closed: Error | undefined

  private constructor(wire: Wire, outcome: LoginOutcome, options: SessionOptions) {
    this.wire = wire
    this.login = outcome
    const agreed = outcome.parameters.targetMaxRecvDataSegmentLength
    const segmentBytes = Math.min(agreed, options.segmentBytesMax ?? agreed)
    this.parameters = { ...outcome.parameters, targetMaxRecvDataSegmentLength: segmentBytes }
    this.violations = [...outcome.violations]
    this.cmdSn = outcome.cmdSn
    this.expStatSn = outcome.expStatSn
    this.expCmdSn = outcome.expCmdSn
    this.maxCmdSn = outcome.maxCmdSn
    this.#ignorePings = options.ignorePings === true
    this.#tellAsyncMessage = options.onAsyncMessage
    wire.dispatch(
      (pdu) => this.#onPdu(pdu),
      (error) => this.#onClosed(error)
    )
  }

  /** Connects and logs in; rejects with `LoginRefused` when the target refuses. */
  static async open(options: SessionOptions): Promise<Session> {
    const wire = await Wire.connect(options.endpoint, options.waitMillis)
    options.onConnect?.(wire)
    try {
      const outcome = await login(wire, options)
      if (outcome.status !== 0) throw new LoginRefused(outcome)
      return new Session(wire, outcome, options)
    } catch (error) {
      wire.destroy()
      throw error
    }
  }

  get isClosed(): boolean {
    return this.#closed !== undefined
  }

  /** Commands that were sent and have no status, and those that wait for the window. */
  get outstanding(): number {
    return this.#pending.size + this.#waiting.length
  }

  /** Sends a SCSI command when the window allows and resolves with its end. */
  command(request: ScsiRequest): Promise<ScsiResult> {
    return this.submit(request).result
  }

  /** Like `command`; `task` is there at once for ABORT TASK and for sending Data-Out by hand. */
  submit(request: ScsiRequest): { readonly task: ScsiTask; readonly result: Promise<ScsiResult> } {
    const task = new ScsiTask(request, this.nextTag(), {
      parameters: this.parameters,
      send: (pdu) => this.wire.send(pdu),
      expStatSn: () => this.expStatSn,
      violation: (text) => void this.violations.push(text)
    })
    const start = () => task.start(this.takeCmdSn(request.immediateDelivery === true))
    const wait = request.waitMillis ?? defaultWaitMillis
    const result = this.#request<ScsiResult>(task.initiatorTaskTag, "SCSI status", wait, (pdu) => task.onPdu(pdu))
    if (request.immediateDelivery === true) start()
    else this.#whenWindowOpens(start)
    return { task, result }
  }

  /** NOP-Out with ping data; resolves with the NOP-In. */
  nop(data: Buffer = Buffer.alloc(0), immediate = true, waitMillis = defaultWaitMillis): Promise<Pdu> {
    const tag = this.nextTag()
    const header = makeHeader({
      opcode: Opcode.nopOut,
      immediate,
      initiatorTaskTag: tag,
      word20: reservedTag,
      cmdSn: this.takeCmdSn(immediate),
      expStatSn: this.expStatSn
    })
    return this.request(new Pdu(header, data), waitMillis)
  }

  /** A task management request with immediate delivery; resolves with the response code. */
  async manageTask(
    taskFunction: number,
    lun: number | bigint,
    task?: { tag: number; cmdSn?: number }
  ): Promise<number> {
    const header = makeHeader({
      opcode: Opcode.taskManagement,
      immediate: true,
      flags: 0x80 | taskFunction,
      lun: lunField(lun),
      initiatorTaskTag: this.nextTag(),
      word20: task?.tag ?? reservedTag,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn,
      word32: task?.cmdSn ?? 0
    })
    return (await this.request(new Pdu(header))).response
  }

  /** A text request and its whole response, continued as often as the target wants (RFC 7143 section 11.11). */
  async text(keys: KeyList): Promise<KeyList> {
    const tag = this.nextTag()
    const pieces: Array<Buffer> = []
    let transferTag = reservedTag
    let data = encodeKeys(keys)
    for (;;) {
      const header = makeHeader({
        opcode: Opcode.text,
        immediate: true,
        initiatorTaskTag: tag,
        word20: transferTag,
        cmdSn: this.cmdSn,
        expStatSn: this.expStatSn
      })
      const response = await this.request(new Pdu(header, data))
      pieces.push(response.data)
      if (response.final) return decodeKeys(Buffer.concat(pieces))
      transferTag = response.targetTransferTag
      data = Buffer.alloc(0)
    }
  }

  /** Logs out (reason 0: close the session) and waits until the target has closed the connection. */
  async logout(reason = 0, connectionId = 1): Promise<number> {
    const header = makeHeader({
      opcode: Opcode.logout,
      immediate: true,
      flags: 0x80 | reason,
      initiatorTaskTag: this.nextTag(),
      word20: connectionId << 16,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn
    })
    const response = (await this.request(new Pdu(header))).response
    if (response === 0) {
      this.wire.socket.end()
      await this.wire.untilClosed()
    }
    return response
  }

  /** Drops the connection without a logout. */
  drop(): void {
    this.wire.destroy()
  }

  /** Sends a request and resolves with the PDU that answers its tag; rejects when the target rejects or closes. */
  request(pdu: Pdu, waitMillis = defaultWaitMillis): Promise<Pdu> {
    const response = this.#request(pdu.initiatorTaskTag, "response", waitMillis, (answer) => answer)
    this.wire.send(pdu)
    return response
  }

  /** An initiator task tag that is not in use. */
  nextTag(): number {
    this.#lastTag = this.#lastTag >= 0xfffffff0 ? 1 : this.#lastTag + 1
    return this.#lastTag
  }

  /** The CmdSN for a command sent now; only non-immediate ones use it up. */
  takeCmdSn(immediate: boolean): number {
    const cmdSn = this.cmdSn
    if (!immediate) this.cmdSn = (cmdSn + 1) >>> 0
    return cmdSn
  }

  #request<A>(tag: number, what: string, waitMillis: number, take: (pdu: Pdu) => A | undefined): Promise<A> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) {
        reject(this.#closed)
        return
      }
      const end = () => {
        clearTimeout(timer)
        this.#pending.delete(tag)
      }
      const fail = (error: Error) => {
        end()
        reject(error)
      }
      const timer = setTimeout(() => fail(new WireTimeout(what, waitMillis)), waitMillis)
      const onPdu = (pdu: Pdu) => {
        const result = take(pdu)
        if (result === undefined) return
        end()
        resolve(result)
      }
      this.#pending.set(tag, { onPdu, fail })
    })
  }

  #whenWindowOpens(start: () => void): void {
    if (this.#waiting.length === 0 && !isAfter(this.cmdSn, this.maxCmdSn)) start()
    else this.#waiting.push(start)
  }

  #onClosed(error: Error): void {
    this.#closed = error
    this.#waiting.length = 0
    for (const pending of [...this.#pending.values()]) pending.fail(error)
  }

  #onPdu(pdu: Pdu): void {
    this.#takeNumbers(pdu)
    const tag = pdu.initiatorTaskTag
    if (pdu.opcode === Opcode.reject) this.#onReject(pdu)
    else if (pdu.opcode === Opcode.asyncMessage) this.#onAsyncMessage(pdu)
    else if (pdu.opcode === Opcode.nopIn && tag === reservedTag) this.#onPing(pdu)
    else {
      const pending = this.#pending.get(tag)
      if (pending !== undefined) pending.onPdu(pdu)
      else if (carriesNewStatSn(pdu)) this.violations.push(`opcode ${pdu.opcode.toString(16)}h for unknown task ${tag}`)
    }
    while (this.#waiting.length > 0 && !isAfter(this.cmdSn, this.maxCmdSn)) this.#waiting.shift()?.()
  }

  #takeNumbers(pdu: Pdu): void {
    const isStatusless = pdu.opcode === Opcode.dataIn && (pdu.flags & 0x01) === 0
    if (carriesNewStatSn(pdu)) {
      if (pdu.statSn !== this.expStatSn) {
        this.violations.push(`opcode ${pdu.opcode.toString(16)}h with StatSN ${pdu.statSn}, expected ${this.expStatSn}`)
      }
      this.expStatSn = (pdu.statSn + 1) >>> 0
    } else if (!isStatusless && pdu.statSn !== this.expStatSn) {
      this.violations.push(
        `opcode ${pdu.opcode.toString(16)}h announces StatSN ${pdu.statSn}, next is ${this.expStatSn}`
      )
    }
    if (isAfter(pdu.expCmdSn, this.cmdSn)) this.violations.push(`ExpCmdSN ${pdu.expCmdSn}, CmdSN is ${this.cmdSn}`)
    if (isAfter(pdu.expCmdSn, this.expCmdSn)) this.expCmdSn = pdu.expCmdSn
    if (isAfter(pdu.maxCmdSn, this.maxCmdSn)) this.maxCmdSn = pdu.maxCmdSn
  }

  #onReject(pdu: Pdu): void {
    this.rejects.push(pdu)
    if (pdu.data.length < 20) {
      this.violations.push(`a Reject with ${pdu.data.length} bytes of the rejected header`)
      return
    }
    this.#pending.get(pdu.data.readUInt32BE(16))?.fail(new Rejected(pdu.response))
  }

  #onAsyncMessage(pdu: Pdu): void {
    this.asyncMessages.push(pdu)
    this.#tellAsyncMessage?.(pdu)
  }

  #onPing(pdu: Pdu): void {
    this.pings++
    if (pdu.targetTransferTag === reservedTag || this.#ignorePings) return
    const header = makeHeader({
      opcode: Opcode.nopOut,
      immediate: true,
      lun: pdu.lun,
      word20: pdu.targetTransferTag,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn
    })
    this.wire.send(new Pdu(header, pdu.data))
  }
}
