/**
 * What an object is compared, merged and changed by: its aspects. An aspect is one value (an alias), the members of a
 * record (options), or a list whose items have keys (LUNs). `aspects.ts` has the table of all of them.
 *
 * The merge has three sides: `base` is what was applied last, `wanted` is what the file says now, `now` is what runs.
 * What the file has not changed since is left as it runs; what it has changed, or says for the first time, is made so.
 */
import { Struct } from "effect"
import type { Command } from "../../domain/Command.ts"
import { listChanges } from "./list-changes.ts"

/** How far a file goes. */
export interface MergeRules {
  /** What was changed by hand is made again what the file says. */
  readonly enforce: boolean
  /** What no file has made goes too. */
  readonly prune: boolean
  /** Whether something of this incarnation was there when the last file was applied. */
  readonly isOfLastFile: (incarnation: number) => boolean
}

/** One difference, as it is shown. `from` and `to` are absent where there is nothing. */
export interface FieldChange {
  readonly field: string
  readonly from?: string
  readonly to?: string
}

/** Commands that make one thing another: `before` gives up what others may need or what drains, `after` comes last. */
export interface InPlace {
  readonly before: ReadonlyArray<Command>
  readonly after: ReadonlyArray<Command>
}

/** One aspect of objects of type `A`. */
export interface Aspect<A> {
  /** `now` with this aspect merged. */
  readonly merge: (base: A | undefined, wanted: A, now: A, rules: MergeRules, into: A) => A
  /** What has to be told of the way from one to the other. */
  readonly changes: (from: A, to: A) => ReadonlyArray<FieldChange>
  /** Undefined: it cannot be changed, the object is made anew. Only asked if there are changes. */
  readonly inPlace: (from: A, to: A) => InPlace | undefined
}

/** Nothing to do. */
export const nothingToDo: InPlace = { before: [], after: [] }

const isRecord = (value: unknown): value is object => typeof value === "object" && value !== null

const countedKeys = (value: object): ReadonlyArray<string> =>
  Object.keys(value).filter((key) => key !== "incarnation" && Reflect.get(value, key) !== undefined)

/** Equal in all that is said of them: incarnations belong to a log, and members have no order. */
export const isSame = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (!isRecord(a) || !isRecord(b)) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => isSame(item, b[at]))
  }
  const keys = countedKeys(a)
  return keys.length === countedKeys(b).length && keys.every((key) => isSame(Reflect.get(a, key), Reflect.get(b, key)))
}

const shown = (value: unknown): string => JSON.stringify(value) ?? ""

/** Members of a record as `name.member`, with their values as text. */
const flatten = (value: unknown, name: string): ReadonlyArray<readonly [string, string]> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.entries(value)
        .filter(([key]) => key !== "incarnation" && key !== "_tag")
        .flatMap(([key, member]: [string, unknown]) => flatten(member, name === "" ? key : `${name}.${key}`))
    : value === undefined
      ? []
      : [[name, shown(value)]]

/** Differences of two values, member by member where they have some. */
const changesOf = (field: string, from: unknown, to: unknown): ReadonlyArray<FieldChange> => {
  if (isSame(from, to)) return []
  const before = new Map(flatten(from, field))
  const after = new Map(flatten(to, field))
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [a, b] = [before.get(name), after.get(name)]
    if (a === b) return []
    return [{ field: name, ...(a === undefined ? {} : { from: a }), ...(b === undefined ? {} : { to: b }) }]
  })
}

interface ValueDefinition<A, V> {
  readonly field: string
  readonly get: (object: A) => V
  readonly set: (object: A, value: V) => A
  /** What is compared and shown; the value itself if left out. */
  readonly view?: (value: V) => unknown
  /** Absent: the object is made anew. */
  readonly inPlace?: (from: A, to: A) => InPlace | undefined
}

/** An aspect that is taken whole. */
export const valueAspect = <A, V>(definition: ValueDefinition<A, V>): Aspect<A> => {
  const { field, get, inPlace, set, view = (value: V): unknown => value } = definition
  const seen = (object: A) => view(get(object))
  return {
    merge: (base, wanted, now, { enforce }, into) => {
      const fileDecides = enforce || base === undefined || !isSame(seen(base), seen(wanted))
      return set(into, get(fileDecides ? wanted : now))
    },
    changes: (from, to) => changesOf(field, seen(from), seen(to)),
    inPlace: (from, to) => inPlace?.(from, to)
  }
}

