/**
 * The pages of docs/guide as the tests play them: files to write, and commands with what they print. `$` is a user on
 * the target's machine, `#` is root on the initiator's.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { projectDirectory } from "./target-process.ts"

/** Something that a reader does: saves a file (one with an absolute path is the initiator's), or types a command. */
export type PageStep =
  | { readonly kind: "file"; readonly path: string; readonly text: string }
  | { readonly kind: "target" | "initiator"; readonly command: string; readonly output: string }

/** A chapter. */
export interface GuidePage {
  /** Of its file. */
  readonly name: string
  readonly text: string
  readonly steps: ReadonlyArray<PageStep>
}

/** The steps of a console block: `$ COMMAND` with the lines below it, up to the next prompt. */
export const commandsOf = (session: string): ReadonlyArray<PageStep> =>
  session
    .split(/^(?=[$#] )/mu)
    .filter((part) => part.trim() !== "")
    .map((part) => {
      const end = part.indexOf("\n")
      return {
        kind: part.startsWith("$ ") ? ("target" as const) : ("initiator" as const),
        command: part.slice(2, end),
        output: part.slice(end + 1).trimEnd()
      }
    })

const pageOf = (name: string): GuidePage => {
  const text = readFileSync(join(projectDirectory, "docs/guide", name), "utf8")
  const fences = [...text.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gmu)]
  const steps = fences.flatMap(([, language, path, body = ""]): ReadonlyArray<PageStep> => {
    if (path !== undefined) return [{ kind: "file", path, text: body }]
    return language === "console" ? commandsOf(body) : []
  })
  return { name, text, steps }
}

/** All chapters, in their order. */
export const guidePages = (): ReadonlyArray<GuidePage> =>
  readdirSync(join(projectDirectory, "docs/guide"))
    .filter((name) => /^\d\d-/u.test(name))
    .sort()
    .map(pageOf)

const changing: ReadonlyArray<readonly [pattern: RegExp, name: string]> = [
  // What memory there is, and what of it is in use, is another on each machine.
  [/^memory: .*$/gmu, "memory: WHO HAS WHAT"],
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{3}Z?/g, "TIME"],
  [/^ *\d+ +(?=TIME)/gm, "N "],
  [/incarnation=\d+/g, "incarnation=N"],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UUID"],
  [/\b[0-9a-f]{32}\b/g, "SERIAL"],
  [/process \d+/g, "process PID"],
  [/\(cli \S+ /g, "(cli USER "],
  // Numbers of a session and its connection.
  [/^\d+ +\d+ +(?=iqn\.)/gm, "N N "],
  [/^\[ *\d+\.\d+\] /gm, "[TIME] "],
  // Disks that come together race for their letters.
  [/\bsd[a-z]\b/g, "sdX"],
  // The width of a column depends on the port.
  [/(?<=\S) +/g, " "],
  [/ +$/gm, ""]
]

const steady = (text: string): string =>
  changing.reduce((result, [pattern, name]) => result.replace(pattern, name), text).trim()

const escaped = (line: string): string => line.replace(/[.*+?^${}()|[\]\\]/gu, "\\$&")

/** Whether a command has printed what a page shows; `...` alone in a line stands for any lines. */
export const isAsShown = (printed: string, shown: string): boolean => {
  const lines = steady(shown).split("\n")
  const pattern = lines.map((line) => (line === "..." ? "(?:.*\\n)*?" : `${escaped(line)}\\n`)).join("")
  return new RegExp(`^${pattern}$`, "u").test(`${steady(printed)}\n`)
}
