/**
 * A strict JSON parser (RFC 8259) over a byte stream without delimiters: SPDK's framing, where a message ends where
 * its value ends.
 *
 * Own code, because no library on npm gives all of it: several values in a stream cut anywhere, duplicate names and
 * number text kept (`@streamparser/json` loses both, `lossless-json` wants the whole text), strict UTF-8, and hard
 * limits on size, depth and count.
 *
 * Guarantees: every byte is looked at once (10 MB of brackets, byte by byte, cost what they should), what is held is
 * bounded by `messageBytesMax` and the last chunk, the outcome does not depend on how the bytes were cut, and bad
 * bytes never throw.
 */
import { JsonNumber, JsonObject, JsonText, type JsonValue } from "./json-value.ts"

/** What one message may be. */
export interface JsonLimits {
  /** Bytes of one message; SPDK's request buffer is 256 KiB. */
  readonly messageBytesMax: number
  /** Arrays and objects within each other; SPDK allows 64. */
  readonly depthMax: number
  /** Values in one message, counted as SPDK does: scalars, names, and both ends of arrays and objects. */
  readonly valuesMax: number
}

/** As SPDK 26.05 has them. */
export const spdkLimits: JsonLimits = { messageBytesMax: 256 * 1024, depthMax: 64, valuesMax: 8192 }

/** A whole message, or the reason why the stream cannot be followed any further. */
export type Parsed =
  | { readonly _tag: "Message"; readonly value: JsonValue }
  | { readonly _tag: "Malformed"; readonly reason: string; readonly offset: number }

type Expect = "message" | "value" | "valueOrEnd" | "name" | "nameOrEnd" | "colon" | "commaOrEnd"
type Within = "none" | "string" | "escape" | "unicode" | "number" | "literal"

interface Frame {
  /** Undefined for an array. */
  readonly members: Array<readonly [string, JsonValue]> | undefined
  readonly items: Array<JsonValue>
  name: string
}

const quote = 0x22
const backslash = 0x5c
const bufferBytesMin = 1024
const numberPattern = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const literals: ReadonlyMap<number, readonly [text: string, value: boolean | null]> = new Map([
  [0x74, ["true", true]],
  [0x66, ["false", false]],
  [0x6e, ["null", null]]
])

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isHexDigit = (byte: number): boolean => isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
/** Digits, `+`, `-`, `.`, `e`, `E`: what may follow inside a number; its grammar is checked at its end. */
const isNumberByte = (byte: number): boolean =>
  isDigit(byte) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x65 || byte === 0x45
