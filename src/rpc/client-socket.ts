/**
 * A connected client's socket as pull and push with backpressure: bytes are read when asked for, a write ends when the
 * kernel has taken it, and closing lets the last answer arrive. Nothing here throws; a peer that is gone is an end of
 * input or `PeerGone`.
 */

import type { Socket } from "node:net"
import { Effect, Schema } from "effect"

/** The answer could not be handed over. */
export class PeerGone extends Schema.TaggedError<PeerGone>()("PeerGone", { reason: Schema.String }) {}

/** Takes the socket over: nobody else may read from it. */
export class ClientSocket {
  readonly #socket: Socket
  #ended = false
  #wake: (() => void) | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    const end = () => {
      this.#ended = true
      this.#wake?.()
    }
    socket.on("readable", () => this.#wake?.())
    socket.on("end", end)
    socket.on("close", end)
    // Also for errors (a reset): "close" follows, and an unheard "error" would end the process.
    socket.on("error", end)
  }

  /** The next bytes; undefined at the end of input. For one caller at a time. */
  readonly read: Effect.Effect<Uint8Array | undefined> = Effect.callback((resume) => {
    const attempt = () => {
      const chunk: unknown = this.#ended ? null : this.#socket.read()
      if (!(chunk instanceof Uint8Array) && !this.#ended) return
      this.#wake = undefined
      resume(Effect.succeed(chunk instanceof Uint8Array ? chunk : undefined))
    }
    this.#wake = attempt
    attempt()
    return Effect.sync(() => {
      this.#wake = undefined
    })
  })

  /** Resumes when it is closed, by whichever end. */
  readonly closed: Effect.Effect<void> = Effect.callback((resume) => {
    const close = () => resume(Effect.void)
    if (this.#socket.destroyed) return close()
    this.#socket.once("close", close)
    return Effect.sync(() => this.#socket.off("close", close))
  })

  /** Succeeds when the kernel has the text; fails if the peer is gone or takes nothing for `timeoutMillis`. */
  write(text: string, timeoutMillis: number): Effect.Effect<void, PeerGone> {
    return Effect.callback<void, PeerGone>((resume) => {
      this.#socket.write(text, (error) =>
        resume(error == null ? Effect.void : Effect.fail(new PeerGone({ reason: error.message })))
      )
    }).pipe(
      Effect.timeoutOrElse({
        duration: timeoutMillis,
        orElse: () => Effect.fail(new PeerGone({ reason: `took nothing for ${timeoutMillis} ms` }))
      })
    )
  }

  /**
   * Ends our side, then reads and drops what the peer still sends, for a while: closing with input unread would reset
   * the connection (AF_UNIX), and the peer would lose the last answer.
   */
  finish(lingerMillis: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const socket = this.#socket
      if (socket.destroyed) return resume(Effect.void)
      const done = () => resume(Effect.void)
      socket.once("close", done)
      socket.removeAllListeners("readable")
      socket.resume()
      socket.end()
      return Effect.sync(() => socket.off("close", done))
    }).pipe(Effect.timeoutOption(lingerMillis), Effect.andThen(Effect.sync(() => this.destroy())))
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
