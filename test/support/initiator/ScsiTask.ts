/**
 * One SCSI command on its way: sends immediate, unsolicited and solicited data as the session negotiated, gathers
 * Data-In, and notes every rule of RFC 7143 that the target breaks while doing so.
 */
import type { Negotiated } from "./negotiation.ts"
import { makeHeader, Opcode, Pdu, reservedTag } from "./pdu.ts"
import { parseSenseSegment, type Sense, Status, senseText } from "./sense.ts"

/** A SCSI command as a test states it. */
export interface ScsiRequest {
  /** LUN 0-255, or all 8 bytes of the field as a bigint. */
  readonly lun: number | bigint
  readonly cdb: Buffer
  /** Bytes expected in. */
  readonly readBytes?: number
  /** Bytes to send. */
  readonly writeData?: Buffer
  /** Instead of what `readBytes` or `writeData` gives. */
  readonly expectedDataTransferLength?: number
  /** Bytes of immediate data; default: as many as the negotiation allows. */
  readonly immediateBytes?: number
  /** Send unsolicited Data-Out where the negotiation allows it; default true. */
  readonly unsolicited?: boolean
  /** Immediate delivery (I bit): the command takes no CmdSN. */
  readonly immediateDelivery?: boolean
  /** Task attribute: 0 untagged, 1 simple (default), 2 ordered, 3 head of queue. */
  readonly attribute?: number
  /** Called for each R2T instead of the default answer; `answer` sends what the R2T asks for. */
  readonly onR2t?: (r2t: Pdu, answer: () => void) => void
  readonly waitMillis?: number
}

/** Bytes that were asked for and not transferred, or would not fit. */
export interface Residual {
  readonly kind: "none" | "overflow" | "underflow"
  readonly count: number
}

/** How a command ended. */
export interface ScsiResult {
  /** iSCSI response code: 0 is "command completed at target". */
  readonly response: number
  readonly status: number
  readonly sense: Sense | undefined
  /** Data-In, as long as what came; gaps would be violations. */
  readonly data: Buffer
  readonly residual: Residual
  readonly dataInPdus: number
  readonly r2ts: number
  /** The status came in the last Data-In. */
  readonly phaseCollapse: boolean
}

/** `GOOD`, `5/25/00`, `status 18h` or `response 1`: one word for a test's expectations. */
export const outcomeText = (result: ScsiResult): string => {
  if (result.response !== 0) return `response ${result.response}`
  if (result.status === Status.good) return "GOOD"
  if (result.status === Status.checkCondition && result.sense !== undefined) return senseText(result.sense)
  return `status ${result.status.toString(16).padStart(2, "0")}h`
}

/** The LUN field for LUN `id` with peripheral device addressing (SAM-5 section 4.7.3). */
export const lunField = (id: number | bigint): bigint => (typeof id === "bigint" ? id : BigInt(id) << 48n)

/** What a task needs of its session. */
export interface TaskPort {
  readonly parameters: Negotiated
  readonly send: (pdu: Pdu) => void
  readonly expStatSn: () => number
  readonly violation: (text: string) => void
}

const residualOf = (pdu: Pdu): Residual => {
  if ((pdu.flags & 0x04) !== 0) return { kind: "overflow", count: pdu.count }
  if ((pdu.flags & 0x02) !== 0) return { kind: "underflow", count: pdu.count }
  return { kind: "none", count: 0 }
}

/** A command between its sending and its status. */
export class ScsiTask {
  readonly request: ScsiRequest
  readonly initiatorTaskTag: number
  readonly expectedBytes: number
  readonly #port: TaskPort
  readonly #data: Buffer
  #received = 0
  #burst = 0
  #dataSn = 0
  #dataInPdus = 0
  #r2ts = 0
  #solicitedTo = 0
  readonly #openR2ts = new Set<number>()

  constructor(request: ScsiRequest, initiatorTaskTag: number, port: TaskPort) {
    this.request = request
    this.initiatorTaskTag = initiatorTaskTag
    this.#port = port
    this.expectedBytes = request.expectedDataTransferLength ?? request.writeData?.length ?? request.readBytes ?? 0
    this.#data = Buffer.alloc(request.readBytes === undefined ? 0 : this.expectedBytes)
  }

