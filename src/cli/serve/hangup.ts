/**
 * SIGHUP: the end, like SIGTERM, for a program that has nothing to read again; a server with a configuration file reads
 * it again.
 */
import { Effect, Queue, type Scope } from "effect"

let handler: (() => void) | undefined

/** For the program's entry: what to do about the signal. */
export const onHangup = (): void => {
  if (handler === undefined) process.kill(process.pid, "SIGTERM")
  else handler()
}

/** From now on, and until the scope closes, the signal is an entry of this queue; several may be one. */
export const hangups: Effect.Effect<Queue.Dequeue<void>, never, Scope.Scope> = Effect.acquireRelease(
  Effect.map(Queue.sliding<void>(1), (queue) => {
    handler = () => void Queue.offerUnsafe(queue, undefined)
    return queue
  }),
  (queue) =>
    Effect.suspend(() => {
      handler = undefined
      return Queue.shutdown(queue)
    })
)
