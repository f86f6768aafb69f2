/** The examples of the migration pages: each is converted, and gives the file and the warnings that the page shows. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { assert, it } from "vitest"
import { nativeText, warningsOf } from "../../src/cli/convert.ts"
import { type ReadFormat, readConversion } from "../../src/cli/read-conversion.ts"
import { sourceFormat } from "../../src/config/source-format.ts"
import { projectDirectory } from "../support/target-process.ts"

const pages: ReadonlyArray<readonly [page: string, file: string, format: ReadFormat]> = [
  ["migrate-from-spdk.md", "iscsi.conf", "iscsi.conf"],
  ["migrate-from-targetcli.md", "saveconfig.json", "targetcli"],
  ["migrate-from-tgt.md", "targets.conf", "tgt"]
]

/** Fenced blocks with a language. */
const fencesOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^```\w+\n([\s\S]*?)^```$/gmu)].map(([, body = ""]) => body)

it.each(pages)("docs/%s shows what %s becomes", async (page, file, format) => {
  const path = join(projectDirectory, "docs", page)
  const [source = "", shown, warnings] = fencesOf(readFileSync(path, "utf8"))
  assert.strictEqual(sourceFormat(source), format)
  const conversion = await Effect.runPromise(readConversion(format, file, source))
  assert.strictEqual(nativeText(file, format, conversion.config), shown)
  assert.strictEqual(
    (await Effect.runPromise(warningsOf(file, conversion))).map((line) => `${line}\n`).join(""),
    warnings
  )
})
