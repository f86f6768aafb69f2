/**
 * A lane while records are read. Its memory is bounded by the cells of the picture, however much happens: what lies in
 * one cell is told as one.
 */
import type { Lane, LaneKind, Mark, Phase, Severity, Span } from "./Timeline.ts"

/** The picture's time: where it begins and ends, and how long one cell is, all in microseconds. */
export interface TimeScale {
  readonly from: number
  readonly to: number
  readonly cell: number
}

const worst: Readonly<Record<Phase, number>> = { active: 0, open: 0, draining: 1, unknown: 2, failed: 3 }

/** The graver of two phases: what one cell shows that has both. */
export const worsePhase = (a: Phase, b: Phase): Phase => (worst[b] > worst[a] ? b : a)

interface OpenSpan {
  readonly phase: Phase
  readonly from: number
  readonly fromSeq: number | undefined
}

/** One lane that grows. Times must not go back. */
export class LaneTrack {
  readonly kind: LaneKind
  title: string
  /** Tags of the objects that it is about, as `record-tags.ts` writes them. */
  readonly tags = new Set<string>()
  readonly #scale: TimeScale
  readonly #marksOnly: boolean
  readonly #spans: Array<Span> = []
  readonly #marks = new Map<string, Mark>()
  #open: OpenSpan | undefined

  /** `marksOnly`: several objects share it, so that it is in no phase. */
  constructor(kind: LaneKind, title: string, scale: TimeScale, options: { readonly marksOnly?: boolean } = {}) {
    this.kind = kind
    this.title = title
    this.#scale = scale
    this.#marksOnly = options.marksOnly === true
  }

  /** The phase that it is in. */
  get phase(): Phase | undefined {
    return this.#open?.phase
  }
  /** Nothing is known of it yet. */
  get isEmpty(): boolean {
    return this.#spans.length === 0 && this.#open === undefined
  }

  /** It is in this phase from here on. Without `seq` it was before. */
  begin(phase: Phase, at: number, seq?: number): void {
    if (this.#marksOnly || this.#open?.phase === phase) return
    this.end(at, seq)
    this.#open = { phase, from: at, fromSeq: seq }
  }

  /** It is gone. Without `seq` the picture ends. */
  end(at: number, seq?: number): void {
    if (this.#open === undefined) return
    const { from, fromSeq, phase } = this.#open
    this.#open = undefined
    // It was there before the picture, and no more when that begins.
    if (fromSeq === undefined && at <= from) return
    this.#push({
      phase,
      from,
      to: at,
      ...(fromSeq === undefined ? {} : { from_seq: fromSeq }),
      ...(seq === undefined ? {} : { to_seq: seq })
    })
  }

  /** Something happened, `count` times; `text` is asked for if it is the first in its cell. */
  mark(severity: Severity, at: number, seq: number, count: number, text: () => string): void {
    const key = `${this.#cellOf(at)} ${severity}`
    const found = this.#marks.get(key)
    const mark =
      found === undefined
        ? { severity, at, until: at, seq, records: 1, count, text: text() }
        : { ...found, until: at, records: found.records + 1, count: found.count + count }
    this.#marks.set(key, mark)
  }

  /** All of it, up to the end of the picture. */
  finish(): Lane {
    this.end(this.#scale.to)
    const marks = [...this.#marks.values()].sort((a, b) => a.at - b.at)
    return { kind: this.kind, title: this.title, spans: this.#spans, marks }
  }

  #cellOf(at: number): number {
    return Math.floor((at - this.#scale.from) / this.#scale.cell)
  }

  #isShort({ from, to }: Span): boolean {
    return this.#cellOf(from) === this.#cellOf(to)
  }

  #push(span: Span): void {
    const last = this.#spans.at(-1)
    const isOneCell = last !== undefined && this.#isShort(span) && this.#isShort(last)
    if (!isOneCell || this.#cellOf(last.to) !== this.#cellOf(span.from)) {
      this.#spans.push(span)
      return
    }
    const { to_seq: _, ...begun } = last
    this.#spans[this.#spans.length - 1] = {
      ...begun,
      phase: worsePhase(last.phase, span.phase),
      to: span.to,
      ...(span.to_seq === undefined ? {} : { to_seq: span.to_seq }),
      merged: (last.merged ?? 1) + 1
    }
  }
}
