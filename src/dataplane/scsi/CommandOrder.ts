/**
 * The order that task attributes ask for among the commands of a logical unit (SAM-5 8.6). A SIMPLE command waits for
 * HEAD OF QUEUE commands and for older ORDERED ones; an ORDERED one for HEAD OF QUEUE and for everything older; a HEAD
 * OF QUEUE one for nothing. All initiators' commands are in one task set (TST is 000b), from the moment that they
 * come: a write that waits for its data, too.
 *
 * While there are SIMPLE commands only, nothing is kept here, and the task set's gate is open. When another comes,
 * those that are older are looked for. Who stands in the way for too long, for lack of data or at a disk that hangs, is
 * given up: an initiator must not stop others for ever.
 */
import type { ScsiTask } from "./ScsiTask.ts"
import type { TaskSet } from "./TaskSet.ts"

/** The ATTR field of a SCSI Command (RFC 7143 section 11.3.1); SAM-5 8.6. Others are reserved, and taken as SIMPLE. */
export const TaskAttribute = { untagged: 0, simple: 1, ordered: 2, headOfQueue: 3, aca: 4 } as const

/** How long a command may stand in the way of another, in milliseconds. */
export const orderPatienceMillis = 30_000

/** A command, as its order knows it. */
export interface OrderedCommand {
  readonly scsi: ScsiTask
  /** It has waited for its turn, which has come; called once, never within a call of the order. */
  readonly takeTurn: () => void
  /** It has stood in the way for too long: it ends with ABORTED COMMAND, and leaves. */
  readonly endLate: () => void
}

/** A command that has come since there was an order to keep. */
interface Place {
  /** When it came, or began to wait. */
  since: number
  /** In the enabled state (SAM-5 8.5.1): nothing that it has to wait for is left, or it has run already. */
  isEnabled: boolean
  /** It could run if it were enabled. */
  isWaiting: boolean
}

const attributeOf = (command: OrderedCommand): number => command.scsi.taskAttribute

/** One per logical unit. */
export class CommandOrder {
  readonly #taskSet: TaskSet
  readonly #now: () => number
  /** In order of arrival. */
  readonly #places = new Map<OrderedCommand, Place>()
  /** Commands that are older than all of these; none of them waits for its turn. */
  readonly #older = new Set<OrderedCommand>()
  #headsOfQueue = 0
  #dormant = 0
  #advances = false
  #timer: NodeJS.Timeout | undefined

  /** `now` gives milliseconds of a clock that only goes forward. */
  constructor(taskSet: TaskSet, now: () => number = () => performance.now()) {
    this.#taskSet = taskSet
    this.#now = now
  }

  /** There is no order to keep: SIMPLE commands need not arrive. */
  get idle(): boolean {
    return this.#places.size === 0
  }

  /** A command has come; `older` tells those that have come before it, and is asked only if there was no order yet. */
  arrive(command: OrderedCommand, older: () => Iterable<OrderedCommand>): void {
    if (this.idle) {
      for (const other of older()) if (other !== command) this.#older.add(other)
      this.#taskSet.shut(this)
    }
    const place = { since: this.#now(), isEnabled: false, isWaiting: false }
    this.#places.set(command, place)
    if (attributeOf(command) === TaskAttribute.headOfQueue) this.#headsOfQueue++
    place.isEnabled = !this.#mustWait(command)
    if (!place.isEnabled) this.#dormant++
  }

  /** All data of a command is there. False: it waits for its turn. Commands that have not arrived here never wait. */
  mayRun(command: OrderedCommand): boolean {
    const place = this.#places.get(command)
    if (place === undefined || place.isEnabled) return true
    place.isWaiting = true
    place.since = this.#now()
    this.#timer ??= this.#startTimer()
    return false
  }

  /** A command has ended, or nobody waits for it any more. Those behind it go on in a moment, not within this call. */
  leave(command: OrderedCommand): void {
    this.#older.delete(command)
    const place = this.#places.get(command)
    if (place !== undefined) {
      this.#places.delete(command)
      if (!place.isEnabled) this.#dormant--
      if (attributeOf(command) === TaskAttribute.headOfQueue) this.#headsOfQueue--
    }
    this.#relax()
    if (this.#dormant === 0 || this.#advances) return
    this.#advances = true
    queueMicrotask(() => this.#advance())
  }

  #mustWait(command: OrderedCommand): boolean {
    const attribute = attributeOf(command)
    if (attribute === TaskAttribute.headOfQueue) return false
    if (this.#headsOfQueue > 0) return true
    const first = this.#places.keys().next().value
    if (attribute === TaskAttribute.ordered) return this.#older.size > 0 || first !== command
    for (const other of this.#places.keys()) {
      if (other === command) return false
      if (attributeOf(other) === TaskAttribute.ordered) return true
    }
    return false
  }

  #advance(): void {
    this.#advances = false
    for (const command of this.#upToOrdered()) {
      const place = this.#places.get(command)
      // What ran just now may have ended it.
      if (place === undefined || place.isEnabled || this.#mustWait(command)) continue
      place.isEnabled = true
      this.#dormant--
      if (!place.isWaiting) continue
      place.isWaiting = false
      command.takeTurn()
    }
    this.#relax()
  }

  /** The commands up to the first that is ORDERED: those behind it wait. */
  #upToOrdered(): ReadonlyArray<OrderedCommand> {
    const found: Array<OrderedCommand> = []
    for (const command of this.#places.keys()) {
      found.push(command)
      if (attributeOf(command) === TaskAttribute.ordered) break
    }
    return found
  }

  /** Forgets everything once no command asks for an order any more and none waits. */
  #relax(): void {
    if (this.#headsOfQueue > 0 || this.#dormant > 0) return
    for (const command of this.#places.keys()) if (attributeOf(command) === TaskAttribute.ordered) return
    this.#places.clear()
    this.#older.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#taskSet.unshut(this)
  }

  #startTimer(): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timer = undefined
      this.#endLate()
      if (this.#dormant > 0) this.#timer = this.#startTimer()
    }, orderPatienceMillis / 4)
    return timer.unref()
  }

  /** If the first that waits has waited for too long, ends what it waits for. */
  #endLate(): void {
    const latest = this.#now() - orderPatienceMillis
    const late = [...this.#places].find(([, place]) => place.isWaiting)
    if (late === undefined || late[1].since > latest) return
    const isOrdered = attributeOf(late[0]) === TaskAttribute.ordered
    const inTheWay = isOrdered ? [...this.#older] : []
    let isBefore = true
    for (const [command, place] of this.#places) {
      if (command === late[0]) isBefore = false
      if (place.isWaiting) continue
      const attribute = attributeOf(command)
      const isHead = attribute === TaskAttribute.headOfQueue
      const blocks = isHead ? place.since <= latest : isBefore && (isOrdered || attribute === TaskAttribute.ordered)
      if (blocks) inTheWay.push(command)
    }
    for (const command of inTheWay) command.endLate()
  }
}
