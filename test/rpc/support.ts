/** What the RPC tests share: seeded chance, parsing of whole texts, sockets in a directory of their own. */

import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { Effect, type Scope } from "effect"
import { type JsonLimits, JsonParser, type Parsed } from "../../src/rpc/JsonParser.ts"

/** Mulberry32: equal seeds give equal runs. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const drain = (parser: JsonParser, into: Array<Parsed>): boolean => {
  for (let parsed = parser.next(); parsed !== undefined; parsed = parser.next()) {
    into.push(parsed)
    if (parsed._tag === "Malformed") return false
  }
  return true
}

/** Everything that the parser makes of `bytes`, fed in pieces that `pieceBytes` chooses. */
export const parseAll = (
  bytes: Uint8Array,
  pieceBytes: () => number = () => bytes.byteLength,
  limits?: JsonLimits
): ReadonlyArray<Parsed> => {
  const parser = new JsonParser(limits)
  const parsed: Array<Parsed> = []
  for (let at = 0; at < bytes.byteLength; ) {
    const size = Math.max(1, pieceBytes())
    parser.feed(bytes.subarray(at, at + size))
    at += size
    if (!drain(parser, parsed)) return parsed
  }
  const last = parser.flush()
  if (last !== undefined) parsed.push(last)
  return parsed
}

/** A directory that goes away with the scope. */
export const temporaryDirectory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "lunlog-rpc-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
)

/** A client that writes what it likes and remembers all that came back. */
export class RawClient {
  readonly socket: net.Socket
  received = ""
  /**
   * Whole answers among it; counted as they come, so that waiting for the end of much costs no search through all of
   * it.
   */
  answerCount = 0
  closed = false
  #changed: Array<() => void> = []

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on("data", (bytes) => {
      this.received += bytes.toString("latin1")
      for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) this.answerCount++
      this.#wake()
    })
    const over = () => {
      this.closed = true
      this.#wake()
    }
    // Half-open: the server's end is the end, also while this side still sends.
    socket.on("end", over)
    socket.on("close", over)
    socket.on("error", () => {})
  }

  #wake(): void {
    for (const wake of this.#changed.splice(0)) wake()
  }

  /** Resumes when `predicate` holds; the limit is generous, it only keeps a broken test from hanging. */
  async until(predicate: (client: RawClient) => boolean): Promise<this> {
    const deadline = AbortSignal.timeout(20_000)
    while (!predicate(this)) {
      await new Promise<void>((resolve, reject) => {
        this.#changed.push(resolve)
        deadline.addEventListener("abort", () =>
          reject(new Error(`20 s have passed; received: ${this.received.slice(0, 300)}, closed: ${this.closed}`))
        )
      })
    }
    return this
  }

  /** The answers so far, one per line. */
  get answers(): ReadonlyArray<string> {
    return this.received.split("\n").slice(0, -1)
  }

  /** Waits for the `count`th answer, counting from 1, and gives all. */
  async answersUpTo(count: number): Promise<ReadonlyArray<string>> {
    await this.until((client) => client.answerCount >= count || client.closed)
    return this.answers
  }

  untilClosed(): Promise<this> {
    return this.until((client) => client.closed)
  }
}

export const rawClient = (socketPath: string): Effect.Effect<RawClient, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<RawClient>((resolve, reject) => {
          const socket = net.connect({ path: socketPath, allowHalfOpen: true })
          socket.once("error", reject)
          socket.once("connect", () => resolve(new RawClient(socket)))
        })
    ),
    (client) => Effect.sync(() => client.socket.destroy())
  )
