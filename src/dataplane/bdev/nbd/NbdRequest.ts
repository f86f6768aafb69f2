/** One request to an NBD server, from its submission to its reply; pooled. */
import type { BdevIo, RunFound } from "../Bdev.ts"
import { Coverage } from "./Coverage.ts"
import { NbdCommand, REQUEST_HEADER_BYTES } from "./nbd-protocol.ts"

const nothing = Buffer.alloc(0)

/** What is asked, what has come of the answer, and who waits for it. */
export class NbdRequest {
  command: NbdCommand = NbdCommand.read
  /** `CommandFlag`s. */
  flags = 0
  byteOffset = 0
  byteLength = 0
  /** Of a read or write: its data is `buffer[start, start + byteLength)`. */
  buffer: Buffer = nothing
  start = 0
  submitter: BdevIo | undefined
  /** Of a question for an extent, instead. */
  found: RunFound | undefined
  /** Of a flush: how many writes had been answered when it came. */
  covers = 0

  /** How often it was sent: more than once if connections were lost. */
  sentCount = 0
  /** Where its last byte is in what its connection has sent. */
  sentEnd = 0
  /** Its handle: a number that changes each time, and a place in its connection's table. */
  generation = 0
  place = 0
  /** Its own, because the socket may keep it until it is sent. */
  readonly header = Buffer.allocUnsafeSlow(REQUEST_HEADER_BYTES)

  /** Of a read in chunks: what has come. */
  readonly coverage = new Coverage()
  /** The first error that the reply has told of; 0 is none. */
  error = 0
  errorCount = 0
  /** Where it failed, if the server says so. */
  errorOffset: number | undefined
  /** Of a question for an extent: its length, 0 as long as it is not known, and `ExtentFlag`s. */
  extentBytes = 0
  extentFlags = 0

  /** Forgets what has come of an answer: it is sent (again). */
  expectReply(): void {
    this.coverage.reset()
    this.error = 0
    this.errorCount = 0
    this.errorOffset = undefined
    this.extentBytes = 0
    this.extentFlags = 0
  }

  /** Lets go of the buffer and of who waits. */
  clear(): void {
    this.buffer = nothing
    this.submitter = undefined
    this.found = undefined
    this.sentCount = 0
  }
}
