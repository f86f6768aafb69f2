/**
 * The client's side of NBD's handshake, fixed newstyle only: greeting, TLS if it is wanted, structured replies, the
 * context that tells what is allocated, and NBD_OPT_GO, which names the export. Bytes come in pieces of any size; what
 * the server may make this keep is bounded, and whatever else it says ends the negotiation with a reason.
 *
 * There is no way back from TLS to clear, and none from NBD_OPT_GO to the older NBD_OPT_EXPORT_NAME, which cannot say
 * why an export is refused.
 */
import {
  ALLOCATION_CONTEXT,
  ExportInfo,
  goData,
  HandshakeFlag,
  metaContextData,
  NbdOption,
  nbdMagic,
  OptionReply,
  optionMessage,
  TransmissionFlag
} from "./nbd-protocol.ts"

/** An export as the server describes it. */
export interface NbdExport {
  readonly byteLength: bigint
  /** `TransmissionFlag`s. */
  readonly flags: number
  /** Bytes: requests begin and end at multiples of it. A power of two. */
  readonly blockBytesMin: number
  /** Bytes: a good unit of IO. A power of two from 512. */
  readonly blockBytesPreferred: number
  /** Bytes that one read or write may have. */
  readonly blockBytesMax: number
  /** Replies come in chunks. */
  readonly isStructured: boolean
  /** The number of `base:allocation`, if the server tells what is allocated. */
  readonly allocationContext: number | undefined
}

/** Whom a negotiation talks through. */
export interface NegotiationPort {
  readonly send: (bytes: Buffer) => void
  /** All further bytes, in both directions, are TLS's; `tlsReady` is to be called then. */
  readonly startTls: () => void
  readonly agreed: (of: NbdExport) => void
  /** `code` is an errno name, `detail` goes on a sentence about the server. */
  readonly failed: (code: string, detail: string) => void
}

/** What is asked for. */
export interface NegotiationWish {
  readonly exportName: string
  readonly tls: boolean
}

/** Bytes of one reply: no text of the protocol is longer than 4096. */
const replyBytesMax = 16 * 1024
/** Replies of a whole negotiation. */
const repliesMax = 64
const replyHeaderBytes = 20
/** The largest smallest block that the protocol knows. */
const blockBytesMinMax = 65_536

/** The protocol's defaults, for a server that says nothing of block sizes. */
const defaultSizes = { blockBytesMin: 1, blockBytesPreferred: 4096, blockBytesMax: 32 * 1024 * 1024 }

const refusals: Readonly<Record<number, readonly [code: string, reason: string]>> = {
  1: ["EOPNOTSUPP", "does not know it"],
  2: ["EACCES", "does not allow it"],
  3: ["EINVAL", "takes it for invalid"],
  4: ["EOPNOTSUPP", "cannot do it on its platform"],
  5: ["EACCES", "demands TLS"],
  6: ["ENODEV", "has no such export"],
  7: ["ESHUTDOWN", "is being shut down"],
  8: ["EINVAL", "demands that block sizes are asked for"],
  9: ["EINVAL", "takes it for too long"]
}

const isPowerOfTwo = (size: number): boolean => size > 0 && (size & (size - 1)) === 0

/** What may be printed of a text from outside. */
const printable = (text: Buffer): string =>
  text
    .toString("utf8")
    .slice(0, 200)
    .replace(/[^ -~]+/gu, "?")

type Expecting = "greeting" | "header" | "data" | "tls" | "nothing"

/** One negotiation, from the first byte of a connection to the first request. */
export class NbdNegotiation {
  readonly #port: NegotiationPort
  readonly #wish: NegotiationWish
  readonly #bytes = Buffer.alloc(replyHeaderBytes + replyBytesMax)
  #have = 0
  #need = 18
  #expecting: Expecting = "greeting"
  #option = 0
  #replies = 0
  #isStructured = false
  #allocationContext: number | undefined
  #size: { readonly byteLength: bigint; readonly flags: number } | undefined
  #sizes = defaultSizes
  #isOver = false

  constructor(port: NegotiationPort, wish: NegotiationWish) {
    this.#port = port
    this.#wish = wish
  }

