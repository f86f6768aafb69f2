/**
 * A logged-in connection for what a well-behaved initiator never sends: PDUs field by field, and all that the target
 * says to them, in order.
 */
import { type HeaderFields, makeHeader, Opcode, Pdu, reservedTag } from "./pdu.ts"
import type { Session } from "./Session.ts"
import { parseSenseSegment, Status, senseText } from "./sense.ts"
import { defaultWaitMillis, type Wire, WireTimeout } from "./Wire.ts"

/** A SCSI command, with every field of its header to choose. */
export interface RawCommand extends Partial<HeaderFields> {
  readonly cdb: Buffer
  /** Expected data transfer length, in bytes. */
  readonly expectedBytes?: number
  readonly data?: Buffer
  readonly additionalHeader?: Buffer
}

const hex = (value: number): string => `${value.toString(16).padStart(2, "0")}h`

const statusText = (pdu: Pdu): string => {
  if (pdu.status === Status.good) return "GOOD"
  const sense = parseSenseSegment(pdu.data)
  return pdu.status === Status.checkCondition && sense !== undefined ? senseText(sense) : `status ${hex(pdu.status)}`
}

/** A PDU of the target in a word or two: `GOOD`, `b/47/05`, `R2T`, `Reject 09h`, `function 0`. */
export const answerText = (pdu: Pdu): string => {
  switch (pdu.opcode) {
    case Opcode.scsiResponse:
      return statusText(pdu)
    case Opcode.dataIn:
      return (pdu.flags & 0x01) === 0 ? "Data-In" : `Data-In ${statusText(pdu)}`
    case Opcode.readyToTransfer:
      return "R2T"
    case Opcode.reject:
      return `Reject ${hex(pdu.response)}`
    case Opcode.taskManagementResponse:
      return `function ${pdu.response}`
    case Opcode.logoutResponse:
      return `logout ${pdu.response}`
    case Opcode.textResponse:
      return "text"
    case Opcode.nopIn:
      return "NOP-In"
    default:
      return `opcode ${hex(pdu.opcode)}`
  }
}

/** Tags of the pings that tell when the target has answered all before; no test uses them otherwise. */
const barrierBase = 0xee000000

/** The connection. It answers no pings of the target: tests are shorter than their interval. */
export class RawSession {
  readonly wire: Wire
  cmdSn: number
  expStatSn: number
  maxCmdSn: number
  #lastTag = 0x100
  #barrier = barrierBase
  #received: Array<Pdu> = []
  #closed = false
  #wake: (() => void) | undefined

  /** Takes a session's connection over; the session is of no use afterwards. */
  constructor(session: Session) {
    this.wire = session.wire
    this.cmdSn = session.cmdSn
    this.expStatSn = session.expStatSn
    this.maxCmdSn = session.maxCmdSn
    this.wire.dispatch(
      (pdu) => this.#onPdu(pdu),
      () => {
        this.#closed = true
        this.#wake?.()
      }
    )
  }

  get isClosed(): boolean {
    return this.#closed
  }

  nextTag(): number {
    return ++this.#lastTag
  }

  /** Sends a PDU. Without a CmdSN it has the next one, and uses it up unless it is immediate. */
  send(fields: HeaderFields, data?: Buffer, additionalHeader?: Buffer): void {
    const header = makeHeader({ cmdSn: this.#takeCmdSn(fields), expStatSn: this.expStatSn, ...fields })
    this.wire.send(new Pdu(header, data, additionalHeader))
  }

  /** Sends a SCSI command to LUN 0 (F, W and SIMPLE unless `flags` says otherwise); its initiator task tag. */
  command({ additionalHeader, cdb, data, expectedBytes = 0, ...fields }: RawCommand): number {
    const initiatorTaskTag = fields.initiatorTaskTag ?? this.nextTag()
    const all = { opcode: Opcode.scsiCommand, flags: 0xa1, initiatorTaskTag, word20: expectedBytes, ...fields }
    const header = makeHeader({ cmdSn: this.#takeCmdSn(all), expStatSn: this.expStatSn, ...all })
    cdb.copy(header, 32)
    this.wire.send(new Pdu(header, data, additionalHeader))
    return initiatorTaskTag
  }

  /** Sends a Data-Out: final, unsolicited and at offset 0 unless `fields` says otherwise. */
  dataOut(initiatorTaskTag: number, data: Buffer, fields: Partial<HeaderFields> = {}): void {
    this.send({ opcode: Opcode.dataOut, initiatorTaskTag, word20: reservedTag, cmdSn: 0, ...fields }, data)
  }

  /** What the target has sent since the last call, up to the answer to a ping that is sent now; or to the end. */
  async answers(waitMillis = defaultWaitMillis): Promise<ReadonlyArray<Pdu>> {
    const tag = ++this.#barrier
    this.send({ opcode: Opcode.nopOut, immediate: true, initiatorTaskTag: tag, word20: reservedTag })
    const deadline = performance.now() + waitMillis
    for (;;) {
      const at = this.#received.findIndex((pdu) => pdu.initiatorTaskTag === tag)
      if (at >= 0) return this.#received.splice(0, at + 1).slice(0, -1)
      if (this.#closed) return this.#received.splice(0)
      if (performance.now() > deadline) throw new WireTimeout("answer to a ping", waitMillis)
      await this.#more(deadline - performance.now())
    }
  }

  /** The answers in words; `closed` is the last of them when the target has ended the connection. */
  async answerTexts(): Promise<ReadonlyArray<string>> {
    const texts = (await this.answers()).map(answerText)
    return this.#closed ? [...texts, "closed"] : texts
  }

  #takeCmdSn(fields: Partial<HeaderFields>): number {
    const { cmdSn } = this
    const numbered = fields.immediate !== true && fields.cmdSn === undefined && fields.opcode !== Opcode.snack
    if (numbered) this.cmdSn = (cmdSn + 1) >>> 0
    return cmdSn
  }

  #onPdu(pdu: Pdu): void {
    const carriesStatus = pdu.opcode !== Opcode.readyToTransfer && (pdu.opcode !== Opcode.dataIn || pdu.flags & 0x01)
    if (carriesStatus) this.expStatSn = (pdu.statSn + 1) >>> 0
    this.maxCmdSn = pdu.maxCmdSn
    this.#received.push(pdu)
    this.#wake?.()
  }

  #more(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(done, millis)
      this.#wake = done
    })
  }
}
