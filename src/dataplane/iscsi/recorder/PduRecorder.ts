/**
 * The flight recorder of one connection: the last PDUs, both ways, in a ring of slots that are written in place. It is
 * on the data path, so that a PDU costs a copy of its header and no allocation; `npm run bench -- recorder` says what
 * that is. All numbers in a slot are in the machine's order:
 *
 *   0   float64  when, by the node's clock, in milliseconds
 *   8   int32    flags (`CaptureFlag`), and from bit 8 on how many bytes of data the slot has
 *   12  int32    the PDU's number, from 1 on, so that an empty slot is nobody's
 *   16  48 bytes basic header segment
 *   64  data, as much as is to be recorded
 *
 * A ring begins small and doubles while what it holds is of the last seconds: a connection that idles needs little.
 */
import {
  type CaptureEntry,
  CaptureFlag,
  captureEntryBytes,
  writeCaptureEntry
} from "../../../domain/capture/capture-entry.ts"
import { recorderBytesMax } from "../../limits.ts"
import type { MemoryAccount } from "../../MemoryBudget.ts"
import type { IoClock } from "../IoClock.ts"
import type { Digests } from "../PduReader.ts"
import { ahsBytesOf, bhsBytes, initiatorTaskTagOf, opcodeOf } from "../pdu/bhs.ts"
import { crc32cOf } from "../pdu/crc32c.ts"
import { InitiatorOpcode, TargetOpcode } from "../pdu/opcodes.ts"
import { HeaderCopier } from "./HeaderCopier.ts"
import { KeptData } from "./KeptData.ts"
import { TextRedaction } from "./TextRedaction.ts"
import { takeSpare } from "./take-spare.ts"

/** How much is recorded. */
export interface RecorderSettings {
  /** PDUs of one connection; 0: none. */
  readonly pdus: number
  /** Bytes at the beginning of each data segment that moves data of a disk. */
  readonly dataBytes: number
}

const slotHeadBytes = 64
const headerAt = 16
const firstSlots = 16
/** A ring that is full doubles if its oldest PDU is not older, in milliseconds. */
const growsWithinMillis = 10_000
/** PDUs among which a command is looked for: it costs nanoseconds each. */
const searchedMax = 4096
/** Of a SCSI command, RFC 7143 section 11.3. */
const cdbAt = 32
const nothing = Buffer.alloc(0)
/** Of this thread. */
const receivedHeaders = new HeaderCopier()
const sentHeaders = new HeaderCopier()

/** Bytes of a slot. */
const slotBytesOf = ({ dataBytes }: RecorderSettings): number => slotHeadBytes + Math.ceil(dataBytes / 8) * 8

/** One per connection. */
export class PduRecorder {
  /** When the connection was accepted, by the node's clock. */
  readonly openedAt: number
  /** Of the session that it has, or has had. */
  tsih: number | undefined
  /** PDUs so far: the number of the next. */
  count = 0
  /** Number of the PDU that was received last; -1 before the first. */
  lastReceived = -1
  /** Data of the PDU that arrives is to be told. */
  takesData = false
  readonly #clock: IoClock
  readonly #memory: MemoryAccount
  readonly #dataBytes: number
  readonly #slotBytes: number
  readonly #bytesMax: number
  #ring: Buffer = nothing
  #times = new Float64Array(0)
  #words = new Int32Array(0)
  /** Where the next slot is, in bytes, and where the last received PDU's is. */
  #next = 0
  #receivedAt = 0
  /** Of digests that are in use. */
  #flags = 0
  #kept: KeptData | undefined
  #receivedText: TextRedaction | undefined
  #sentText: TextRedaction | undefined

  constructor(settings: RecorderSettings, clock: IoClock, memory: MemoryAccount) {
    this.#clock = clock
    this.#memory = memory
    this.openedAt = clock.read()
    this.#dataBytes = settings.pdus === 0 ? 0 : settings.dataBytes
    this.#slotBytes = slotBytesOf(settings)
    this.#bytesMax = Math.min(settings.pdus, Math.floor(recorderBytesMax / this.#slotBytes)) * this.#slotBytes
  }

  /** Memory that it has taken, in bytes. */
  get bytes(): number {
    return this.#ring.length + (this.#kept?.bytes ?? 0)
  }

