/** The examples of the migration pages: each is converted, and gives the file and the warnings that the page shows. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { assert, it } from "vitest"
import { convertedText, warningsOf } from "../../src/cli/config/convert.ts"
import { type ReadFormat, readConversion } from "../../src/cli/config/read-conversion.ts"
import { rootCommand } from "../../src/cli/lunlog-command.ts"
import { sourceFormat } from "../../src/config/source-format.ts"
import { allMethods } from "../../src/rpc/methods/all-methods.ts"
import { projectDirectory } from "../support/target-process.ts"

const pages: ReadonlyArray<readonly [page: string, file: string, format: ReadFormat]> = [
  ["migrate-from-spdk.md", "iscsi.conf", "iscsi.conf"],
  ["migrate-from-targetcli.md", "saveconfig.json", "targetcli"],
  ["migrate-from-tgt.md", "targets.conf", "tgt"]
]

/** Fenced blocks with a language. */
const fencesOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^```\w+\n([\s\S]*?)^```$/gmu)].map(([, body = ""]) => body)

/** Documents are formatted: lists in one line have no blanks inside their brackets. */
const formatted = (yaml: string): string => yaml.replaceAll("[ ", "[").replaceAll(" ]", "]")

it.each(pages)("docs/%s shows what %s becomes", async (page, file, format) => {
  const path = join(projectDirectory, "docs", page)
  const [source = "", shown, warnings] = fencesOf(readFileSync(path, "utf8"))
  assert.strictEqual(sourceFormat(source), format)
  const conversion = await Effect.runPromise(readConversion(format, file, source))
  assert.strictEqual(formatted(convertedText(file, format, conversion.config)), shown)
  assert.strictEqual(
    (await Effect.runPromise(warningsOf(file, conversion))).map((line) => `${line}\n`).join(""),
    warnings
  )
})

/** `lunlog` and the words after it, as far as they are words of a command. */
const commandsIn = (text: string): ReadonlyArray<ReadonlyArray<string>> =>
  [...text.matchAll(/(?:`|^ {4})lunlog ([a-z][^`\n]*)/gmu)].map(([, words = ""]) => words.split(" "))

it.each(pages)("docs/%s names commands and methods that are there", (page) => {
  const root = rootCommand(() => Promise.reject(new Error("nothing is served here")))
  const namesOf = (command: {
    readonly subcommands: ReadonlyArray<{ readonly commands: ReadonlyArray<{ readonly name: string }> }>
  }) => command.subcommands.flatMap(({ commands }) => commands)
  const commands = commandsIn(readFileSync(join(projectDirectory, "docs", page), "utf8"))
  assert.isAbove(commands.length, 5)
  for (const [first = "", second = ""] of commands) {
    assert.include(
      namesOf(root).map(({ name }) => name),
      first
    )
    const methods = allMethods.flatMap(({ aliases, name }) => [name, ...aliases])
    if (first === "rpc" && /^[a-z]\w+$/u.test(second))
      assert.include([...methods, "save_config", "load_config"], second)
  }
})
