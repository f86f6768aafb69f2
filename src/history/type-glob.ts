/** Patterns for types of records: `*` is any text, `?` any character, letters are of either case. */

/**
 * Whether texts match `pattern`. Takes at most the product of both lengths, whatever the pattern: as a regular
 * expression, a few dozen stars would take hours.
 */
export const typeGlob = (pattern: string): ((text: string) => boolean) => {
  const wanted = [...pattern.toLowerCase()]
  return (text) => {
    const letters = [...text.toLowerCase()]
    let at = 0
    let star = -1
    let starAt = 0
    for (let letter = 0; letter < letters.length; ) {
      if (wanted[at] === "*") {
        star = at++
        starAt = letter
      } else if (wanted[at] === "?" || (at < wanted.length && wanted[at] === letters[letter])) {
        at++
        letter++
      } else if (star >= 0) {
        // Only the last star need take more: what was matched in front of it stays matched.
        at = star + 1
        letter = ++starAt
      } else return false
    }
    return wanted.slice(at).every((rest) => rest === "*")
  }
}
