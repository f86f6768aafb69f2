/**
 * docs/incident.md as the tests play it: its commands with what they print, and the page again with what they print
 * today. Numbers of records that commands name are kept in the page's first comment, as `name=SEQ`.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { commandsOf } from "../guide-pages.ts"
import type { StoryRecord } from "../initiator/log-story.ts"
import { projectDirectory } from "../target-process.ts"

/** Where it is. */
export const incidentPath = join(projectDirectory, "docs/incident.md")

/** A command of the page with what the page shows below it. */
export interface IncidentStep {
  readonly command: string
  readonly output: string
}

/** Records that the page names, found by what they are. */
const anchors: Readonly<Record<string, (record: StoryRecord) => boolean>> = {
  deletion: ({ payload, type }) => type === "BdevRemovalStarted" && payload["name"] === "wal",
  before: ({ payload, type }) => type === "BdevRemovalStarted" && payload["name"] === "wal"
}

/** Records in front of the anchor's. */
const offsets: Readonly<Record<string, number>> = { before: -1 }

const anchorComment = /^<!-- records: (.*) -->$/mu
const fence = /^```console\n([\s\S]*?)^```$/gmu

/** The page's text. */
export const incidentText = (): string => readFileSync(incidentPath, "utf8")

/** All commands, in order. */
export const incidentSteps = (text: string): ReadonlyArray<IncidentStep> =>
  [...text.matchAll(fence)].flatMap(([, body = ""]) =>
    commandsOf(body).flatMap((step) => (step.kind === "file" ? [] : [{ command: step.command, output: step.output }]))
  )

/** Numbers of records, as the page has them. */
export const anchorsOf = (text: string): ReadonlyMap<string, number> =>
  new Map(
    (anchorComment.exec(text)?.[1] ?? "").split(" ").map((each) => {
      const [name = "", seq = ""] = each.split("=")
      return [name, Number(seq)] as const
    })
  )

/** The same records in another log. */
export const anchorsIn = (records: ReadonlyArray<StoryRecord>): ReadonlyMap<string, number> =>
  new Map(
    Object.entries(anchors).map(([name, isIt]) => {
      const found = records.find(isIt)
      if (found === undefined) throw new Error(`the night's log has no record ${name}`)
      return [name, found.seq + (offsets[name] ?? 0)] as const
    })
  )

/** `text` with the numbers of one log in place of the other's. */
export const renumbered = (
  text: string,
  from: ReadonlyMap<string, number>,
  to: ReadonlyMap<string, number>
): string => {
  const names = [...from].filter(([name, seq]) => to.get(name) !== seq)
  if (names.length === 0) return text
  const pattern = new RegExp(`\\b(${names.map(([, seq]) => seq).join("|")})\\b`, "gu")
  const byNumber = new Map(names.map(([name, seq]) => [String(seq), String(to.get(name))]))
  return text.replaceAll(pattern, (number) => byNumber.get(number) ?? number)
}

const changing: ReadonlyArray<readonly [pattern: RegExp, name: string]> = [
  // What memory there is, and what of it is in use, is another on each machine.
  [/^memory: .*$/gmu, "memory: WHO HAS WHAT"],
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?/g, "TIME"],
  [/\b\d\d:\d\d(:\d\d)?(\.\d+)?\b/g, "TIME"],
  // Of a picture the lanes are compared, but not where they begin and end.
  [/TIME( +TIME)+/g, "TIME"],
  [/ *[╌═━▒✖•┬─]([╌═━▒✖•┬─ ]*[╌═━▒✖•┬─])?/g, " ~"],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UUID"],
  [/\b[0-9a-f]{64}\b/g, "HASH"],
  [/\bstarted on [\w.-]+/g, "started on HOST"],
  // How many looks a search takes depends on how much was observed.
  [/^record \d+: (good|bad).*\n/gm, ""],
  // How much IO a LUN has had under way is chance.
  [/\b(no command|\d+ commands?) in flight/g, "COUNT in flight"],
  [/\bis gone: [^(]*/g, "is gone: HOW "],
  [/\b(\d+|a) snapshots? says?/g, "SNAPSHOTS say"],
  [/[…=.-]{2,}/g, "~"],
  [/\d+(\.\d+)?/g, "N"],
  [/\bN (us|ms|s|min)\b/g, "DURATION"],
  // The width of a column depends on what is in it.
  [/ +/g, " "],
  [/ $/gm, ""]
]

/**
 * What stays the same from one night to the next: no times, sizes and numbers, and no order of lines, for disks of one
 * file are made at the same time, and listed in the order in which they were there.
 */
export const steady = (text: string): string =>
  changing
    .reduce((result, [pattern, name]) => result.replace(pattern, name), text)
    .split("\n")
    .filter((line) => line !== "")
    .toSorted()
    .join("\n")

/** The page with other outputs, in the order of its steps, and other numbers of records. */
export const rewritten = (
  text: string,
  outputs: ReadonlyArray<string>,
  numbers: ReadonlyMap<string, number>
): string => {
  const before = anchorsOf(text)
  let next = 0
  const parts = text.split(fence)
  // `split` gives text and the bodies of the blocks in turn.
  const played = parts.map((part, index) => {
    if (index % 2 === 0) return renumbered(part, before, numbers)
    const steps = commandsOf(part).map((step) => {
      if (step.kind === "file") return ""
      const output = (outputs[next++] ?? "").trimEnd()
      return `$ ${renumbered(step.command, before, numbers)}\n${output === "" ? "" : `${output}\n`}`
    })
    return `\`\`\`console\n${steps.join("\n")}\`\`\``
  })
  const comment = [...numbers].map(([name, seq]) => `${name}=${seq}`).join(" ")
  return played.join("").replace(anchorComment, `<!-- records: ${comment} -->`)
}
