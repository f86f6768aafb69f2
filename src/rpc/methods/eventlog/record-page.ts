/** Answers of `eventlog_*` are pages: as many items as fit into one answer, and where to go on. */
import { Effect, Stream } from "effect"
import type { LogReadFailed } from "../../../../eventlog/reading.ts"
import { printJson } from "../../json-print.ts"
import type { RpcError } from "../../RpcError.ts"
import { logError } from "../dispatch.ts"

/** Items in one answer. */
export const pageItemsMax = 1000
/** About how many bytes the items of one answer may have. */
const pageBytesMax = 8 * 1024 * 1024

/** What fits, and the first item that does not. */
export interface Page<A> {
  readonly items: ReadonlyArray<unknown>
  readonly rest: A | undefined
}

/** The views of the first items of `stream`: at most `limit`, and no more bytes than an answer should have. */
export const takePage = <A, R>(
  stream: Stream.Stream<A, LogReadFailed, R>,
  limit: number,
  view: (item: A) => unknown
): Effect.Effect<Page<A>, RpcError, R> =>
  Effect.suspend(() => {
    const items: Array<unknown> = []
    const most = Math.min(limit, pageItemsMax)
    let bytes = 0
    let rest: A | undefined
    const take = (item: A): boolean => {
      const shown = view(item)
      const length = printJson(shown).length
      if (items.length >= most || (bytes > 0 && bytes + length > pageBytesMax)) {
        rest = item
        return false
      }
      items.push(shown)
      bytes += length
      return true
    }
    const taken = Stream.runDrain(Stream.takeWhile(stream, take))
    return Effect.map(Effect.mapError(taken, logError), () => ({ items, rest }))
  })
