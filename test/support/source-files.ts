/**
 * The project's TypeScript files as the tidy test reads them: text, and code without its comments and string contents.
 */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { projectDirectory } from "./target-process.ts"

/** One file; `path` is relative to the checkout, with slashes. */
export interface SourceFile {
  readonly path: string
  readonly lines: ReadonlyArray<string>
  /** The same lines with comments and the contents of string literals blanked. */
  readonly code: ReadonlyArray<string>
  readonly imports: ReadonlyArray<SourceImport>
}

/** An import or re-export, with the number (from 1) of the line that names the module. */
export interface SourceImport {
  readonly line: number
  readonly specifier: string
}

const walk = (): ReadonlyArray<string> =>
  ["eventlog", "src", "test", "bin"].flatMap((folder) =>
    readdirSync(join(projectDirectory, folder), { recursive: true, encoding: "utf8" }).map(
      (name) => `${folder}/${name}`
    )
  )

/** Paths of tracked files; of all files where git cannot tell, as in an unpacked archive. */
export const listed = (): ReadonlyArray<string> => {
  try {
    const output = execFileSync("git", ["ls-files", "-z"], {
      cwd: projectDirectory,
      stdio: ["ignore", "pipe", "ignore"]
    })
    return output.toString("utf8").split("\0")
  } catch {
    return walk()
  }
}

/** A comment or a string, where code may begin one. */
const literal = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y
const regularExpression = /\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y

const spaces = (text: string): string => text.replace(/[^\n]/g, " ")

/** The comment, string or regular expression that begins at `at`, or undefined; a `/` after a value divides. */
const literalAt = (text: string, at: number, before: string): string | undefined => {
  literal.lastIndex = at
  const found = literal.exec(text)?.[0]
  if (found !== undefined || !/(^|[(,=:[!&|?{};>]|\breturn)\s*$/.test(before)) return found
  regularExpression.lastIndex = at
  return regularExpression.exec(text)?.[0]
}

/** A step inside of a template literal: how many characters it takes, and whether code begins or the literal ends. */
const templateStep = (
  text: string,
  at: number
): { readonly length: number; readonly ends: "" | "code" | "literal" } => {
  if (text.startsWith("${", at)) return { length: 2, ends: "code" }
  if (text.charAt(at) === "`") return { length: 1, ends: "literal" }
  return { length: text.charAt(at) === "\\" ? 2 : 1, ends: "" }
}

/** `text` with comments and quotations blanked, code inside of template literals kept; columns and lines stay. */
export const blanked = (text: string): string => {
  /** How many braces are open in each substitution that encloses this place. */
  const substitutions: Array<number> = []
  let output = ""
  let inTemplate = false
  for (let at = 0; at < text.length; ) {
    if (inTemplate) {
      const step = templateStep(text, at)
      if (step.ends === "code") substitutions.push(0)
      if (step.ends !== "") inTemplate = false
      output += spaces(text.slice(at, at + step.length))
      at += step.length
      continue
    }
    const found = literalAt(text, at, output.slice(-40))
    if (found !== undefined) {
      const quote = /["']/.test(found.charAt(0)) ? found.charAt(0) : ""
      output += quote === "" ? spaces(found) : quote + spaces(found.slice(1, -1)) + quote
      at += found.length
      continue
    }
    const character = text.charAt(at)
    const depth = substitutions.at(-1)
    if (character === "`" || (character === "}" && depth === 0)) inTemplate = true
    if (character === "}" && depth === 0) substitutions.pop()
    else if (depth !== undefined && /[{}]/.test(character))
      substitutions.push((substitutions.pop() ?? 0) + (character === "{" ? 1 : -1))
    output += inTemplate ? " " : character
    at += 1
  }
  return output
}

const fromModule = /(?:^|\s)(?:from|import)\s*\(?\s*"([^"]+)"/g

const importsOf = (lines: ReadonlyArray<string>, code: ReadonlyArray<string>): ReadonlyArray<SourceImport> =>
  lines.flatMap((line, index) => {
    if (!/(?:^|\s)(?:from|import)\s*\(?\s*"/.test(code[index] ?? "")) return []
    return [...line.matchAll(fromModule)].map((match) => ({ line: index + 1, specifier: match[1] ?? "" }))
  })

const linesOf = (text: string): ReadonlyArray<string> => text.replace(/\n$/, "").split("\n")

const readSource = (path: string): SourceFile => {
  const text = readFileSync(join(projectDirectory, path), "utf8")
  const lines = linesOf(text)
  const code = blanked(text).split("\n")
  return { path, lines, code, imports: importsOf(lines, code) }
}

/** A file of another language: its lines. */
export type TextFile = Pick<SourceFile, "lines" | "path">

const isOwn = (path: string): boolean => !path.includes("node_modules/") && !path.startsWith("dist/")

/** Every style sheet. */
export const styleSheets = (): ReadonlyArray<TextFile> =>
  listed()
    .filter((path) => path.endsWith(".css") && isOwn(path))
    .map((path) => ({ path, lines: linesOf(readFileSync(join(projectDirectory, path), "utf8")) }))

/** Every TypeScript and JavaScript file of the project that is written by hand. */
export const sourceFiles = (): ReadonlyArray<SourceFile> =>
  listed()
    .filter((path) => /\.(ts|tsx|mts|mjs|js)$/.test(path) && isOwn(path))
    .map(readSource)
