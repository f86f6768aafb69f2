/** "Did you mean ...?": the name that was most likely meant. */

/** Longer names are not compared: what they cost grows with the square of their length. */
const lengthMax = 64
/** Letters of which a beginning is told from a slip. */
const beginningMin = 3

/** How many letters must be added, taken away, changed or swapped with their neighbour. */
const distance = (a: string, b: string): number => {
  let [before, row]: [Array<number>, Array<number>] = [[], Array.from({ length: b.length + 1 }, (_, index) => index)]
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const changed = (row[j - 1] ?? 0) + (same ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const best = Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1)
      next.push(swapped ? Math.min(best, (before[j - 2] ?? 0) + 1) : best)
    }
    ;[before, row] = [row, next]
  }
  return row[b.length] ?? 0
}

/** `portal_groups` and `portalGroups` are the same name to whoever has forgotten how it is spelled. */
const folded = (name: string): string => name.toLowerCase().replace(/[\s._:-]/gu, "")

/** The only one of `names` that begins so, or else the nearest, if it is near: a third of its letters may differ. */
export const closest = (name: string, names: Iterable<string>): string | undefined => {
  if (name === "" || name.length > lengthMax) return undefined
  const all = [...names]
  const longer = name.length < beginningMin ? [] : all.filter((candidate) => candidate.startsWith(name))
  if (longer.length === 1) return longer[0]
  const wanted = folded(name)
  let found: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of all) {
    if (candidate.length > lengthMax) continue
    const other = folded(candidate)
    const allowed = Math.max(other.length < beginningMin ? 0 : 1, Math.floor(other.length / 3))
    if (Math.abs(other.length - wanted.length) > allowed) continue
    const far = distance(wanted, other)
    if (far < least && far <= allowed) {
      found = candidate
      least = far
    }
  }
  return found
}

/** Searches for one configuration: thousands of names that are missing have one cause, and nobody reads them all. */
const searchesMax = 50

/** `closest` for whoever may ask often: gives up looking after some searches. */
export class Suggestions {
  #searches = 0

  closest(name: string, names: Iterable<string>): string | undefined {
    return ++this.#searches > searchesMax ? undefined : closest(name, names)
  }
}

/** `, did you mean "x"?`, or what is known, or nothing. */
export const suggestion = (name: string, names: ReadonlyArray<string>): string => {
  const meant = closest(name, names)
  if (meant !== undefined) return `, did you mean ${JSON.stringify(meant)}?`
  if (names.length === 0) return ""
  return `; known are ${names.slice(0, 20).join(", ")}${names.length > 20 ? " ..." : ""}`
}
