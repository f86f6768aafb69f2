/** Words that the sentences about records share. */
import { sizeText } from "../../config/size.ts"
import type { Auth } from "../../domain/options/IscsiOptions.ts"

/** Items of one list; more are counted. */
const listedMax = 5

/** `a`, `a and b`, `a, b and c`, `a, b, c, d, e and 7 more`. */
export const listed = (items: ReadonlyArray<string>): string => {
  const shown =
    items.length > listedMax + 1 ? [...items.slice(0, listedMax), `${items.length - listedMax} more`] : items
  const last = shown.at(-1) ?? ""
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(", ")} and ${last}`
}

/** `1 session`, `2 sessions`, `no session`. */
export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count === 0 ? "no" : count} ${count > 1 ? plural : noun}`

/** `512 B`, `64MiB`. */
export const bytesText = (bytes: number): string => {
  const text = sizeText(bytes)
  return typeof text === "number" ? `${text} B` : text
}

/** A time span as people say it: `340 ms`, `2.5 s`, `3 min`, `2 h 5 min`, `3 d 4 h`. */
export const spanText = (millis: number): string => {
  if (millis < 1000) return `${Math.round(millis)} ms`
  const seconds = millis / 1000
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return seconds % 60 < 1 ? `${minutes} min` : `${minutes} min ${Math.floor(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** What a login needs. */
export const authText = ({ chapGroup, disableChap, mutualChap, requireChap }: Auth): string => {
  const group = chapGroup === 0 ? "" : ` with the secrets of auth group ${chapGroup}`
  if (disableChap) return "no CHAP"
  const both = mutualChap ? " in both directions" : ""
  return `${requireChap ? "CHAP" : "CHAP if the initiator asks for it"}${both}${group}`
}

/** Members of anything; undefined of what has none. */
export const memberOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined

const plainWord = /^[^\s="]+$/u

/** Levels of a value that are shown: nothing that lunlog writes has as many. */
const levelsShown = 16

/** Any value, for those that there is no sentence for: `name=value name={…}`. */
export const valueText = (value: unknown, levels = levelsShown): string => {
  if (typeof value === "string") return plainWord.test(value) ? value : JSON.stringify(value)
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`
  if (typeof value !== "object" || value === null) return String(value)
  if (levels === 0) return "…"
  if (Array.isArray(value)) return `[${value.map((item) => valueText(item, levels - 1)).join(" ")}]`
  return `{${membersText(value, levels - 1)}}`
}

/** Members as `name=value`, plain ones first: the line may be cut. */
export const membersText = (value: object, levels = levelsShown): string =>
  Object.entries(value)
    .sort(([, a], [, b]) => Number(typeof a === "object") - Number(typeof b === "object"))
    .filter(([, member]) => member !== undefined && member !== "")
    .map(([name, member]: [string, unknown]) =>
      name === "_tag" ? valueText(member, levels) : `${name}=${valueText(member, levels)}`
    )
    .join(" ")
