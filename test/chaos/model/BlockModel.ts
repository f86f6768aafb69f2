/**
 * What the blocks of a medium may hold, from nothing but when writes were sent and answered: a register per block, as
 * in a check of linearizability. A value is possible until a write that was answered with GOOD has begun after it had
 * ended. Times are those of a logical clock of the run.
 *
 * The same is kept for what is on the medium and outlives a loss of power: there only a write counts that a flush, or
 * FUA, has confirmed.
 */
import { type Content, zeros } from "./block-content.ts"

/** From when to when something was under way. */
export interface Span {
  readonly begin: number
  /** Infinity: it may still be. */
  readonly end: number
}

/** A write, as far as its blocks are concerned. */
export interface Write extends Span {
  /** It was answered with GOOD: what was there before is gone. */
  readonly isDone: boolean
  /** Confirmed as on the medium. */
  readonly isDurable: boolean
}

interface Value extends Write {
  readonly content: Content
}

interface Block {
  readonly values: ReadonlyArray<Value>
  /** What a loss of power may leave. */
  readonly stored: ReadonlyArray<Value>
}

const initial: Value = { content: zeros, begin: 0, end: 0, isDone: true, isDurable: true }
const untouched: Block = { values: [initial], stored: [initial] }

/** When the last write that counts began, of those that had ended before `at`. */
const lastBegin = (values: ReadonlyArray<Value>, at: number, counts: (value: Value) => boolean): number =>
  values.reduce((last, value) => (counts(value) && value.end < at ? Math.max(last, value.begin) : last), -1)

const isDone = (value: Value): boolean => value.isDone
const isDurable = (value: Value): boolean => value.isDone && value.isDurable

const without = (values: ReadonlyArray<Value>, at: number, counts: (value: Value) => boolean): ReadonlyArray<Value> => {
  const last = lastBegin(values, at, counts)
  return values.filter(({ end }) => end >= last)
}

/** One medium. */
export class BlockModel {
  readonly #blocks = new Map<number, Block>()

  /** Blocks that anything is known of, ascending. */
  get known(): ReadonlyArray<number> {
    return [...this.#blocks.keys()].toSorted((a, b) => a - b)
  }

  /** A block was written, or may have been; several contents if it is not known which. */
  write(block: number, contents: ReadonlyArray<Content>, write: Write): void {
    const { stored, values } = this.#block(block)
    const added = contents.map((content) => ({ content, ...write }))
    this.#blocks.set(block, { values: [...values, ...added], stored: [...stored, ...added] })
  }

  /** A flush that was answered with GOOD: what had been written before it began is on the medium. */
  flushed(flush: Span): void {
    for (const [block, { stored, values }] of this.#blocks) {
      const confirmed = stored.map((value) => (value.end < flush.begin ? { ...value, isDurable: true } : value))
      this.#blocks.set(block, { values, stored: confirmed })
    }
  }

  /** What a read may have found. */
  possible(block: number, read: Span): ReadonlyArray<Content> {
    const { values } = this.#block(block)
    const last = lastBegin(values, read.begin, isDone)
    return values.filter(({ begin, end }) => begin < read.end && end >= last).map(({ content }) => content)
  }

  /** Nothing is under way at `now`: what has not ended has ended, and what is overwritten is forgotten. */
  settle(now: number): void {
    const ended = (values: ReadonlyArray<Value>) =>
      values.map((value) => (value.end === Number.POSITIVE_INFINITY ? { ...value, end: now - 1 } : value))
    for (const [block, { stored, values }] of this.#blocks) {
      this.#blocks.set(block, {
        values: without(ended(values), now, isDone),
        stored: without(ended(stored), now, isDurable)
      })
    }
  }

  /** A block was read while nothing was under way: it holds that, and nothing else. */
  found(block: number, content: Content, now: number): void {
    const { stored } = this.#block(block)
    const value = { content, begin: now, end: now, isDone: true, isDurable: false }
    const isOnlyStored = stored.every((one) => one.content === content)
    this.#blocks.set(block, { values: [value], stored: isOnlyStored ? [{ ...value, isDurable: true }] : stored })
  }

  /** The machine has lost its power: each block is one of what may have been stored. */
  losePower(now: number): void {
    for (const [block, { stored }] of this.#blocks) {
      const contents = [...new Set(stored.map(({ content }) => content))]
      const left = contents.map((content) => ({
        content,
        begin: now,
        end: now,
        isDone: contents.length === 1,
        isDurable: contents.length === 1
      }))
      this.#blocks.set(block, { values: left, stored: left })
    }
  }

  /** The medium is new, and holds zeros. */
  erase(): void {
    this.#blocks.clear()
  }

  #block(block: number): Block {
    return this.#blocks.get(block) ?? untouched
  }
}
