/**
 * The reactor as Effect code uses it: requests that are answered, and facts for whoever listens.
 */
import { Deferred, Effect, type Scope } from "effect"
import { contentSaveTimeoutMillis } from "./limits.ts"
import type {
  BdevTold,
  ReactorAnswer,
  ReactorCommand,
  ReactorFact,
  ReactorPort,
  ReactorRequest,
  ReservationsAsked
} from "./reactor/protocol.ts"

/** A request without its number, which the client gives it. */
export type Request = ReactorRequest extends infer R ? (R extends ReactorRequest ? Omit<R, "request"> : never) : never

/** Facts that only need to be remembered. */
export type Notice = Exclude<
  ReactorFact,
  { readonly _tag: "Answer" | "ReservationsAsked" | "BdevTold" | "HandOver" | "ConnectionGone" }
>

/** Who is told what a reactor finds out. */
export interface ReactorListener {
  readonly notice: (notice: Notice) => void
  readonly reservationsAsked: (asked: ReservationsAsked) => void
  readonly bdevTold: (told: BdevTold) => void
}

/** One reactor. */
export interface ReactorClient {
  /** Commands are carried out in the order in which they are sent. */
  readonly send: (command: Exclude<ReactorCommand, ReactorRequest>) => void
  /** Sends at once; interrupting the wait leaves the request running. */
  readonly request: (request: Request) => Effect.Effect<ReactorAnswer>
  /** A number for a portal or bdev that the reactor has not seen. */
  readonly takeId: () => number
}

const failed: ReactorAnswer = { _tag: "Failed", code: "ESHUTDOWN", detail: "the data plane has stopped" }

/** How long an orderly end may take before connections are cut, in milliseconds. */
const shutdownGraceMillis = 1_000

/** Connects to a reactor; the end of the scope shuts it down in order. */
export const connectReactor = (
  port: ReactorPort,
  listener: ReactorListener
): Effect.Effect<ReactorClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    const waiting = new Map<number, Deferred.Deferred<ReactorAnswer>>()
    let lastId = 0
    let stopped = false
    port.listen((fact) => {
      if (fact._tag === "ReservationsAsked") return listener.reservationsAsked(fact)
      if (fact._tag === "BdevTold") return listener.bdevTold(fact)
      // Among reactors: a pool has dealt with them.
      if (fact._tag === "HandOver" || fact._tag === "ConnectionGone") return
      if (fact._tag !== "Answer") {
        if (fact._tag === "Crashed") stopped = true
        listener.notice(fact)
        if (stopped) for (const answer of waiting.values()) Deferred.doneUnsafe(answer, Effect.succeed(failed))
        return
      }
      const answer = waiting.get(fact.request)
      waiting.delete(fact.request)
      if (answer !== undefined) Deferred.doneUnsafe(answer, Effect.succeed(fact.answer))
    })
    const request = (wanted: Request): Effect.Effect<ReactorAnswer> =>
      Effect.suspend(() => {
        if (stopped) return Effect.succeed(failed)
        const number = ++lastId
        const answer = Deferred.makeUnsafe<ReactorAnswer>()
        waiting.set(number, answer)
        port.send({ ...wanted, request: number })
        return Deferred.await(answer)
      })
    yield* Effect.addFinalizer(() =>
      request({ _tag: "Shutdown", graceMillis: shutdownGraceMillis }).pipe(
        Effect.timeoutOption(shutdownGraceMillis * 3 + contentSaveTimeoutMillis),
        Effect.andThen(
          Effect.promise(() => {
            stopped = true
            return port.terminate()
          })
        )
      )
    )
    return {
      send: (command) => {
        if (!stopped) port.send(command)
      },
      request,
      takeId: () => ++lastId
    }
  })
