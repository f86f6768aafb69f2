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

/** Tracked files; all files where git cannot tell, as in an unpacked archive. */
const listed = (): ReadonlyArray<string> => {
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

/** Comments and strings. Template literals are blanked with their substitutions, unless those hold literals of their own. */
const literal =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\.|\$(?!\{)|\$\{[^{}`]*\})*`/g

const blanked = (text: string): string =>
  text.replace(literal, (match) => {
    const quote = match.charAt(0)
    return quote === "/" ? match.replace(/[^\n]/g, " ") : quote + match.slice(1, -1).replace(/[^\n]/g, " ") + quote
  })

const fromModule = /(?:^|\s)(?:from|import)\s*\(?\s*"([^"]+)"/g

const importsOf = (lines: ReadonlyArray<string>, code: ReadonlyArray<string>): ReadonlyArray<SourceImport> =>
  lines.flatMap((line, index) => {
    if (!/(?:^|\s)(?:from|import)\s*\(?\s*"/.test(code[index] ?? "")) return []
    return [...line.matchAll(fromModule)].map((match) => ({ line: index + 1, specifier: match[1] ?? "" }))
  })

const readSource = (path: string): SourceFile => {
  const text = readFileSync(join(projectDirectory, path), "utf8")
  const lines = text.replace(/\n$/, "").split("\n")
  const code = blanked(text).split("\n")
  return { path, lines, code, imports: importsOf(lines, code) }
}

/** Every TypeScript and JavaScript file of the project that is written by hand. */
export const sourceFiles = (): ReadonlyArray<SourceFile> =>
  listed()
    .filter((path) => /\.(ts|mts|mjs|js)$/.test(path) && !path.includes("node_modules/") && !path.startsWith("dist/"))
    .map(readSource)
