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

/**
 * Items that are looked at for one answer where all have to be looked at to find some: a question about a long log is
 * answered in pages, of which some are short or empty, and not by one that takes minutes.
 */
const looksMax = 20_000

/** What fits, and the first item that does not, or that was not looked at. */
export interface Page<A> {
  readonly items: ReadonlyArray<unknown>
  readonly rest: A | undefined
}

/**
 * The views of the first items of `stream` that are wanted: at most `limit`, no more bytes than an answer should have,
 * and among no more items than should be looked at for one.
 */
export const takePage = <A, R>(
  stream: Stream.Stream<A, LogReadFailed, R>,
  limit: number,
  view: (item: A) => unknown,
  isWanted: (item: A) => boolean = () => true
): Effect.Effect<Page<A>, RpcError, R> =>
  Effect.suspend(() => {
    const items: Array<unknown> = []
    const most = Math.min(limit, pageItemsMax)
    let [bytes, looks] = [0, 0]
    let rest: A | undefined
    const take = (item: A): boolean => {
      looks += 1
      if (looks > looksMax) {
        rest = item
        return false
      }
      if (!isWanted(item)) return true
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
