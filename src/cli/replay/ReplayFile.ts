/**
 * The records that a fork plays: copied from the source when the fork is made, into one file of the fork's state
 * directory, so that the source is not needed any more. Lines of JSON: a header, the records by ascending seq, and a
 * last line that says that all of them are there.
 */
import { type FileHandle, mkdir, open, rename } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect, Result, Schema, type Scope, Stream } from "effect"
import type { LogRecord } from "../../../eventlog/record.ts"
import {
  type RecordPage,
  type ReplayContent,
  type ReplayRecords,
  ReplayRecordsFailed
} from "../../history/replay/ReplayRecords.ts"
import { recordOfLine, replayLine } from "../../history/replay/replay-record.ts"

/** Bytes of one line: a record has at most 1 MiB, and JSON makes some characters longer. */
const lineBytesMax = 16 * 1024 * 1024
const chunkBytes = 256 * 1024
/** About so many bytes are read at once. */
const pageBytes = 8 * 1024 * 1024
/** Below so many bytes lines are looked through one by one. */
const scanBytes = 64 * 1024
const endBytesMax = 1024
/** Most lines have fewer bytes. */
const lineBytes = 4096
/** The seq of a line is within so many bytes. */
const seqBytes = 32
const format = 1

const Header = Schema.fromJsonString(
  Schema.Struct({ lunlogReplay: Schema.Literal(format), instanceId: Schema.String, from: Schema.Natural })
)
const End = Schema.fromJsonString(
  Schema.Struct({ end: Schema.Struct({ through: Schema.Natural, records: Schema.Natural }) })
)

/** Where a fork keeps the records. */
export const replayFilePath = (stateDirectory: string): string => join(stateDirectory, "replay", "records.ndjson")

const failed = (path: string, detail: string): ReplayRecordsFailed => new ReplayRecordsFailed({ path, detail })

const attempt = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, ReplayRecordsFailed> =>
  Effect.tryPromise({
    try: run,
    catch: (error) =>
      error instanceof ReplayRecordsFailed
        ? error
        : failed(path, error instanceof Error ? error.message : String(error))
  })

const linesOf = (
  path: string,
  views: ReadonlyArray<unknown>,
  content: { through: number; records: number }
): Effect.Effect<string, ReplayRecordsFailed> =>
  Effect.suspend(() => {
    let text = ""
    for (const view of views) {
      const line = replayLine(view)
      if (Result.isFailure(line)) return Effect.fail(failed(path, `a record of the source: ${line.failure}`))
      if (line.success.seq <= content.through) {
        return Effect.fail(failed(path, `record ${line.success.seq} of the source comes after ${content.through}`))
      }
      content.through = line.success.seq
      content.records++
      text += `${line.success.line}\n`
    }
    return Effect.succeed(text)
  })

/**
 * Writes the file, whole or not at all. `pages` are records as `eventlog_read` gives them, ascending, all after `from`.
 */
export const writeReplayFile = <E>(
  path: string,
  { from, instanceId }: Pick<ReplayContent, "from" | "instanceId">,
  pages: Stream.Stream<ReadonlyArray<unknown>, E>
): Effect.Effect<ReplayContent, ReplayRecordsFailed | E> => {
  const part = `${path}.part`
  return Effect.gen(function* () {
    yield* attempt(path, () => mkdir(dirname(path), { recursive: true, mode: 0o700 }))
    const handle = yield* Effect.acquireRelease(
      attempt(path, () => open(part, "w", 0o600)),
      (opened) => Effect.ignore(attempt(path, () => opened.close()))
    )
    const content = { instanceId, from, through: from, records: 0 }
    yield* attempt(path, () => handle.appendFile(`${JSON.stringify({ lunlogReplay: format, instanceId, from })}\n`))
    yield* Stream.runForEach(pages, (views) =>
      Effect.flatMap(linesOf(path, views, content), (text) => attempt(path, () => handle.appendFile(text)))
    )
    const { records, through } = content
    yield* attempt(path, async () => {
      await handle.appendFile(`${JSON.stringify({ end: { through, records } })}\n`)
      await handle.sync()
      await rename(part, path)
    })
    return content
  }).pipe(Effect.scoped)
}

