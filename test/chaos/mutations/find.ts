/**
 * `node test/chaos/mutations/find.ts [--seeds N] [--seed FROM] [WORD ...]`: puts each mistake whose name has one of the
 * words into a copy of the product, and plays seeds until one finds it. Fails if a mistake is not found. Not part of
 * CI: it takes minutes.
 */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { makeDirectory, projectDirectory, removeDirectory } from "../../support/target-process.ts"
import { defaultExtent, playSeed } from "../play.ts"
import { type Mutation, mutations } from "./mutations.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: "string", default: "8" }, seed: { type: "string", default: "1" } }
})

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** A copy of the product with the mistake; its folder. */
const mutated = ({ file, mistake, text }: Mutation): string => {
  const copy = makeDirectory("mutation")
  for (const part of ["src", "eventlog", "bin", "package.json"]) {
    cpSync(join(projectDirectory, part), join(copy, part), { recursive: true })
  }
  symlinkSync(join(projectDirectory, "node_modules"), join(copy, "node_modules"))
  const path = join(copy, file)
  const parts = readFileSync(path, "utf8").split(text)
  if (parts.length !== 2) throw new Error(`${file} has the text to change ${parts.length - 1} times:\n${text}`)
  writeFileSync(path, parts.join(mistake))
  return copy
}

/** The failure of the first seed that finds it. */
const find = async (mutation: Mutation): Promise<string | undefined> => {
  const copy = mutated(mutation)
  const evidence = makeDirectory("found")
  try {
    const from = Number(values.seed)
    for (let seed = from; seed < from + Number(values.seeds); seed++) {
      const options = { keep: evidence, program: join(copy, "bin/lunlog.js") }
      try {
        await playSeed(seed, defaultExtent, options)
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
    }
    return undefined
  } finally {
    removeDirectory(copy)
    removeDirectory(evidence)
  }
}

let missed = 0
for (const mutation of mutations) {
  if (positionals.length > 0 && !positionals.some((word) => mutation.name.includes(word))) continue
  const began = performance.now()
  const found = await find(mutation)
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  if (found === undefined) missed++
  say(`${found === undefined ? "MISSED" : "found"} in ${seconds} s: ${mutation.name}`)
  if (found !== undefined)
    say(
      found
        .split("\n")
        .slice(0, 3)
        .map((line) => `    ${line.slice(0, 300)}`)
        .join("\n")
    )
}
process.exit(missed === 0 ? 0 : 1)