const isEscapeByte = (byte: number): boolean => '"\\/bfnrt'.includes(String.fromCharCode(byte))
const shown = (byte: number): string =>
  byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte 0x${byte.toString(16).padStart(2, "0")}`

/** One per stream: `feed` bytes, then call `next` until it returns undefined. */
export class JsonParser {
  readonly #limits: JsonLimits
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  /** The message so far, and what was fed behind it. */
  #buffer = new Uint8Array(bufferBytesMin)
  #filled = 0
  #at = 0
  #messageStart = 0
  #tokenStart = 0
  #expect: Expect = "message"
  #within: Within = "none"
  #isName = false
  #escaped = false
  #pending = 0
  #literal: readonly [text: string, value: boolean | null] = ["null", null]
  #stack: Array<Frame> = []
  #values = 0
  #done: JsonValue | undefined
  #malformed: Parsed | undefined
  #consumed = 0

  constructor(limits: JsonLimits = spdkLimits) {
    this.#limits = limits
  }

  /** True while part of a message has arrived. */
  get isInsideMessage(): boolean {
    return this.#expect !== "message" || this.#within !== "none"
  }

  /** True once the stream can be followed no further. */
  get isMalformed(): boolean {
    return this.#malformed !== undefined
  }

  /** Bytes held; for tests of the bound. */
  get heldBytes(): number {
    return this.#buffer.byteLength
  }

  /** Takes bytes; call `next` until it returns undefined before feeding again. */
  feed(chunk: Uint8Array): void {
    if (this.#malformed !== undefined) return
    this.#compact()
    this.#reserve(this.#filled + chunk.byteLength)
    this.#buffer.set(chunk, this.#filled)
    this.#filled += chunk.byteLength
  }

  /** The next whole message; undefined when more bytes are needed. After `Malformed` it only repeats that. */
  next(): Parsed | undefined {
    if (this.#malformed !== undefined) return this.#malformed
    while (this.#at < this.#filled) {
      const reason = this.#step(this.#buffer[this.#at] ?? 0)
      if (reason !== undefined) return this.#fail(reason)
      if (this.#isTooLong()) {
        return this.#fail(`the message is longer than ${this.#limits.messageBytesMax} bytes; send less in one request`)
      }
      if (this.#done !== undefined) return this.#finish(this.#done)
    }
    return undefined
  }

  /**
   * Ends a number that stands alone at top level: only its end tells it from its prefix, so a server calls this when a
   * chunk is used up. It is no request either way.
   */
  flush(): Parsed | undefined {
    if (this.#malformed !== undefined || this.#within !== "number" || this.#stack.length > 0) return undefined
    const reason = this.#endNumber()
    if (reason !== undefined) return this.#fail(reason)
    return this.#done === undefined ? undefined : this.#finish(this.#done)
  }

  #isTooLong(): boolean {
    const isMessage = this.isInsideMessage || this.#done !== undefined
    return isMessage && this.#at - this.#messageStart > this.#limits.messageBytesMax
  }

  #fail(reason: string): Parsed {
    this.#malformed = { _tag: "Malformed", reason, offset: this.#consumed + this.#at }
    this.#buffer = new Uint8Array(0)
    this.#stack = []
    return this.#malformed
  }

  #finish(value: JsonValue): Parsed {
    this.#done = undefined
    this.#expect = "message"
    this.#values = 0
    return { _tag: "Message", value }
  }

  /** Moves an unfinished message to the front; only then is anything moved, so single bytes cost no copying. */
  #compact(): void {
    const keepFrom = this.isInsideMessage ? this.#messageStart : this.#at
    if (keepFrom === 0) return
    this.#buffer.copyWithin(0, keepFrom, this.#filled)
    this.#filled -= keepFrom
    this.#at -= keepFrom
    this.#tokenStart -= keepFrom
    this.#messageStart = 0
    this.#consumed += keepFrom
    if (this.#filled === 0 && this.#buffer.byteLength > bufferBytesMin) this.#buffer = new Uint8Array(bufferBytesMin)
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.byteLength) return
    const grown = new Uint8Array(Math.max(bytes, this.#buffer.byteLength * 2))
    grown.set(this.#buffer.subarray(0, this.#filled))
    this.#buffer = grown
  }

  /** Looks at one byte (or a run of string bytes) and moves on; returns a reason if it does not belong here. */
  #step(byte: number): string | undefined {
    switch (this.#within) {
      case "string":
        return this.#inString()
      case "escape":
        return this.#inEscape(byte)
      case "unicode":
        return this.#inUnicode(byte)
      case "literal":
        return this.#inLiteral(byte)
      case "number":
        if (!isNumberByte(byte)) return this.#endNumber()
        this.#at++
        return undefined
      case "none":
        if (isSpace(byte)) {
          this.#at++
          return undefined
        }
        return this.#between(byte)
    }
  }

  #inString(): string | undefined {
    for (; this.#at < this.#filled; this.#at++) {
      const byte = this.#buffer[this.#at] ?? 0
      if (byte === quote) return this.#endString()
      if (byte === backslash) {
        this.#escaped = true
        this.#within = "escape"
        this.#at++
        return undefined
      }
      if (byte < 0x20)
        return `${shown(byte)} is not allowed in a string; write it as \\u00${byte.toString(16).padStart(2, "0")}`
    }
    return undefined
  }

  #inEscape(byte: number): string | undefined {
    this.#at++
    if (byte === 0x75) {
      this.#within = "unicode"
      this.#pending = 4
      return undefined
    }
    if (!isEscapeByte(byte)) return `${shown(byte)} does not follow a backslash in JSON`
    this.#within = "string"
    return undefined
  }

  #inUnicode(byte: number): string | undefined {
    if (!isHexDigit(byte)) return `${shown(byte)} is not a hexadecimal digit`
    this.#at++
    this.#pending--
    if (this.#pending === 0) this.#within = "string"
    return undefined
  }

  #inLiteral(byte: number): string | undefined {
    const [text, value] = this.#literal
    if (byte !== text.charCodeAt(this.#pending)) return `${shown(byte)} where ${text} was expected`
    this.#at++
    this.#pending++
    if (this.#pending < text.length) return undefined
    this.#within = "none"
    this.#accept(value)
    return undefined
  }

  /** Between tokens: what may come is a matter of `#expect`. */
  #between(byte: number): string | undefined {
    switch (this.#expect) {
      case "message":
        this.#messageStart = this.#at
        return this.#startValue(byte)
      case "value":
        return this.#startValue(byte)
      case "valueOrEnd":
        return byte === 0x5d ? this.#close() : this.#startValue(byte)
      case "nameOrEnd":
        return byte === 0x7d ? this.#close() : this.#startName(byte)
      case "name":
        return this.#startName(byte)
      case "colon":
        if (byte !== 0x3a) return `${shown(byte)} where ":" was expected`
        this.#at++
        this.#expect = "value"
        return undefined
      case "commaOrEnd":
        return this.#commaOrEnd(byte)
    }
  }

  #commaOrEnd(byte: number): string | undefined {
    const isObject = this.#stack.at(-1)?.members !== undefined
    if (byte === (isObject ? 0x7d : 0x5d)) return this.#close()
    if (byte !== 0x2c) return `${shown(byte)} where "," or "${isObject ? "}" : "]"}" was expected`
    this.#at++
    this.#expect = isObject ? "name" : "value"
    return undefined
  }

  #startName(byte: number): string | undefined {
    if (byte !== quote) return `${shown(byte)} where a name in double quotes was expected`
    return this.#startString(true)
  }

  #startValue(byte: number): string | undefined {
    if (byte === quote) return this.#startString(false)
    if (byte === 0x7b) return this.#open(true)
    if (byte === 0x5b) return this.#open(false)
    const tooMany = this.#count()
    if (tooMany !== undefined) return tooMany
    this.#tokenStart = this.#at
    if (byte === 0x2d || isDigit(byte)) {
      this.#within = "number"
      return undefined
    }
    const literal = literals.get(byte)
    if (literal === undefined) return `${shown(byte)} where a JSON value was expected`
    this.#literal = literal
    this.#pending = 0
    this.#within = "literal"
    return undefined
  }

  #startString(isName: boolean): string | undefined {
    this.#at++
    this.#tokenStart = this.#at
    this.#isName = isName
    this.#escaped = false
    this.#within = "string"
    return this.#count()
  }

  #open(isObject: boolean): string | undefined {
    if (this.#stack.length >= this.#limits.depthMax) return `more than ${this.#limits.depthMax} levels of nesting`
    this.#at++
    this.#stack.push({ members: isObject ? [] : undefined, items: [], name: "" })
    this.#expect = isObject ? "nameOrEnd" : "valueOrEnd"
    return this.#count()
  }

  #close(): string | undefined {
    this.#at++
    const frame = this.#stack.pop()
    const tooMany = this.#count()
    if (tooMany !== undefined || frame === undefined) return tooMany
    this.#accept(frame.members === undefined ? frame.items : new JsonObject(frame.members))
    return undefined
  }

  #endNumber(): string | undefined {
    const source = this.#utf8.decode(this.#buffer.subarray(this.#tokenStart, this.#at))
    if (!numberPattern.test(source)) return "a number that is not written as JSON wants it"
    this.#within = "none"
    this.#accept(new JsonNumber(source))
    return undefined
  }

  #endString(): string | undefined {
    const source = this.#decode(this.#buffer.subarray(this.#tokenStart, this.#at))
    if (source === undefined) return "a string that is not valid UTF-8"
    this.#at++
    // The escapes have been checked one by one, so JSON.parse cannot throw here.
    const value: unknown = this.#escaped ? JSON.parse(`"${source}"`) : source
    if (typeof value !== "string" || !value.isWellFormed()) return "a \\u escape that is half of a surrogate pair"
    this.#within = "none"
    const frame = this.#stack.at(-1)
    if (this.#isName && frame !== undefined) {
      frame.name = value
      this.#expect = "colon"
    } else this.#accept(new JsonText(value, source))
    return undefined
  }

  #decode(bytes: Uint8Array): string | undefined {
    try {
      return this.#utf8.decode(bytes)
    } catch {
      return undefined
    }
  }

  #accept(value: JsonValue): void {
    const frame = this.#stack.at(-1)
    if (frame === undefined) {
      this.#done = value
      return
    }
    if (frame.members === undefined) frame.items.push(value)
    else frame.members.push([frame.name, value])
    this.#expect = "commaOrEnd"
  }

  #count(): string | undefined {
    this.#values++
    return this.#values > this.#limits.valuesMax
      ? `more than ${this.#limits.valuesMax} values in one message`
      : undefined
  }
}
