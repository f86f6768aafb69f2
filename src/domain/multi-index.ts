/**
 * A persistent index from a key to several entries, each under an id. It holds no empty rows, so that one which is kept
 * up event by event equals one which is built from the state at once.
 */
import { HashMap, Option } from "effect"

/** Key to id to entry. */
export type MultiIndex<V> = HashMap.HashMap<string, HashMap.HashMap<string, V>>

/** No entries. */
export const emptyIndex = <V>(): MultiIndex<V> => HashMap.empty()

/** `index` with an entry; one of the same key and id is replaced. */
export const indexAdd = <V>(index: MultiIndex<V>, key: string, id: string, value: V): MultiIndex<V> =>
  HashMap.set(
    index,
    key,
    HashMap.set(
      Option.getOrElse(HashMap.get(index, key), () => HashMap.empty<string, V>()),
      id,
      value
    )
  )

/** `index` without an entry. */
export const indexRemove = <V>(index: MultiIndex<V>, key: string, id: string): MultiIndex<V> => {
  const row = Option.getOrUndefined(HashMap.get(index, key))
  if (row === undefined || !HashMap.has(row, id)) return index
  const rest = HashMap.remove(row, id)
  return HashMap.isEmpty(rest) ? HashMap.remove(index, key) : HashMap.set(index, key, rest)
}

/** The entries of `key`, ordered by id. */
export const indexGet = <V>(index: MultiIndex<V>, key: string): ReadonlyArray<V> => {
  const row = Option.getOrUndefined(HashMap.get(index, key))
  if (row === undefined) return []
  return HashMap.toEntries(row)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, value]) => value)
}

/** Whether `key` has any entry. */
export const indexHas = <V>(index: MultiIndex<V>, key: string): boolean => HashMap.has(index, key)

/** How many entries `key` has. */
export const indexCount = <V>(index: MultiIndex<V>, key: string): number => {
  const row = Option.getOrUndefined(HashMap.get(index, key))
  return row === undefined ? 0 : HashMap.size(row)
}
