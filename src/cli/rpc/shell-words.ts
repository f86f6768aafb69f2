/** Words of a line as a shell divides it: spaces, quotes of both kinds, backslashes. Nothing is expanded. */
import { Result } from "effect"

const pattern = /\s+|"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|\\([\s\S])|([^\s"'\\]+)/uy

const withoutBackslashes = (quoted: string): string => quoted.replace(/\\(["\\$`])/gu, "$1")

/** The words, or what is wrong with the line. */
export const shellWords = (line: string): Result.Result<ReadonlyArray<string>, string> => {
  const words: Array<string> = []
  let word: string | undefined
  let at = 0
  while (at < line.length) {
    pattern.lastIndex = at
    const found = pattern.exec(line)
    if (found === null) return Result.fail(line[at] === "\\" ? "a backslash ends the line" : "a quote does not end")
    at = pattern.lastIndex
    const [all, double, single, escaped, plain] = found
    if (/^\s/u.test(all)) {
      if (word !== undefined) words.push(word)
      word = undefined
      continue
    }
    word = (word ?? "") + (double === undefined ? (single ?? escaped ?? plain ?? "") : withoutBackslashes(double))
  }
  if (word !== undefined) words.push(word)
  return Result.succeed(words)
}
