/**
 * One client of the RPC server: reads requests, runs them, writes the answers in the order of the requests.
 *
 * A client's requests run one after the other, so that a script which pipelines gets what it would get by waiting;
 * only a `wait` lets the next ones start. Bounds per client: one message, 64 answers and 32 MiB of answers not yet
 * taken; a message that stays incomplete and an answer that is not taken end the connection.
 */
import { Clock, Effect, Fiber, Option, Queue, type Scope, Semaphore } from "effect"
import type { ClientSocket, PeerGone } from "./client-socket.ts"
import { JsonParser } from "./JsonParser.ts"
import type { RpcCaller } from "./RpcMethod.ts"
import { type Exchange, malformedAnswer, type RpcRouter, responseBytesMax } from "./RpcRouter.ts"

/** Answers that may wait for their turn. */
const answersMax = 64
/** Waits that may go on beside the requests behind them; one more is run like a query. */
const waitsMax = 8

/**
 * How long the rest of a client's input is thrown away, in milliseconds; one that sends nonsense may have much of it.
 */
const lingerMillis = 100
const malformedLingerMillis = 1000

/** How patient the server is with a client. */
export interface ClientLimits {
  /** For a message to be complete once it has begun, and for waits to end after the client has ended its input. */
  readonly messageTimeoutMillis: number
  /** For the client to take an answer. */
  readonly writeTimeoutMillis: number
}

/** What all clients share. */
export interface ClientEnvironment {
  readonly router: RpcRouter["Service"]
  readonly limits: ClientLimits
  /** Starts what must go on without the client. */
  readonly detach: (run: Effect.Effect<string | undefined>) => Effect.Effect<Fiber.Fiber<string | undefined>>
  /** Resumes when the server stops taking requests. */
  readonly stopping: Effect.Effect<void>
  /**
   * Clients whose input has ended while they wait for something. Most have left: AF_UNIX does not tell that from a peer
   * that only ended its side. Who needs their place may destroy them.
   */
  readonly lingering: Set<ClientSocket>
}

interface Pending {
  readonly text: Effect.Effect<string | undefined>
  /** What it has of the credit; undefined for a wait, which has none. */
  readonly bytes: number | undefined
}

interface Client extends ClientEnvironment {
  readonly socket: ClientSocket
  readonly caller: RpcCaller
  readonly parser: JsonParser
  /** Undefined ends it. */
  readonly answers: Queue.Queue<Pending | undefined>
  readonly credit: Semaphore.Semaphore
  /** Waits whose answers are not written yet. */
  waits: number
  /** When the message that is incomplete was begun, in milliseconds; undefined between messages. */
  begunAt: number | undefined
}

const enqueue = (client: Client, text: string | undefined) =>
  Effect.gen(function* () {
    if (text === undefined) return
    const bytes = Math.min(text.length, responseBytesMax)
    yield* client.credit.take(bytes)
    yield* Queue.offer(client.answers, { text: Effect.succeed(text), bytes })
  })

const handle = (client: Client, exchange: Exchange): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const run = exchange.run(() => responseBytesMax)
    const kind = exchange.kind === "wait" && client.waits >= waitsMax ? "query" : exchange.kind
    switch (kind) {
      case "query":
        return yield* enqueue(client, yield* run)
      case "change":
        return yield* enqueue(client, yield* Fiber.join(yield* client.detach(run)))
      case "wait": {
        // Takes no credit: it would hold it for those behind, which hold theirs until it is written.
        client.waits++
        const waiting = Effect.raceFirst(run, Effect.as(client.stopping, undefined))
        const fiber = yield* Effect.forkScoped(waiting, { startImmediately: true })
        yield* Queue.offer(client.answers, { text: Fiber.join(fiber), bytes: undefined })
      }
    }
  })

/** Runs all messages that are complete; true if the stream can be followed no further. */
const drainParser = (client: Client) =>
  Effect.gen(function* () {
    while (true) {
      const parsed = client.parser.next() ?? client.parser.flush()
      if (parsed === undefined) break
      client.begunAt = undefined
      if (parsed._tag === "Malformed") {
        yield* enqueue(client, malformedAnswer(parsed.reason, parsed.offset))
        return true
      }
      yield* handle(client, client.router.route(parsed.value, client.caller))
    }
    if (client.parser.isInsideMessage) client.begunAt ??= yield* Clock.currentTimeMillis
    return false
  })

/** The next bytes; undefined at the end of input or of the server, and when a message takes too long to be complete. */
const nextChunk = (client: Client): Effect.Effect<Uint8Array | undefined> =>
  Effect.gen(function* () {
    const read = Effect.raceFirst(client.socket.read, Effect.as(client.stopping, undefined))
    if (client.begunAt === undefined) return yield* read
    const elapsed = (yield* Clock.currentTimeMillis) - client.begunAt
    const duration = Math.max(0, client.limits.messageTimeoutMillis - elapsed)
    return Option.getOrUndefined(yield* Effect.timeoutOption(read, duration))
  })

const receive = (client: Client): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    while (true) {
      const chunk = yield* nextChunk(client)
      if (chunk === undefined) break
      client.parser.feed(chunk)
      if (yield* drainParser(client)) return
    }
    if (client.parser.isInsideMessage) {
      yield* enqueue(client, malformedAnswer("the message is not complete, and its rest did not come", 0))
    }
  }).pipe(Effect.andThen(Queue.offer(client.answers, undefined)))

const send = (client: Client): Effect.Effect<void, PeerGone> =>
  Effect.gen(function* () {
    while (true) {
      const pending = yield* Queue.take(client.answers)
      if (pending === undefined) return
      const text = yield* pending.text
      if (text !== undefined) yield* client.socket.write(`${text}\n`, client.limits.writeTimeoutMillis)
      if (pending.bytes === undefined) client.waits--
      else yield* client.credit.release(pending.bytes)
    }
  })

/** Serves the client until it leaves, sends what is no JSON, or the server stops. Never fails. */
export const serveClient = (socket: ClientSocket, environment: ClientEnvironment): Effect.Effect<void> =>
  Effect.gen(function* () {
    const client: Client = {
      ...environment,
      socket,
      caller: { source: "rpc", actor: "local" },
      parser: new JsonParser(),
      answers: yield* Queue.bounded<Pending | undefined>(answersMax),
      credit: yield* Semaphore.make(responseBytesMax),
      waits: 0,
      begunAt: undefined
    }
    const sender = yield* Effect.forkScoped(send(client))
    // A peer that takes no answers any more ends the reading too.
    yield* Effect.raceFirst(receive(client), Effect.asVoid(Fiber.await(sender)))
    if (client.waits > 0) environment.lingering.add(socket)
    const over = Effect.raceFirst(Fiber.await(sender), socket.closed)
    yield* Effect.timeoutOption(over, environment.limits.messageTimeoutMillis)
    yield* socket.finish(client.parser.isMalformed ? malformedLingerMillis : lingerMillis)
  }).pipe(
    Effect.scoped,
    Effect.ensuring(
      Effect.sync(() => {
        environment.lingering.delete(socket)
        socket.destroy()
      })
    )
  )
