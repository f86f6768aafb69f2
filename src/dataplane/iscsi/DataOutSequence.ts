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

  /** A Data-Out begins for `task`. False: it is not the one that is due. */
  begin(task: IscsiTask, b: Buffer, at: number, dataBytes: number): boolean {
    const tag = targetTransferTagOf(b, at)
    let end: number
    if (tag === reservedTag) {
      if (!task.unsolicited) return false
      end = task.unsolicitedEnd
    } else {
      if (task.unsolicited || task.r2tCount === 0 || task.r2tTags[0] !== tag) return false
      end = task.r2tEnds[0] ?? 0
    }
    const offset = bufferOffsetOf(b, at)
    if (offset !== task.receivedBytes || offset + dataBytes > end || dataSnOf(b, at) !== task.nextDataSn) return false
    task.nextDataSn++
    this.#final = (flagsOf(b, at) & finalBit) !== 0
    return true
  }

  /** The Data-Out has come. False: the sequence ends before all that was asked for is there. */
  end(task: IscsiTask): boolean {
    if (!this.#final) return true
    if (task.unsolicited) {
      task.unsolicited = false
      task.nextDataSn = 0
      return true
    }
    if (task.receivedBytes !== task.r2tEnds[0]) return false
    task.shiftR2t()
    return true
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
