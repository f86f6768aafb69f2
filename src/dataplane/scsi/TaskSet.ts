/**
 * Which commands of a medium may run side by side. Atomic commands (COMPARE AND WRITE, ORWRITE ...) have their blocks
 * to themselves: who comes later waits, in order of arrival. A write that nobody waits for any more may land at any
 * time: until it is back, nothing else is done on its blocks.
 *
 * Nearly always nothing of this is under way, and then `open` is all that a command asks. Units of one stack of bdevs
 * share a task set, since they share the medium.
 */
import { ScsiAction, type ScsiTask } from "./ScsiTask.ts"

/** Blocks, in bytes from the start of the medium. */
export interface BlockRange {
  readonly byteOffset: number
  readonly byteLength: number
}

/** A command, as its task set knows it. */
export interface SetCommand {
  readonly scsi: ScsiTask
  /** It has waited and is running from now on; called once, never within `enter`. */
  readonly proceed: () => void
}

const overlap = (a: BlockRange, b: BlockRange): boolean =>
  a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength

const isAtomic = ({ action, operation }: ScsiTask): boolean =>
  action === ScsiAction.operate && operation?.use === "atomic"

const usesBlocks = ({ action }: ScsiTask): boolean => action !== ScsiAction.flush

/** One per medium. */
export class TaskSet {
  /** Nothing waits, nothing is locked, no late write is out, no order is to be kept: commands need not ask. */
  open = true
  /** At the bdev, and somebody waits for them. Copies from and to a RAM disk's memory are never here. */
  readonly #running = new Set<SetCommand>()
  readonly #atomic = new Set<SetCommand>()
  /** In order of arrival. */
  readonly #waiting: Array<SetCommand> = []
  readonly #lateWrites = new Set<BlockRange>()
  /** Who keeps an order among commands: see `CommandOrder`. */
  readonly #orders = new Set<object>()
  #advancing = false

  /** Writes that nobody waits for any more, but which a bdev of this medium still has. */
  get lateWrites(): ReadonlySet<BlockRange> {
    return this.#lateWrites
  }

  /** Commands that wait. */
  get waitingCount(): number {
    return this.#waiting.length
  }

  /** True: the command runs, until `leave`. False: it waits; `proceed` is called when it runs. */
  enter(command: SetCommand): boolean {
    const { scsi } = command
    if ((this.open && !isAtomic(scsi)) || !this.#mustWait(scsi, this.#waiting.length)) {
      this.#start(command)
      return true
    }
    this.#waiting.push(command)
    this.#update()
    return false
  }

  /** A running command has ended, whether somebody has waited for it or not. */
  leave(command: SetCommand): void {
    const wasRunning = this.#running.delete(command)
    if (this.open) return
    this.#atomic.delete(command)
    this.#lateWrites.delete(command.scsi)
    if (wasRunning || this.#waiting.length === 0) this.#advance()
    // It may be back because it has just been aborted, and those who wait for it are to be aborted next.
    else queueMicrotask(() => this.#advance())
  }

  /**
   * A running command is not waited for any more, though it may never end: others do not wait for it either. If it
   * `writes`, its blocks count as written late until it leaves.
   */
  orphan(command: SetCommand, writes: boolean): void {
    this.#running.delete(command)
    this.#atomic.delete(command)
    if (writes) this.#lateWrites.add(command.scsi)
    this.#update()
    if (this.#waiting.length > 0) queueMicrotask(() => this.#advance())
  }

  /** A waiting command is not waited for any more. Those behind it proceed in a moment, not within this call. */
  withdraw(command: SetCommand): void {
    const place = this.#waiting.indexOf(command)
    if (place < 0) return
    this.#waiting.splice(place, 1)
    queueMicrotask(() => this.#advance())
  }

  /** An order has to be kept from now on: commands have to ask. */
  shut(order: object): void {
    this.#orders.add(order)
    this.#update()
  }

  /** It has not to be kept any more. */
  unshut(order: object): void {
    if (this.#orders.delete(order)) this.#update()
  }

  /** Whether a late write may still change one of these bytes. */
  awaitsLateWrite(range: BlockRange): boolean {
    for (const late of this.#lateWrites) if (overlap(late, range)) return true
    return false
  }

  #start(command: SetCommand): void {
    this.#running.add(command)
    if (!isAtomic(command.scsi)) return
    this.#atomic.add(command)
    this.#update()
  }

  /** Whether it must wait for what runs, or for one of the first `before` that wait. */
  #mustWait(scsi: ScsiTask, before: number): boolean {
    if (!usesBlocks(scsi)) return false
    const among = isAtomic(scsi) ? this.#running : this.#atomic
    for (const other of among) if (usesBlocks(other.scsi) && overlap(other.scsi, scsi)) return true
    for (let at = 0; at < before; at++) {
      const other = this.#waiting[at]?.scsi
      if (other !== undefined && overlap(other, scsi) && (isAtomic(other) || isAtomic(scsi))) return true
    }
    return false
  }

  #advance(): void {
    if (this.#advancing) return
    this.#advancing = true
    for (let at = 0; at < this.#waiting.length; ) {
      const command = this.#waiting[at]
      if (command === undefined || this.#mustWait(command.scsi, at)) at++
      else {
        this.#waiting.splice(at, 1)
        this.#start(command)
        command.proceed()
        // It may have ended already, and others that came before may go.
        at = 0
      }
    }
    this.#advancing = false
    this.#update()
  }

  #update(): void {
    const runsFree = this.#waiting.length === 0 && this.#atomic.size === 0 && this.#lateWrites.size === 0
    this.open = runsFree && this.#orders.size === 0
  }
}
