/**
 * When LUNs and bdevs were there, by the run's clock. A record is put at the time of the request that caused it: it
 * happened somewhere between its sending and its answer. What the target did by itself happened somewhere in the round.
 */
import type { ControlRecord, History } from "../History.ts"
import type { Span } from "./BlockModel.ts"
import type { There } from "./ControlModel.ts"

/** A LUN, from when it came until it began to go. */
export interface LunLife {
  readonly target: string
  readonly lun: number
  readonly incarnation: number
  readonly bdev: number
  readonly comes: Span
  goes: Span | undefined
}

/** A bdev, with what it is made of. */
export interface BdevLife {
  readonly name: string
  readonly incarnation: number
  readonly kind: string
  /** Incarnation. */
  readonly base: number | undefined
  readonly filename: string | undefined
  readonly isReadOnly: boolean
  /** Of a part: blocks of its base before it. */
  readonly offset: number
  readonly comes: Span
  goes: Span | undefined
  /** Blocks, the newest last. */
  readonly sizes: Array<{ readonly blocks: number; readonly since: Span }>
}

const text = (value: unknown): string => String(value ?? "")

/** What tells when a record was written. */
export type Times = Pick<History, "rpcs" | "begin" | "end">

/** When a record may have been written. */
export const spanOf = (record: ControlRecord, history: Times): Span => {
  const rpc = history.rpcs.find(({ id }) => id === record.action)
  const end = Math.min(rpc?.end ?? history.end, history.end)
  return { begin: rpc?.begin ?? history.begin, end }
}

/** Whether something that goes on from `comes` to `goes` was there all the time of `span`; or some of it. */
export const wasThere = (life: { readonly comes: Span; readonly goes: Span | undefined }, span: Span) => ({
  allTheTime: life.comes.end < span.begin && (life.goes === undefined || life.goes.begin > span.end),
  sometime: life.comes.begin < span.end && (life.goes === undefined || life.goes.end > span.begin)
})

/** All of a run. */
export class Lives {
  readonly luns: Array<LunLife> = []
  readonly bdevs = new Map<number, BdevLife>()
  /** Disks' files of which a sync may have failed in this life: who comes back later is still told, once. */
  readonly lostSyncs = new Set<string>()

  /** Takes a record in; `there` is what was there before it. */
  take(record: ControlRecord, there: There, history: Times): void {
    const span = spanOf(record, history)
    const { payload, seq, type } = record
    if (type === "LunAdded") {
      const bdev = Number(new Map(Object.entries(Object(payload["bdev"]))).get("incarnation"))
      const { lun, target } = payload
      this.luns.push({ target: text(target), lun: Number(lun), incarnation: seq, bdev, comes: span, goes: undefined })
    } else if (type === "LunRemovalStarted" || type === "LunRemoved") {
      const life = this.luns.find(({ incarnation }) => incarnation === Number(payload["incarnation"]))
      if (life !== undefined) life.goes ??= span
    } else if (type === "BdevCreated") this.#bdevCreated(payload, seq, there, span)
    else if (type === "BdevResized") {
      this.#bdevOf(payload)?.sizes.push({ blocks: Number(payload["blockCount"]), since: span })
    } else if (type === "BdevRemovalStarted") {
      const life = this.#bdevOf(payload)
      if (life !== undefined) life.goes ??= span
    }
  }

  /** LUNs that a command with this span may have met. */
  lunsOf(target: string, lun: number, span: Span): ReadonlyArray<LunLife> {
    return this.luns.filter((life) => life.target === target && life.lun === lun && wasThere(life, span).sometime)
  }

  /** The bdev of a LUN and what it is stacked on, top first. */
  stackOf(incarnation: number): ReadonlyArray<BdevLife> {
    const bdev = this.bdevs.get(incarnation)
    if (bdev === undefined) return []
    return bdev.base === undefined ? [bdev] : [bdev, ...this.stackOf(bdev.base)]
  }

  /** What is long gone is forgotten. */
  forgetBefore(time: number): void {
    const isOver = ({ goes }: { readonly goes: Span | undefined }) => goes !== undefined && goes.end < time
    for (let at = this.luns.length - 1; at >= 0; at--) {
      const life = this.luns[at]
      if (life !== undefined && isOver(life)) this.luns.splice(at, 1)
    }
  }

  #bdevOf(payload: ControlRecord["payload"]): BdevLife | undefined {
    return this.bdevs.get(Number(payload["incarnation"]))
  }

  #bdevCreated(payload: ControlRecord["payload"], seq: number, there: There, comes: Span): void {
    const spec = new Map(Object.entries(Object(payload["spec"])))
    const base = new Map(Object.entries(Object(spec.get("base")))).get("incarnation")
    const below = typeof base === "number" ? this.bdevs.get(base) : undefined
    const name = text(payload["name"])
    const partBlocks = spec.get("partBlocks")
    const blocks = Number(spec.get("blockCount") ?? partBlocks ?? there.bdevs.get(below?.name ?? "")?.blocks ?? 0)
    const filename = spec.get("filename")
    this.bdevs.set(seq, {
      name,
      incarnation: seq,
      kind: text(spec.get("_tag")),
      base: typeof base === "number" ? base : undefined,
      filename: filename === undefined ? undefined : text(filename),
      isReadOnly: spec.get("readOnly") === true || (below?.isReadOnly ?? false),
      offset: Number(spec.get("part") ?? 0) * Number(partBlocks ?? 0),
      comes,
      goes: undefined,
      sizes: [{ blocks, since: comes }]
    })
  }
}
