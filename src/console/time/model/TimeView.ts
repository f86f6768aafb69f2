/** Which part of the log's time is looked at, and which moment: in the address, so that it can be sent to somebody. */
import { lengthText } from "./time-text.ts"

/** Lengths that can be chosen, in seconds; they end now. */
export const spans: ReadonlyArray<readonly [name: string, seconds: number]> = [
  ["15m", 900],
  ["1h", 3600],
  ["6h", 21_600],
  ["24h", 86_400],
  ["7d", 604_800]
]

/** The part that is shown. */
export type Stretch =
  | { readonly _tag: "Recent"; readonly name: string; readonly seconds: number }
  | { readonly _tag: "All" }
  /** Microseconds since 1970. */
  | { readonly _tag: "Fixed"; readonly from: number; readonly to: number }

/** What the moment is compared with. */
export type Against =
  | { readonly _tag: "Now" }
  /** The state right before the record. */
  | { readonly _tag: "Before" }
  /** A place in the log. */
  | { readonly _tag: "Place"; readonly place: string }

/** The part of an address that is about time. */
export interface TimeView {
  readonly stretch: Stretch
  /** A record; undefined: now. */
  readonly moment: number | undefined
  readonly against: Against
}

const defaultStretch: Stretch = { _tag: "Recent", name: "1h", seconds: 3600 }
const placeLengthMax = 64
const seqForm = /^\d{1,15}$/u

const stretchOf = (text: string): Stretch => {
  const fixed = /^(\d{1,16})-(\d{1,16})$/u.exec(text)
  if (fixed !== null) {
    const [from, to] = [Number(fixed[1]), Number(fixed[2])]
    return from < to && Number.isSafeInteger(to) ? { _tag: "Fixed", from, to } : defaultStretch
  }
  const found = spans.find(([name]) => name === text)
  if (found !== undefined) return { _tag: "Recent", name: found[0], seconds: found[1] }
  return text === "all" ? { _tag: "All" } : defaultStretch
}

const againstOf = (text: string): Against => {
  if (text === "" || text === "now" || text.length > placeLengthMax) return { _tag: "Now" }
  return text === "before" ? { _tag: "Before" } : { _tag: "Place", place: text }
}

/** Reads an address. */
export const timeViewOf = (search: URLSearchParams): TimeView => {
  const moment = search.get("at") ?? ""
  return {
    stretch: stretchOf(search.get("span") ?? ""),
    moment: seqForm.test(moment) ? Number(moment) : undefined,
    against: againstOf(search.get("with") ?? "")
  }
}

/** The name of a stretch in the address. */
export const stretchName = (stretch: Stretch): string => {
  switch (stretch._tag) {
    case "Recent":
      return stretch.name
    case "All":
      return "all"
    case "Fixed":
      return `${stretch.from}-${stretch.to}`
  }
}

/** The name of what is compared with, in the address. */
export const againstName = (against: Against): string => {
  switch (against._tag) {
    case "Now":
      return "now"
    case "Before":
      return "before"
    case "Place":
      return against.place
  }
}

/** Adds what is not as it is by itself. */
export const addTimeView = (search: URLSearchParams, { against, moment, stretch }: TimeView): URLSearchParams => {
  const all = new URLSearchParams(search)
  if (stretchName(stretch) !== stretchName(defaultStretch)) all.set("span", stretchName(stretch))
  if (moment !== undefined) all.set("at", String(moment))
  if (moment !== undefined && against._tag !== "Now") all.set("with", againstName(against))
  return all
}

/** As people call it. */
export const stretchTitle = (stretch: Stretch): string => {
  switch (stretch._tag) {
    case "Recent":
      return `Last ${lengthText(stretch.seconds * 1_000_000)}`
    case "All":
      return "The whole log"
    case "Fixed":
      return lengthText(stretch.to - stretch.from)
  }
}
