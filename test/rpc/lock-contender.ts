/**
 * A process that wants a socket: says `won` or why not, and keeps it until its input ends. Run by
 * `SocketLock.test.ts`.
 */
import { Effect } from "effect"
import { serveMethods } from "./server-support.ts"

const socketPath = process.argv[2] ?? ""
const inputEnded = Effect.callback<void>((resume) => {
  process.stdin.once("end", () => resume(Effect.void))
  process.stdin.resume()
})

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      // All contenders are loaded before the first one starts.
      yield* Effect.sync(() => process.stdout.write("ready\n"))
      yield* Effect.callback<void>((resume) => {
        process.stdin.once("data", () => resume(Effect.void))
      })
      yield* serveMethods([], { socketPath })
      process.stdout.write("won\n")
      yield* inputEnded
    })
  ).pipe(Effect.catch((error) => Effect.sync(() => process.stdout.write(`lost: ${error.message}\n`))))
)
