/**
 * Lets commands gather, as network cards moderate interrupts. An initiator that sends one command at a time, though it
 * has many under way, wakes the target for each: reading, answering and waiting cost several times what the command
 * does. So after an answer the reactor naps for a moment, and finds a handful.
 *
 * It naps only where nobody waits for that: the initiator has not looked at several answers yet (its ExpStatSN tells),
 * it is the only one that has sent anything for a while, and none of its commands is under way here. With few commands
 * at a time, or while chunks bring many, it never naps.
 */

/** Answers that the initiator has yet to look at: work enough for a nap's time. */
const unseenAnswersMin = 8
/** Chunks in a row of one connection, before it counts as the only one. */
const chunksAlone = 64
/**
 * In milliseconds. Linux adds its timer slack, 50 us for threads of ordinary priority: it takes that much longer.
 */
const napMillis = 0.01

/** A connection's commands, as far as it matters here. */
export interface CoalescedCommands {
  /** SCSI commands that have come so far. */
  readonly commandCount: number
  /** Whether one of the session has not been answered. */
  readonly isBusy: boolean
  /** Answers that the initiator had not seen when it sent its last command; more than there can be if it never says. */
  readonly unseenAnswers: number
  /** Commands that the session may have at a time. */
  readonly queueDepth: number
}

const cell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

const sleep = (millis: number): void => void Atomics.wait(cell, 0, 0, millis)

/** One per reactor. */
export class Coalescing {
  readonly #nap: (millis: number) => void
  #last: CoalescedCommands | undefined
  #lastCount = 0
  #alone = 0
  /** Chunks since one has brought more than one command. */
  #sinceSeveral = chunksAlone
  naps = 0

  /** `nap` holds the thread for so many milliseconds. */
  constructor(nap = sleep) {
    this.#nap = nap
  }

  /** All of a chunk has been answered, and the answers sent. */
  chunkEnded(commands: CoalescedCommands): void {
    const brought = commands.commandCount - this.#lastCount
    this.#lastCount = commands.commandCount
    if (commands !== this.#last) {
      this.#last = commands
      this.#alone = 0
      this.#sinceSeveral = chunksAlone
      return
    }
    this.#alone++
    this.#sinceSeveral = brought > 1 ? 0 : this.#sinceSeveral + 1
    if (this.#alone < chunksAlone || this.#sinceSeveral >= chunksAlone || commands.isBusy) return
    const { queueDepth, unseenAnswers } = commands
    if (unseenAnswers < unseenAnswersMin || unseenAnswers > queueDepth || brought * 2 > unseenAnswers) return
    this.naps++
    this.#nap(napMillis)
  }

  /** A connection has ended, or something else is to be done soon: naps begin anew. */
  wake(): void {
    this.#last = undefined
  }
}