/** Each member of a record for itself. Members that the file cannot name stay as they run. */
export const mergeMembers = <V extends object>(base: V | undefined, wanted: V, now: V, enforce: boolean): V => {
  const merged = { ...wanted }
  for (const key of Struct.keys(now)) {
    const isOurs = Object.hasOwn(wanted, key)
    const isUntouched = isOurs ? base !== undefined && isSame(base[key], wanted[key]) : !Object.hasOwn(base ?? {}, key)
    if (isUntouched && !enforce) merged[key] = now[key]
  }
  return merged
}

interface MembersDefinition<A, V extends object> {
  /** In front of the members' names; empty for none. */
  readonly field: string
  readonly get: (object: A) => V
  readonly set: (object: A, value: V) => A
  /** Values of different kinds have no members in common. */
  readonly kindOf?: (value: V) => string
  /** What is compared and shown; the value itself if left out. */
  readonly view?: (value: V) => unknown
  readonly inPlace: (from: A, to: A) => InPlace | undefined
}

/** An aspect that is a record, merged member by member. */
export const membersAspect = <A, V extends object>(definition: MembersDefinition<A, V>): Aspect<A> => {
  const { field, get, inPlace, kindOf = () => "", set, view = (value: V): unknown => value } = definition
  const merged = (base: V | undefined, wanted: V, now: V, enforce: boolean): V => {
    if (kindOf(wanted) === kindOf(now)) {
      const comparableBase = base !== undefined && kindOf(base) === kindOf(wanted) ? base : undefined
      return mergeMembers(comparableBase, wanted, now, enforce)
    }
    return enforce || base === undefined || !isSame(base, wanted) ? wanted : now
  }
  return {
    merge: (base, wanted, now, { enforce }, into) =>
      set(into, merged(base === undefined ? undefined : get(base), get(wanted), get(now), enforce)),
    changes: (from, to) => {
      const [before, after] = [get(from), get(to)]
      if (kindOf(before) !== kindOf(after)) return [{ field: "type", from: kindOf(before), to: kindOf(after) }]
      return changesOf(field, view(before), view(after))
    },
    inPlace
  }
}

interface ListDefinition<A, I> {
  /** What one item is called: `LUN 3`. */
  readonly nameOf: (item: I) => string
  readonly get: (object: A) => ReadonlyArray<I>
  readonly set: (object: A, items: ReadonlyArray<I>) => A
  readonly keyOf: (item: I) => string
  /** What an item is beside its key; nothing if left out. */
  readonly contentOf?: (item: I) => string
  /** What is shown of that; the same if left out. */
  readonly shownOf?: (item: I) => string
  /** The order counts, as in "the first that matches decides". */
  readonly ordered: boolean
  /** Items that drain have a life of their own: those that were made otherwise are not the file's. */
  readonly incarnationOf?: (item: I) => number
  readonly remove: (object: A, items: ReadonlyArray<I>) => ReadonlyArray<Command>
  readonly add: (object: A, items: ReadonlyArray<I>) => ReadonlyArray<Command>
  /** Gives an item that is there another content; absent: it is removed and added. */
  readonly change?: (object: A, item: I) => Command
}

/** Items that were added by hand stay in front of what they were in front of: a denial must not lose its effect. */
const insertExtras = <I>(
  kept: ReadonlyArray<I>,
  now: ReadonlyArray<I>,
  keyOf: (item: I) => string,
  isExtra: (item: I) => boolean
): ReadonlyArray<I> => {
  const result = [...kept]
  for (let at = now.length - 1; at >= 0; at--) {
    const item = now[at]
    if (item === undefined || !isExtra(item)) continue
    const followers = new Set(now.slice(at + 1).map(keyOf))
    const place = result.findIndex((other) => followers.has(keyOf(other)))
    result.splice(place < 0 ? result.length : place, 0, item)
  }
  return result
}

const mergeLists = <A, I>(
  definition: ListDefinition<A, I>,
  base: ReadonlyArray<I> | undefined,
  wanted: ReadonlyArray<I>,
  now: ReadonlyArray<I>,
  rules: MergeRules
): ReadonlyArray<I> => {
  const { incarnationOf, keyOf, contentOf = () => "" } = definition
  const indexed = (items: ReadonlyArray<I>) => new Map(items.map((item) => [keyOf(item), item]))
  const [before, running, declared] = [indexed(base ?? []), indexed(now), indexed(wanted)]
  const identities = (items: ReadonlyArray<I>) => items.map((item) => `${keyOf(item)} ${contentOf(item)}`).join("\n")
  const removesExtras = rules.prune || rules.enforce || (base === undefined && incarnationOf === undefined)
  if (!removesExtras && base !== undefined && identities(base) === identities(wanted)) return now
  const kept = wanted.flatMap((item) => {
    const last = before.get(keyOf(item))
    if (rules.enforce || last === undefined || contentOf(last) !== contentOf(item)) return [item]
    const present = running.get(keyOf(item))
    return present === undefined ? [] : [present]
  })
  const isExtra = (item: I): boolean => {
    if (declared.has(keyOf(item)) || removesExtras) return false
    const wasDeclared = before.has(keyOf(item))
    return !wasDeclared || (incarnationOf !== undefined && !rules.isOfLastFile(incarnationOf(item)))
  }
  return insertExtras(kept, now, keyOf, isExtra)
}

