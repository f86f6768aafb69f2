/**
 * Commands that hosts send, as files of hexadecimal lines: a CDB, and behind a space its data; `#` before remarks.
 * Inputs that have once found a mistake are added to `found.hex`.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** A command and what is sent with it. */
export interface CommandInput {
  readonly cdb: Buffer
  readonly data: Buffer
}

const folder = join(import.meta.dirname, "corpus")

/** All commands of all files. */
export const readCorpus = (): ReadonlyArray<CommandInput> =>
  readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), "utf8")
      .split("\n")
      .filter((line) => line.length > 0 && !line.startsWith("#"))
      .map((line) => {
        const [cdb = "", data = ""] = line.split(" ")
        return { cdb: Buffer.from(cdb, "hex"), data: Buffer.from(data, "hex") }
      })
  )