const seqOfLine = (line: string): number => Number(/^\{"seq":(\d{1,16})/u.exec(line)?.[1] ?? Number.POSITIVE_INFINITY)

/** An open file. */
export class ReplayFile implements ReplayRecords {
  readonly content: ReplayContent
  readonly #path: string
  readonly #handle: FileHandle
  /** The records' bytes: from `#start`, below `#end`. */
  readonly #start: number
  readonly #end: number

  private constructor(path: string, handle: FileHandle, content: ReplayContent, start: number, end: number) {
    this.#path = path
    this.#handle = handle
    this.content = content
    this.#start = start
    this.#end = end
  }

  /** Opens a file and looks whether it is whole; closed with the scope. */
  static readonly open = (path: string): Effect.Effect<ReplayFile, ReplayRecordsFailed, Scope.Scope> =>
    Effect.gen(function* () {
      const handle = yield* Effect.acquireRelease(
        attempt(path, () => open(path, "r")),
        (opened) => Effect.ignore(attempt(path, () => opened.close()))
      )
      return yield* attempt(path, () => ReplayFile.#read(path, handle))
    })

  static async #read(path: string, handle: FileHandle): Promise<ReplayFile> {
    const { size } = await handle.stat()
    const head = await handle.read(Buffer.alloc(Math.min(size, endBytesMax)), 0, Math.min(size, endBytesMax), 0)
    const first = head.buffer.toString("utf8", 0, head.bytesRead).split("\n")[0] ?? ""
    const tailAt = Math.max(0, size - endBytesMax)
    const tail = await handle.read(Buffer.alloc(size - tailAt), 0, size - tailAt, tailAt)
    const last = tail.buffer.toString("utf8", 0, tail.bytesRead).replace(/\n$/u, "").split("\n").at(-1) ?? ""
    const header = Schema.decodeUnknownResult(Header)(first)
    const end = Schema.decodeUnknownResult(End)(last)
    if (Result.isFailure(header)) throw failed(path, "it is no such file, or of a later version of lunlog")
    if (Result.isFailure(end)) throw failed(path, "it is cut off; make the fork again")
    const { from, instanceId } = header.success
    const content = { instanceId, from, ...end.success.end }
    return new ReplayFile(path, handle, content, Buffer.byteLength(first) + 1, size - Buffer.byteLength(last) - 1)
  }

  /** The byte at which the first record after `seq` begins, or the end of all. */
  seek(seq: number): Effect.Effect<number, ReplayRecordsFailed> {
    return attempt(this.#path, async () => {
      let low = this.#start
      let high = this.#end
      while (high - low > scanBytes) {
        const middle = await this.#lineAfter(Math.floor((low + high) / 2))
        if (middle >= high) break
        const { text } = await this.#line(middle)
        if (seqOfLine(text) <= seq) low = middle
        else high = middle
      }
      return this.#scan(low, seq)
    })
  }

  /** At most `limit` records from the byte `at` on, and fewer if they are long; none at the end. */
  read(at: number, limit: number): Effect.Effect<RecordPage, ReplayRecordsFailed> {
    return attempt(this.#path, async () => {
      const records: Array<LogRecord> = []
      let next = at
      while (next < this.#end && records.length < limit && next - at < pageBytes) {
        const chunk = await this.#bytes(next, chunkBytes)
        let line = 0
        for (let newline = chunk.indexOf(10); newline >= 0; newline = chunk.indexOf(10, line)) {
          records.push(this.#record(chunk.toString("utf8", line, newline), next + line))
          line = newline + 1
          if (records.length >= limit) break
        }
        if (line > 0) next += line
        else {
          const long = await this.#line(next)
          records.push(this.#record(long.text, next))
          next = long.next
        }
      }
      return { records, next }
    })
  }

  /** The same, line by line from a byte on. */
  async #scan(from: number, seq: number): Promise<number> {
    for (let low = from; low < this.#end; ) {
      const chunk = await this.#bytes(low, scanBytes)
      let line = 0
      for (let newline = chunk.indexOf(10); newline >= 0; newline = chunk.indexOf(10, line)) {
        if (seqOfLine(chunk.toString("latin1", line, Math.min(newline, line + seqBytes))) > seq) return low + line
        line = newline + 1
      }
      if (line === 0 && seqOfLine(chunk.toString("latin1", 0, seqBytes)) > seq) return low
      low = line > 0 ? low + line : await this.#lineAfter(low)
    }
    return this.#end
  }

  #record(text: string, at: number): LogRecord {
    const record = recordOfLine(text)
    if (Result.isSuccess(record)) return record.success
    throw failed(
      this.#path,
      `the line at byte ${at} is damaged (${record.failure.split("\n")[0]}); make the fork again`
    )
  }

  async #bytes(at: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.#end - at)
    const { buffer, bytesRead } = await this.#handle.read(Buffer.allocUnsafe(wanted), 0, wanted, at)
    return buffer.subarray(0, bytesRead)
  }

  /** The line that begins at a byte, however long it is. */
  async #line(at: number): Promise<{ readonly text: string; readonly next: number }> {
    for (let length = lineBytes; ; length *= 4) {
      const bytes = await this.#bytes(at, length)
      const newline = bytes.indexOf(10)
      if (newline >= 0) return { text: bytes.toString("utf8", 0, newline), next: at + newline + 1 }
      if (bytes.length < length || length > lineBytesMax) throw failed(this.#path, `no line ends after byte ${at}`)
    }
  }

  /** Where the first line begins behind a byte. */
  async #lineAfter(at: number): Promise<number> {
    return (await this.#line(at)).next
  }
}
