/**
 * The rules by which data of writes comes (RFC 7143 sections 4.2.5.2, 11.7 and 11.8): immediate data, unsolicited data
 * up to FirstBurstLength, then sequences that R2Ts ask for. All data of a task is in order, as Yes is the outcome for
 * DataPDUInOrder and DataSequenceInOrder.
 */
import { SenseCode } from "../scsi/sense-codes.ts"
import type { IscsiTask } from "./IscsiTask.ts"
import type { SessionParameters } from "./negotiation.ts"
import { finalBit, flagsOf, reservedTag, targetTransferTagOf } from "./pdu/bhs.ts"
import { bufferOffsetOf, dataSnOf } from "./pdu/scsi.ts"

/** One per connection: it remembers the Data-Out that is being read. */
export class DataOutSequence {
  readonly #parameters: SessionParameters
  #nextTag = 0
  #final = false

  constructor(parameters: SessionParameters) {
    this.#parameters = parameters
  }

  /** A write command begins, with `dataBytes` of immediate data: what is wrong with that, or `SenseCode.none`. */
  beginCommand(task: IscsiTask, flags: number, dataBytes: number): number {
    const { firstBurstLength, immediateData, initialR2t } = this.#parameters
    const unsolicitedMax = Math.min(firstBurstLength, task.expectsDataOut ? task.expectedBytes : 0)
    if (dataBytes > unsolicitedMax || (dataBytes > 0 && !immediateData)) return SenseCode.unexpectedUnsolicitedData
    task.unsolicited = (flags & finalBit) === 0
    if (task.unsolicited && initialR2t) return SenseCode.unexpectedUnsolicitedData
    task.unsolicitedEnd = unsolicitedMax
    task.solicitedEnd = 0
    return SenseCode.none
  }

  /** A Data-Out begins for `task`: what is wrong with it (RFC 7143 section 11.4.7.2), or `SenseCode.none`. */
  begin(task: IscsiTask, b: Buffer, at: number, dataBytes: number): number {
    const tag = targetTransferTagOf(b, at)
    const solicited = tag !== reservedTag
    if (!solicited && !task.unsolicited) return SenseCode.unexpectedUnsolicitedData
    if (solicited && (task.unsolicited || task.r2tCount === 0 || task.r2tTags[0] !== tag)) {
      return SenseCode.protocolServiceCrcError
    }
    const offset = bufferOffsetOf(b, at)
    if (offset !== task.receivedBytes || dataSnOf(b, at) !== task.nextDataSn) return SenseCode.protocolServiceCrcError
    const end = solicited ? (task.r2tEnds[0] ?? 0) : task.unsolicitedEnd
    if (offset + dataBytes > end) {
      return solicited ? SenseCode.notEnoughUnsolicitedData : SenseCode.unexpectedUnsolicitedData
    }
    task.nextDataSn++
    this.#final = (flagsOf(b, at) & finalBit) !== 0
    return SenseCode.none
  }

  /** The Data-Out has come: `SenseCode.none`, unless its sequence ends before all that it has to bring is there. */
  end(task: IscsiTask): number {
    if (!this.#final) return SenseCode.none
    if (task.unsolicited) {
      // Of a longer transfer it is a whole first burst or nothing (section 11.4.7.2).
      const { firstBurstLength } = this.#parameters
      const short = task.expectedBytes > firstBurstLength && task.receivedBytes !== firstBurstLength
      task.unsolicited = false
      task.nextDataSn = 0
      return short ? SenseCode.notEnoughUnsolicitedData : SenseCode.none
    }
    if (task.receivedBytes !== task.r2tEnds[0]) return SenseCode.notEnoughUnsolicitedData
    task.shiftR2t()
    return SenseCode.none
  }

  /** Notes one more R2T, if there is more to ask for and it may be outstanding: its length in bytes, else 0. */
  nextRequest(task: IscsiTask): number {
    const { maxBurstLength, maxOutstandingR2t } = this.#parameters
    if (task.solicitedEnd < task.receivedBytes) task.solicitedEnd = task.receivedBytes
    if (task.r2tCount >= maxOutstandingR2t || task.solicitedEnd >= task.wantedBytes) return 0
    const bytes = Math.min(maxBurstLength, task.wantedBytes - task.solicitedEnd)
    task.pushR2t(this.#takeTag(), task.solicitedEnd + bytes)
    return bytes
  }

  /** Tags are unique per connection and come back only after 2^32 of them. */
  #takeTag(): number {
    const tag = this.#nextTag
    this.#nextTag = tag + 1 >= reservedTag ? 0 : tag + 1
    return tag
  }
}