interface ListDifference<I> {
  readonly removed: ReadonlyArray<I>
  readonly added: ReadonlyArray<I>
  /** Items of the new list that were there with another content. */
  readonly changed: ReadonlyArray<I>
}

/** What has to go and come, so that one list becomes the other. */
const listDifference = <A, I>(
  { change, contentOf = () => "", keyOf, ordered }: ListDefinition<A, I>,
  from: ReadonlyArray<I>,
  to: ReadonlyArray<I>
): ListDifference<I> => {
  const inPlace = change !== undefined
  const identity = (item: I) => (inPlace ? keyOf(item) : `${keyOf(item)} ${contentOf(item)}`)
  const [old, next] = [from, to].map((items) => new Set(items.map(identity)))
  const { added, removed } = ordered
    ? listChanges(from, to, identity)
    : {
        removed: from.filter((item) => next?.has(identity(item)) !== true),
        added: to.filter((item) => old?.has(identity(item)) !== true)
      }
  const contents = new Map(from.map((item) => [keyOf(item), contentOf(item)]))
  const isChanged = (item: I) => contents.has(keyOf(item)) && contents.get(keyOf(item)) !== contentOf(item)
  const changed = inPlace ? to.filter((item) => isChanged(item) && !added.includes(item)) : []
  return { added, removed, changed }
}

/** Items that came, went or have another content; else whether their order is another. */
const itemChanges = <A, I>(
  { contentOf = () => "", keyOf, nameOf, ordered, shownOf = contentOf }: ListDefinition<A, I>,
  from: ReadonlyArray<I>,
  to: ReadonlyArray<I>
): ReadonlyArray<FieldChange> => {
  const isSameItem = (item: I, at: number): boolean => {
    const other = to[at]
    return other !== undefined && keyOf(item) === keyOf(other) && contentOf(item) === contentOf(other)
  }
  if (from === to || (from.length === to.length && from.every(isSameItem))) return []
  const [old, next] = [from, to].map((items) => new Map(items.map((item) => [keyOf(item), item])))
  const changes = [...new Set([...from, ...to].map(keyOf))].flatMap((key): ReadonlyArray<FieldChange> => {
    const [a, b] = [old?.get(key), next?.get(key)]
    if (a !== undefined && b !== undefined) {
      if (contentOf(a) === contentOf(b)) return []
      const [was, is] = [shownOf(a), shownOf(b)]
      return [{ field: nameOf(b), from: was, to: was === is ? `another ${is}` : is }]
    }
    if (a !== undefined) return [{ field: nameOf(a), from: shownOf(a) }]
    return b === undefined ? [] : [{ field: nameOf(b), to: shownOf(b) }]
  })
  if (changes.length > 0 || !ordered) return changes
  const [before, after] = [from, to].map((items) => items.map(nameOf).join(", "))
  return before === after ? [] : [{ field: "order", from: before ?? "", to: after ?? "" }]
}

/** An aspect that is a list of items, each merged for itself. */
export const listAspect = <A, I>(definition: ListDefinition<A, I>): Aspect<A> => {
  const { add, change, get, incarnationOf, remove, set } = definition
  return {
    merge: (base, wanted, now, rules, into) =>
      set(into, mergeLists(definition, base === undefined ? undefined : get(base), get(wanted), get(now), rules)),
    changes: (from, to) => itemChanges(definition, get(from), get(to)),
    inPlace: (from, to) => {
      const { added, changed, removed } = listDifference(definition, get(from), get(to))
      const removals = removed.length === 0 ? [] : remove(from, removed)
      const changes = change === undefined ? [] : changed.map((item) => change(to, item))
      const additions = added.length === 0 ? [] : add(to, added)
      return incarnationOf === undefined
        ? { before: [], after: [...removals, ...changes, ...additions] }
        : { before: removals, after: [...changes, ...additions] }
    }
  }
}