  /** More bytes from the server: `chunk[start, end)`. */
  receive(chunk: Buffer, start: number, end: number): void {
    let at = start
    while (at < end) {
      if (this.#expecting === "nothing") return
      // Whoever is between the two could put words into the server's mouth before TLS begins.
      if (this.#expecting === "tls") return this.#fail("EPROTO", "goes on in clear after TLS was agreed")
      const length = Math.min(end - at, this.#need - this.#have)
      chunk.copy(this.#bytes, this.#have, at, at + length)
      at += length
      this.#have += length
      if (this.#have < this.#need) return
      this.#step()
      if (this.#isOver && at < end) return this.#fail("EPROTO", "answers what it was not asked")
    }
  }

  /** The connection is TLS's now. */
  tlsReady(): void {
    if (this.#expecting === "tls") this.#ask(NbdOption.structuredReply)
  }

  #step(): void {
    if (this.#expecting === "greeting") return this.#greeted()
    if (this.#expecting === "header") return this.#headed()
    this.#replied()
  }

  #greeted(): void {
    if (this.#bytes.readBigUInt64BE(0) !== nbdMagic.server) return this.#fail("EPROTO", "is no NBD server")
    const flags = this.#bytes.readUInt16BE(16)
    const isNewstyle = this.#bytes.readBigUInt64BE(8) === nbdMagic.option
    if (!isNewstyle || (flags & HandshakeFlag.fixedNewstyle) === 0) {
      return this.#fail("EPROTO", "speaks an old form of the protocol (not fixed newstyle); use a newer server")
    }
    const answer = Buffer.alloc(4)
    answer.writeUInt32BE(flags & (HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes))
    this.#port.send(answer)
    this.#ask(this.#wish.tls ? NbdOption.startTls : NbdOption.structuredReply)
  }

  #ask(option: number): void {
    this.#option = option
    this.#expect("header", replyHeaderBytes)
    this.#port.send(optionMessage(option, this.#dataOf(option)))
  }

  #dataOf(option: number): Buffer | undefined {
    const { exportName } = this.#wish
    if (option === NbdOption.go) return goData(exportName, [ExportInfo.blockSize])
    return option === NbdOption.setMetaContext ? metaContextData(exportName, ALLOCATION_CONTEXT) : undefined
  }

  #expect(what: Expecting, need: number): void {
    this.#expecting = what
    this.#have = 0
    this.#need = need
  }

  #headed(): void {
    const bytes = this.#bytes
    const length = bytes.readUInt32BE(16)
    const isReply = bytes.readBigUInt64BE(0) === nbdMagic.optionReply && bytes.readUInt32BE(8) === this.#option
    if (!isReply || length > replyBytesMax || ++this.#replies > repliesMax) {
      return this.#fail("EPROTO", "does not keep to the protocol while it negotiates")
    }
    this.#expecting = "data"
    this.#need = replyHeaderBytes + length
    if (length === 0) this.#replied()
  }

  #replied(): void {
    const type = this.#bytes.readUInt32BE(12)
    const data = this.#bytes.subarray(replyHeaderBytes, this.#need)
    if (type === OptionReply.ack) return this.#acknowledged()
    if (type >= OptionReply.isError) return this.#refused(type - OptionReply.isError, data)
    if (!this.#informed(type, data)) return this.#fail("EPROTO", "does not keep to the protocol while it negotiates")
    this.#expect("header", replyHeaderBytes)
  }

  #acknowledged(): void {
    switch (this.#option) {
      case NbdOption.startTls:
        this.#expect("tls", 0)
        return this.#port.startTls()
      case NbdOption.structuredReply:
        this.#isStructured = true
        return this.#ask(NbdOption.setMetaContext)
      case NbdOption.setMetaContext:
        return this.#ask(NbdOption.go)
      default:
        return this.#agreed()
    }
  }

  /** What is only wished for may be refused. */
  #refused(error: number, text: Buffer): void {
    const isWish = this.#option === NbdOption.structuredReply || this.#option === NbdOption.setMetaContext
    const [code, reason] = refusals[error] ?? ["EPROTO", `refuses it (error ${error})`]
    if (isWish && reason !== "demands TLS") {
      this.#allocationContext = undefined
      return this.#ask(NbdOption.go)
    }
    const said = text.length === 0 ? "" : ` (it says: ${printable(text)})`
    if (this.#option === NbdOption.startTls) {
      return this.#fail(code, `was asked for TLS and ${reason}${said}; it is not used in clear instead`)
    }
    const about = reason === "demands TLS" ? "demands TLS; give tls with its certificate authority" : reason
    this.#fail(code, `was asked for the export "${printable(Buffer.from(this.#wish.exportName))}" and ${about}${said}`)
  }

  #informed(type: number, data: Buffer): boolean {
    if (this.#option === NbdOption.setMetaContext && type === OptionReply.metaContext && data.length > 4) {
      if (data.toString("utf8", 4) === ALLOCATION_CONTEXT) this.#allocationContext = data.readUInt32BE(0)
      return true
    }
    if (this.#option !== NbdOption.go || type !== OptionReply.info || data.length < 2) return false
    const info = data.readUInt16BE(0)
    if (info === ExportInfo.export) {
      if (data.length !== 12) return false
      this.#size = { byteLength: data.readBigUInt64BE(2), flags: data.readUInt16BE(10) }
      return true
    }
    return info !== ExportInfo.blockSize || (data.length === 14 && this.#sized(data))
  }

  #sized(data: Buffer): boolean {
    const blockBytesMin = data.readUInt32BE(2)
    if (!isPowerOfTwo(blockBytesMin) || blockBytesMin > blockBytesMinMax) return false
    const preferred = data.readUInt32BE(6)
    const least = Math.max(512, blockBytesMin)
    const blockBytesPreferred = isPowerOfTwo(preferred) && preferred >= least ? preferred : least
    // What no whole smallest block fits into cannot be used to the last byte.
    const blockBytesMax = Math.floor(data.readUInt32BE(10) / blockBytesMin) * blockBytesMin
    this.#sizes = { blockBytesMin, blockBytesPreferred, blockBytesMax }
    return blockBytesMax >= least
  }

  #agreed(): void {
    const size = this.#size
    if (size === undefined || (size.flags & TransmissionFlag.hasFlags) === 0) {
      return this.#fail("EPROTO", "does not say how large its export is")
    }
    this.#expecting = "nothing"
    this.#isOver = true
    this.#port.agreed({
      ...size,
      ...this.#sizes,
      isStructured: this.#isStructured,
      allocationContext: this.#allocationContext
    })
  }

  #fail(code: string, detail: string): void {
    this.#expecting = "nothing"
    this.#port.failed(code, detail)
  }
}
