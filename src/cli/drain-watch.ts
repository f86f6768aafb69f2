/**
 * What a command waits for when it takes longer than a second: the LUNs that drain, and their commands. On a terminal
 * one line that changes; elsewhere a line when another LUN is waited for, and only so many.
 */
import { Effect, Fiber, Schema } from "effect"
import { connect } from "../rpc/RpcClient.ts"
import { printable } from "./printable.ts"

const patienceMillis = 1_000
const refreshMillis = 500
const linesMax = 20
/** Of a terminal that does not say. */
const columnsDefault = 80

const Status = Schema.Struct({
  lun_drains: Schema.Array(
    Schema.Struct({ target: Schema.String, lun_id: Schema.Number, commands_left: Schema.Number })
  )
})
type Drains = (typeof Status.Type)["lun_drains"]

/** `waiting for LUN 0 of iqn... to drain (3 commands left), and 2 more LUNs`; undefined if nothing drains. */
export const drainText = (drains: Drains): string | undefined => {
  const [first, ...more] = drains
  if (first === undefined) return undefined
  const commands = first.commands_left === 1 ? "1 command" : `${first.commands_left} commands`
  const others = more.length === 0 ? "" : `, and ${more.length} more ${more.length === 1 ? "LUN" : "LUNs"}`
  return `waiting for LUN ${first.lun_id} of ${printable(first.target)} to drain (${commands} left)${others}`
}

/** The line on the terminal: what else is there, a question say, is left alone. */
class Line {
  #shown = false

  show(text: string | undefined): void {
    if (text === undefined) return this.clear()
    const columns = process.stderr.columns ?? columnsDefault
    process.stderr.write(`\r\u001b[K${text.slice(0, Math.max(1, columns - 1))}`)
    this.#shown = true
  }

  clear(): void {
    if (this.#shown) process.stderr.write("\r\u001b[K")
    this.#shown = false
  }
}

const watch = (socketPath: string, line: Line) =>
  Effect.gen(function* () {
    yield* Effect.sleep(patienceMillis)
    const client = yield* connect(socketPath)
    const told = new Set<string>()
    for (;;) {
      const { lun_drains } = yield* Effect.flatMap(client.call("lunlog_status"), Schema.decodeUnknownEffect(Status))
      const text = drainText(lun_drains)
      const about = lun_drains.map(({ lun_id, target }) => `${target} ${lun_id}`).join(" ")
      if (process.stderr.isTTY) line.show(text)
      else if (text !== undefined && !told.has(about) && told.size < linesMax) process.stderr.write(`${text}\n`)
      told.add(about)
      yield* Effect.sleep(refreshMillis)
    }
  }).pipe(Effect.scoped, Effect.ignore)

/** Runs `work`, and shows what it waits for. */
export const showingDrains = <A, E, R>(socketPath: string, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const line = new Line()
    const watching = yield* Effect.forkChild(watch(socketPath, line))
    const end = Effect.andThen(
      Fiber.interrupt(watching),
      Effect.sync(() => line.clear())
    )
    return yield* Effect.ensuring(work, end)
  })
