/**
 * A medium that is being sanitized (SBC-4 4.11): from the SANITIZE that asks for it until every block is erased. It
 * belongs to the unit and not to the command: no abort, reset or lost connection ends it. Other commands are refused
 * meanwhile, and when it has failed, because a part of what was there may be there still.
 *
 * It unmaps in steps, which zeroes what can't be unmapped, and other work has its turn in between. The process that
 * ends takes it along: what is erased by then is erased, and the unit does not know of it after a restart.
 */
import { type BdevIo, IoStatus } from "../../bdev/Bdev.ts"
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { LogicalUnit } from "../LogicalUnit.ts"
import type { Obstacle } from "../Obstacle.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"

/** SANITIZE. */
export const sanitizeOpcode = 0x48

/** Bytes that are erased in one step, less what is no whole block. */
const stepBytes = 1024 * 1024
/** How long to wait before a step is tried again that the disk had no memory for, in milliseconds. */
const retryMillis = 100

/** One per SANITIZE; an obstacle of its unit until it has succeeded. */
export class Sanitization implements Obstacle, BdevIo {
  readonly #unit: LogicalUnit
  /** AUSE: a failure may be left behind by SANITIZE with EXIT FAILURE MODE. */
  readonly #allowsExit: boolean
  #byteOffset = 0
  #stepLength = 0
  #isFlushing = false
  #hasFailed = false
  #isOver = false
  #retry: NodeJS.Timeout | undefined

  constructor(unit: LogicalUnit, allowsExit: boolean) {
    this.#unit = unit
    this.#allowsExit = allowsExit
  }

  /** It has succeeded, failed, or its unit has gone. */
  get isOver(): boolean {
    return this.#isOver
  }

  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** It has failed, and EXIT FAILURE MODE may make the unit take commands again. */
  get canBeLeft(): boolean {
    return this.#hasFailed && this.#allowsExit
  }

  get senseKey(): SenseKey {
    return this.#hasFailed ? SenseKey.mediumError : SenseKey.notReady
  }

  get senseCode(): SenseCode {
    return this.#hasFailed ? SenseCode.sanitizeCommandFailed : SenseCode.sanitizeInProgress
  }

  get progress(): number {
    const { blockCount, blockSize } = this.#unit.bdev
    if (this.#hasFailed) return -1
    return Math.min(0xffff, Math.floor((this.#byteOffset / (blockCount * blockSize)) * 0x10000))
  }

  /** All commands but those that only look at the unit, and after a failure SANITIZE (SBC-4 4.11.2, 4.11.4). */
  stops(command: CommandDefinition): boolean {
    if (command.patient || command.whileSanitizing) return false
    return !(this.#hasFailed && command.opcode === sanitizeOpcode)
  }

  /** Erases from the first block on. */
  begin(): void {
    this.#unit.obstruct(this)
    setImmediate(() => this.#step())
  }

  /** The unit goes away: nothing more is submitted. */
  stop(): void {
    this.#isOver = true
    clearTimeout(this.#retry)
  }

  /** An erased step, or the last flush, is back from the disk. */
  ioDone(status: IoStatus): void {
    if (this.#isOver) return
    if (status === IoStatus.noMemory) {
      this.#retry = setTimeout(() => this.#step(), retryMillis)
      return
    }
    if (status !== IoStatus.ok) return this.#end(true)
    if (this.#isFlushing) return this.#end(false)
    this.#byteOffset += this.#stepLength
    setImmediate(() => this.#step())
  }

  #step(): void {
    if (this.#isOver) return
    const { bdev } = this.#unit
    const left = bdev.blockCount * bdev.blockSize - this.#byteOffset
    if (left <= 0) {
      this.#isFlushing = true
      bdev.flush(this)
      return
    }
    this.#stepLength = Math.min(stepBytes - (stepBytes % bdev.blockSize), left)
    bdev.unmap(this.#byteOffset, this.#stepLength, this)
  }

  #end(hasFailed: boolean): void {
    this.#isOver = true
    this.#hasFailed = hasFailed
    if (!hasFailed) this.leave()
  }

  /** The unit takes commands again. */
  leave(): void {
    this.#unit.clear(this)
  }
}
