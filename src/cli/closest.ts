/** "Did you mean ...?": the word that was most likely meant. */

/** Longer words are not compared: what they cost grows with the square of their length. */
const lengthMax = 64

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

/** Letters of which a beginning is told from a slip. */
const beginningMin = 3

/** The only one of `words` that begins so, or else the nearest, if it is near: a third of its letters may differ. */
export const closest = (word: string, words: Iterable<string>): string | undefined => {
  if (word === "" || word.length > lengthMax) return undefined
  const all = [...words]
  const longer = word.length < beginningMin ? [] : all.filter((candidate) => candidate.startsWith(word))
  if (longer.length === 1) return longer[0]
  let found: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of all) {
    if (candidate.length > lengthMax) continue
    const far = distance(word.toLowerCase(), candidate.toLowerCase())
    if (far < least && far <= Math.max(1, Math.floor(candidate.length / 3))) {
      found = candidate
      least = far
    }
  }
  return found
}
