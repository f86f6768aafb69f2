/** The lines of a file that may be compressed, or of stdin: one at a time, and none longer than it may be. */
import { createReadStream } from "node:fs"
import { open } from "node:fs/promises"
import { createGunzip } from "node:zlib"

/** A file that cannot be read as lines; the message says why. */
export class LinesUnreadable extends Error {}

const gzipMagic = Buffer.from([0x1f, 0x8b])

const isGzip = async (path: string): Promise<boolean> => {
  const file = await open(path, "r")
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer.equals(gzipMagic)
  } finally {
    await file.close()
  }
}

const chunksOf = async (path: string): Promise<AsyncIterable<Buffer>> => {
  if (path === "-") return process.stdin
  const isCompressed = await isGzip(path)
  const file = createReadStream(path)
  if (!isCompressed) return file
  const plain = createGunzip()
  file.once("error", (error) => plain.destroy(error))
  plain.once("close", () => file.destroy())
  return file.pipe(plain)
}

/** Throws on what is no UTF-8. */
const decoder = new TextDecoder("utf-8", { fatal: true })

const decode = (bytes: Buffer, line: number): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new LinesUnreadable(`line ${line}: it is no UTF-8`)
  }
}

/** Cuts bytes into lines; what is left at the end without a line break is one, too. */
class LineCutter {
  readonly #bytesMax: number
  #parts: Array<Buffer> = []
  #length = 0
  #line = 1

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  *feed(chunk: Buffer): Generator<string> {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#keep(chunk.subarray(from, end))
      yield this.#take()
      from = end + 1
    }
    this.#keep(chunk.subarray(from))
  }

  *finish(): Generator<string> {
    if (this.#length > 0) yield this.#take()
  }

  #keep(part: Buffer): void {
    this.#length += part.length
    if (this.#length > this.#bytesMax) {
      throw new LinesUnreadable(`line ${this.#line}: it is longer than ${this.#bytesMax} bytes, as no line of a log is`)
    }
    if (part.length > 0) this.#parts.push(part)
  }

  #take(): string {
    const text = decode(Buffer.concat(this.#parts), this.#line++)
    this.#parts = []
    this.#length = 0
    return text
  }
}

/** Each line of these bytes without its end. Throws `LinesUnreadable`, or the error of where they are from. */
export const linesIn = async function* (
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  bytesMax: number
): AsyncGenerator<string> {
  const cutter = new LineCutter(bytesMax)
  for await (const chunk of chunks) yield* cutter.feed(chunk)
  yield* cutter.finish()
}

/** The same of a file, or of stdin (`-`). */
export const linesOf = async function* (path: string, bytesMax: number): AsyncGenerator<string> {
  yield* linesIn(await chunksOf(path), bytesMax)
}