  /** The next PDU and all after it have these digests. */
  useDigests({ data, header }: Digests): void {
    this.#flags = (header ? CaptureFlag.headerDigest : 0) | (data ? CaptureFlag.dataDigest : 0)
  }

  /** A PDU with this header begins to arrive. The buffer is valid during the call only. */
  received(b: Buffer, at: number): void {
    this.lastReceived = this.count
    this.#receivedAt = this.#keep(b, at, this.#flags, receivedHeaders)
    if (this.#dataBytes === 0) return
    const opcode = opcodeOf(b, at)
    this.takesData = opcode !== InitiatorOpcode.LoginRequest && opcode !== InitiatorOpcode.TextRequest
  }

  /** The one that was told last is not taken yet: it is told again. */
  postponed(): void {
    this.count--
    this.#next = Math.max(0, this.#next - this.#slotBytes)
  }

  /** A piece of the data of the PDU that was received last. */
  data(b: Buffer, start: number, end: number): void {
    if (this.#isHeld(this.#receivedAt, this.lastReceived)) this.#append(this.#receivedAt, b, start, end)
  }

  /** The PDU that was received last has damaged data; or nothing but a damaged header, which is told here alone. */
  badData(): void {
    const word = (this.#receivedAt >> 2) + 2
    if (this.#isHeld(this.#receivedAt, this.lastReceived))
      this.#words[word] = (this.#words[word] ?? 0) | CaptureFlag.badData
  }

  /** See `badData`. */
  badHeader(b: Buffer, at: number): void {
    this.lastReceived = this.count
    this.#receivedAt = this.#keep(b, at, this.#flags | CaptureFlag.badHeader, receivedHeaders)
    this.takesData = false
  }

  /** A PDU with this header has been written to the output. */
  sent(b: Buffer, at: number): void {
    this.#keep(b, at, this.#flags | CaptureFlag.sent, sentHeaders)
  }

  /** Its data, of a disk. */
  sentData(b: Buffer, start: number, end: number): void {
    if (this.#dataBytes > 0 && this.#next > 0) this.#append(this.#next - this.#slotBytes, b, start, end)
  }

  /** The same of a PDU whose data is no disk's, but says what has happened. */
  sentControl(b: Buffer, at: number, data: Buffer): void {
    this.sent(b, at)
    const opcode = opcodeOf(b, at)
    if (opcode === TargetOpcode.NopIn) return this.sentData(data, 0, data.length)
    if (opcode !== TargetOpcode.LoginResponse && opcode !== TargetOpcode.TextResponse) return this.#put(data, false)
    this.#sentText ??= new TextRedaction()
    this.#put(this.#sentText.redact(data), true)
  }

  /** All text of the login or text request that was received last. */
  receivedText(text: Buffer): void {
    if (this.#ring.length === 0 || text.length === 0) return
    this.#receivedText ??= new TextRedaction()
    this.#keptData.put(this.lastReceived, this.#receivedText.redact(text), true)
  }

  /** The number of the last SCSI command with this tag; undefined if it is not among the last ones. */
  ordinalOfCommand(initiatorTaskTag: number): number | undefined {
    return this.#find((b, at) => initiatorTaskTagOf(b, at) === initiatorTaskTag)
  }

  /** The number of the last SCSI command with this operation code; undefined if it is not among the last ones. */
  ordinalOfOperation(code: number): number | undefined {
    return this.#find((b, at) => b[at + cdbAt] === code)
  }

  /** What it holds, oldest first: see `capture-entry.ts`. */
  entries(): Uint8Array {
    const entries = this.#held()
    const bytes = entries.reduce((sum, { data }) => sum + captureEntryBytes(data.length), 0)
    const into = new Uint8Array(bytes)
    let at = 0
    for (const entry of entries) {
      writeCaptureEntry(into, at, entry)
      at += captureEntryBytes(entry.data.length)
    }
    return into
  }

  /** Gives its memory back; nothing is recorded any more. */
  drop(): void {
    this.#memory.give(this.#ring.length)
    this.#kept?.drop()
    this.#ring = nothing
    this.#next = 0
  }

  #find(isIt: (b: Buffer, at: number) => boolean): number | undefined {
    const first = Math.max(0, this.count - searchedMax)
    let at = this.#next
    for (let ordinal = this.count - 1; ordinal >= first; ordinal--) {
      if (at === 0) at = this.#ring.length
      at -= this.#slotBytes
      if (!this.#isHeld(at, ordinal)) return undefined
      const head = at + headerAt
      if (opcodeOf(this.#ring, head) === InitiatorOpcode.ScsiCommand && isIt(this.#ring, head)) return ordinal
    }
    return undefined
  }

  get #keptData(): KeptData {
    this.#kept ??= new KeptData(this.#memory)
    return this.#kept
  }

  #put(data: Uint8Array, redacted: boolean): void {
    if (this.#ring.length > 0 && data.length > 0) this.#keptData.put(this.count - 1, data, redacted)
  }

  /** Where its slot is. */
  #keep(b: Buffer, at: number, flags: number, headers: HeaderCopier): number {
    const number = ++this.count
    if (this.#next === this.#ring.length && !this.#makeRoom()) return 0
    const slot = this.#next
    const words = this.#words
    const word = slot >> 2
    this.#times[slot >> 3] = this.#clock.last
    words[word + 2] = flags
    words[word + 3] = number
    headers.copy(b, at, words, word + 4)
    this.#next = slot + this.#slotBytes
    return slot
  }

  /** At the end of the ring: a larger one, or its beginning. False: nothing is recorded. */
  #makeRoom(): boolean {
    if (this.#bytesMax === 0) return false
    const before = this.#ring.length
    const wanted = Math.min(this.#bytesMax, Math.max(firstSlots * this.#slotBytes, before * 2))
    const isYoung = before === 0 || this.#clock.last - (this.#times[0] ?? 0) < growsWithinMillis
    if (wanted > before && isYoung && takeSpare(this.#memory, wanted)) this.#growTo(wanted)
    else this.#next = 0
    return this.#ring.length > 0
  }

  #growTo(bytes: number): void {
    const ring = Buffer.from(new ArrayBuffer(bytes))
    this.#ring.copy(ring)
    this.#memory.give(this.#ring.length)
    this.#ring = ring
    this.#times = new Float64Array(ring.buffer)
    this.#words = new Int32Array(ring.buffer)
  }

  #isHeld(slot: number, ordinal: number): boolean {
    return ordinal >= 0 && slot < this.#ring.length && this.#words[(slot >> 2) + 3] === ((ordinal + 1) | 0)
  }

  #append(slot: number, b: Buffer, start: number, end: number): void {
    const word = (slot >> 2) + 2
    const value = this.#words[word] ?? 0
    const has = value >>> 8
    const bytes = Math.min(end - start, this.#dataBytes - has)
    if (bytes <= 0) return
    b.copy(this.#ring, slot + slotHeadBytes + has, start, start + bytes)
    this.#words[word] = value + (bytes << 8)
  }

  #held(): ReadonlyArray<CaptureEntry> {
    const entries: Array<CaptureEntry> = []
    const slots = this.#ring.length / this.#slotBytes
    for (let ordinal = Math.max(0, this.count - slots); ordinal < this.count; ordinal++) {
      const behind = (this.count - ordinal) * this.#slotBytes
      const slot = this.#next - behind + (this.#next < behind ? this.#ring.length : 0)
      if (this.#isHeld(slot, ordinal)) entries.push(this.#entryAt(slot, ordinal))
    }
    return entries
  }

  #entryAt(slot: number, ordinal: number): CaptureEntry {
    const word = this.#words[(slot >> 2) + 2] ?? 0
    const kept = this.#kept?.of(ordinal)
    const at = slot + headerAt
    const flags = (word & 0xff) | (kept?.redacted === true ? CaptureFlag.redacted : 0)
    // What a digest covers beside the header is not kept.
    const isKnown = (flags & CaptureFlag.headerDigest) !== 0 && ahsBytesOf(this.#ring, at) === 0
    const dataAt = slot + slotHeadBytes
    return {
      nanos: Math.max(0, Math.round(((this.#times[slot >> 3] ?? 0) - this.openedAt) * 1e6)),
      ordinal,
      flags,
      headerDigest: isKnown ? crc32cOf(this.#ring, at, at + bhsBytes) : 0,
      header: this.#ring.subarray(at, at + bhsBytes),
      data: kept?.data ?? this.#ring.subarray(dataAt, dataAt + (word >>> 8))
    }
  }
}
