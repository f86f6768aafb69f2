/** What someone may have meant who has misspelt a name. */

/** Edits (one character more, less or other) from `a` to `b`. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** Longer names are not compared. */
const lengthMax = 64

const folded = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/gu, "")

/** The candidate nearest to `name`: the same but for case and punctuation, or at most a third of it different. */
export const closest = (name: string, candidates: Iterable<string>): string | undefined => {
  if (name.length > lengthMax) return undefined
  let found: string | undefined
  let least = Math.floor(name.length / 3) + 1
  for (const candidate of candidates) {
    if (candidate.length > lengthMax || Math.abs(folded(candidate).length - folded(name).length) >= least) continue
    const edits = distance(folded(name), folded(candidate))
    if (edits >= least) continue
    least = edits
    found = candidate
  }
  return found
}

/** `, did you mean "x"?`, or what is known, or nothing. */
export const suggestion = (name: string, candidates: ReadonlyArray<string>, known = "known are"): string => {
  const meant = closest(name, candidates)
  if (meant !== undefined) return `, did you mean ${JSON.stringify(meant)}?`
  if (candidates.length === 0) return ""
  const more = candidates.length > 20 ? " ..." : ""
  return `; ${known} ${candidates.slice(0, 20).join(", ")}${more}`
}