  /** Sends the command with its immediate data, then unsolicited data if negotiated. */
  start(cmdSn: number): void {
    const { request } = this
    const { parameters } = this.#port
    const write = request.writeData
    const immediate = this.#immediateBytes()
    const unsolicitedEnd = this.#unsolicitedEnd(immediate)
    this.#solicitedTo = Math.max(immediate, unsolicitedEnd)
    const flags =
      (unsolicitedEnd > immediate ? 0 : 0x80) |
      (request.readBytes === undefined ? 0 : 0x40) |
      (write === undefined ? 0 : 0x20) |
      (request.attribute ?? 1)
    const header = makeHeader({
      opcode: Opcode.scsiCommand,
      immediate: request.immediateDelivery === true,
      flags,
      lun: lunField(request.lun),
      initiatorTaskTag: this.initiatorTaskTag,
      word20: this.expectedBytes,
      cmdSn,
      expStatSn: this.#port.expStatSn()
    })
    request.cdb.copy(header, 32, 0, 16)
    this.#port.send(new Pdu(header, write?.subarray(0, immediate)))
    if (unsolicitedEnd > immediate) {
      this.sendDataOut(reservedTag, immediate, unsolicitedEnd - immediate, parameters.targetMaxRecvDataSegmentLength)
    }
  }

  /** Sends `bytes` from `offset` as a sequence of Data-Out; the last one has the F bit. */
  sendDataOut(targetTransferTag: number, offset: number, bytes: number, segmentBytes: number): void {
    const write = this.request.writeData ?? Buffer.alloc(0)
    const end = offset + bytes
    let dataSn = 0
    for (let at = offset; at < end; at += segmentBytes) {
      const stop = Math.min(at + segmentBytes, end)
      const header = makeHeader({
        opcode: Opcode.dataOut,
        flags: stop === end ? 0x80 : 0,
        lun: targetTransferTag === reservedTag ? 0n : lunField(this.request.lun),
        initiatorTaskTag: this.initiatorTaskTag,
        word20: targetTransferTag,
        expStatSn: this.#port.expStatSn(),
        word36: dataSn++,
        word40: at
      })
      this.#port.send(new Pdu(header, write.subarray(at, stop)))
    }
  }

  /** Takes a PDU of this task; the result when it was the last one. */
  onPdu(pdu: Pdu): ScsiResult | undefined {
    if (pdu.opcode === Opcode.dataIn) return this.#onDataIn(pdu)
    if (pdu.opcode === Opcode.readyToTransfer) {
      this.#onR2t(pdu)
      return undefined
    }
    return this.#onResponse(pdu)
  }

