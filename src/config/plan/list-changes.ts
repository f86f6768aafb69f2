/**
 * Changes of ordered lists: members of initiator groups (the first match decides) and maps of targets. Appending
 * keeps an order; where the order itself has changed, the list is taken out and put in again.
 */

/** What has to go and what has to come, so that `now` becomes `wanted`. */
export const listChanges = <A>(
  now: ReadonlyArray<A>,
  wanted: ReadonlyArray<A>,
  keyOf: (item: A) => string
): { readonly removed: ReadonlyArray<A>; readonly added: ReadonlyArray<A> } => {
  const wantedKeys = new Set(wanted.map(keyOf))
  const nowKeys = new Set(now.map(keyOf))
  const stays = now.filter((item) => wantedKeys.has(keyOf(item)))
  const added = wanted.filter((item) => !nowKeys.has(keyOf(item)))
  const result = [...stays, ...added].map(keyOf)
  const keepsOrder = wanted.every((item, index) => keyOf(item) === result[index])
  if (!keepsOrder) return { removed: now, added: wanted }
  return { removed: now.filter((item) => !wantedKeys.has(keyOf(item))), added }
}
