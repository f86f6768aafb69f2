/** A bar on the terminal while a running target applies a configuration. */
import { Effect, Schema } from "effect"
import { connectAs } from "../rpc/rpc-call.ts"

/** Nothing is drawn before, in milliseconds: most is over by then. */
const quietMillis = 1_000
const redrawMillis = 250
const barWidth = 30

const Progress = Schema.Struct({
  running: Schema.Boolean,
  done: Schema.optionalKey(Schema.Number),
  total: Schema.optionalKey(Schema.Number)
})
const readProgress = Schema.decodeUnknownEffect(Progress)

/** `[=====>    ] 50/100`. */
export const progressBar = (done: number, total: number): string => {
  const filled = total === 0 ? barWidth : Math.floor((Math.min(done, total) / total) * barWidth)
  const bar = "=".repeat(filled).padEnd(barWidth)
  return `[${bar}] ${done}/${total}`
}

const draw = (socketPath: string) =>
  Effect.gen(function* () {
    yield* Effect.sleep(quietMillis)
    const client = yield* connectAs(socketPath)
    yield* Effect.addFinalizer(() => Effect.sync(() => void process.stderr.write("\r\u001b[K")))
    while (true) {
      const {
        done = 0,
        running,
        total = 0
      } = yield* Effect.flatMap(client.call("lunlog_config_progress"), readProgress)
      if (running) process.stderr.write(`\r${progressBar(done, total)}`)
      yield* Effect.sleep(redrawMillis)
    }
  }).pipe(Effect.scoped, Effect.ignore)

/** Draws until it is interrupted; without a terminal it only waits. */
export const showProgress = (socketPath: string): Effect.Effect<never> =>
  Effect.andThen(process.stderr.isTTY === true ? draw(socketPath) : Effect.void, Effect.never)