  #immediateBytes(): number {
    const { parameters } = this.#port
    const length = this.request.writeData?.length ?? 0
    if (this.request.immediateBytes !== undefined) return Math.min(this.request.immediateBytes, length)
    if (!parameters.immediateData) return 0
    return Math.min(length, parameters.firstBurstLength, parameters.targetMaxRecvDataSegmentLength)
  }

  #unsolicitedEnd(immediate: number): number {
    const { parameters } = this.#port
    if (parameters.initialR2t || this.request.unsolicited === false) return immediate
    return Math.max(immediate, Math.min(this.request.writeData?.length ?? 0, parameters.firstBurstLength))
  }

  #violation(text: string): void {
    this.#port.violation(`task ${this.initiatorTaskTag}: ${text}`)
  }

  #onDataIn(pdu: Pdu): ScsiResult | undefined {
    const { parameters } = this.#port
    const { data } = pdu
    if (pdu.dataSn !== this.#dataSn) this.#violation(`Data-In with DataSN ${pdu.dataSn}, expected ${this.#dataSn}`)
    if (data.length > parameters.maxRecvDataSegmentLength) this.#violation(`Data-In of ${data.length} bytes`)
    if (pdu.bufferOffset !== this.#received) {
      this.#violation(`Data-In at offset ${pdu.bufferOffset}, expected ${this.#received}`)
    }
    if (pdu.bufferOffset + data.length > this.#data.length) {
      this.#violation(`Data-In up to ${pdu.bufferOffset + data.length} of ${this.#data.length} bytes`)
    }
    data.copy(this.#data, Math.min(pdu.bufferOffset, this.#data.length))
    this.#dataSn = (this.#dataSn + 1) >>> 0
    this.#dataInPdus++
    this.#received += data.length
    this.#burst += data.length
    if (this.#burst > parameters.maxBurstLength) this.#violation(`a Data-In sequence of ${this.#burst} bytes`)
    if (pdu.final) this.#burst = 0
    if ((pdu.flags & 0x01) === 0) return undefined
    if (!pdu.final) this.#violation("a Data-In with status but without the F bit")
    return this.#result(pdu, 0, undefined, true)
  }

  #onR2t(pdu: Pdu): void {
    const { parameters } = this.#port
    const end = pdu.bufferOffset + pdu.count
    if (pdu.dataSn !== this.#r2ts) this.#violation(`R2TSN ${pdu.dataSn}, expected ${this.#r2ts}`)
    if (pdu.count === 0 || pdu.count > parameters.maxBurstLength) this.#violation(`an R2T for ${pdu.count} bytes`)
    if (pdu.bufferOffset !== this.#solicitedTo) {
      this.#violation(`an R2T at offset ${pdu.bufferOffset}, expected ${this.#solicitedTo}`)
    }
    if (end > this.expectedBytes) this.#violation(`an R2T up to ${end} of ${this.expectedBytes} bytes`)
    if (pdu.targetTransferTag === reservedTag) this.#violation("an R2T with the reserved transfer tag")
    this.#r2ts++
    this.#solicitedTo = end
    this.#openR2ts.add(pdu.targetTransferTag)
    if (this.#openR2ts.size > parameters.maxOutstandingR2t) {
      this.#violation(`${this.#openR2ts.size} R2Ts outstanding, ${parameters.maxOutstandingR2t} negotiated`)
    }
    // The answer is sent after all R2Ts of this chunk were seen: outstanding ones are counted as the wire has them.
    const answer = () => {
      this.#openR2ts.delete(pdu.targetTransferTag)
      const segment = parameters.targetMaxRecvDataSegmentLength
      this.sendDataOut(pdu.targetTransferTag, pdu.bufferOffset, pdu.count, segment)
    }
    if (this.request.onR2t === undefined) setImmediate(answer)
    else this.request.onR2t(pdu, answer)
  }

  #onResponse(pdu: Pdu): ScsiResult {
    const sense = parseSenseSegment(pdu.data)
    if (pdu.response === 0 && pdu.status === Status.checkCondition && sense === undefined) {
      this.#violation("CHECK CONDITION without sense data")
    }
    // RFC 3720 counts R2Ts here, RFC 7143 section 11.4.8 only Data-In: both are in use.
    if (pdu.response === 0 && pdu.dataSn !== this.#dataSn && pdu.dataSn !== this.#dataSn + this.#r2ts) {
      this.#violation(`ExpDataSN ${pdu.dataSn}, ${this.#dataSn} Data-In and ${this.#r2ts} R2Ts came`)
    }
    return this.#result(pdu, pdu.response, sense, false)
  }

  #result(pdu: Pdu, response: number, sense: Sense | undefined, phaseCollapse: boolean): ScsiResult {
    const residual = residualOf(pdu)
    if (pdu.status === Status.good && response === 0 && this.request.readBytes !== undefined) {
      const expected = this.expectedBytes - (residual.kind === "underflow" ? residual.count : 0)
      if (this.#received !== expected) this.#violation(`GOOD with ${this.#received} bytes, expected ${expected}`)
    }
    return {
      response,
      status: pdu.status,
      sense,
      data: this.#data.subarray(0, Math.min(this.#received, this.#data.length)),
      residual,
      dataInPdus: this.#dataInPdus,
      r2ts: this.#r2ts,
      phaseCollapse
    }
  }
}
