/** The replay of a fork as the command line asks for it. */
import { Console, Effect, Schema } from "effect"
import { printJson } from "../../rpc/json-print.ts"
import type { RpcClient } from "../../rpc/RpcClient.ts"
import { type CliFailure, unexpectedAnswer } from "../CliFailure.ts"
import { callMethod, connectAs } from "../rpc/rpc-call.ts"
import { passedLine, ReplayAnswer, statusText } from "./replay-text.ts"

/** A step waits for removals, and a search answers after 30 s at the latest; in milliseconds. */
const stepMillis = 180_000

/** One call of `lunlog_replay_NAME`. */
export const askReplay = (client: RpcClient, name: string, params?: unknown): Effect.Effect<ReplayAnswer, CliFailure> =>
  callMethod(client, `lunlog_replay_${name}`, params, stepMillis).pipe(
    Effect.flatMap((answer) => Effect.mapError(Schema.decodeUnknownEffect(ReplayAnswer)(answer), unexpectedAnswer))
  )

/** Prints each record once, as it is passed. */
export class PassedRecords {
  readonly #client: RpcClient
  readonly #json: boolean
  #after: number

  constructor(client: RpcClient, after: number, json: boolean) {
    this.#client = client
    this.#after = after
    this.#json = json
  }

  /** Those that were passed since the last time. Gives how the replay stands. */
  readonly print: Effect.Effect<ReplayAnswer, CliFailure> = Effect.gen({ self: this }, function* () {
    for (;;) {
      const answer = yield* askReplay(this.#client, "status", { after: this.#after })
      const { more = false, records = [] } = answer
      for (const record of records) yield* Console.log(this.#json ? printJson(record) : passedLine(record))
      this.#after = records.at(-1)?.seq ?? this.#after
      if (!more || records.length === 0) return answer
    }
  })
}

/** A connection, and what will be passed from now on. */
export const watchReplay = (socketPath: string, json: boolean) =>
  Effect.gen(function* () {
    const client = yield* connectAs(socketPath)
    const { position = 0 } = yield* askReplay(client, "status")
    return { client, passed: new PassedRecords(client, position, json) }
  })

/** How it stands, after the records: of JSON only the records are printed. */
export const printStanding = (answer: ReplayAnswer, json: boolean): Effect.Effect<void> =>
  json ? Effect.void : Console.log(statusText(answer))
