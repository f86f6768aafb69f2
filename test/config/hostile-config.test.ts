/** Files that are nearly right, with something in them that nobody would write: told as mistakes, or taken; no more. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import type { ConfigFiles } from "../../src/config/native/ConfigFiles.ts"
import { noConfigFiles } from "../../src/config/native/ConfigFiles.ts"
import { makeRandom, type Random } from "../support/initiator/random.ts"
import { projectDirectory } from "../support/target-process.ts"
import { problemsOf } from "./support.ts"

const read = (name: string): string => readFileSync(join(projectDirectory, "docs", name), "utf8")

/** `${env:…}` is something; no file is there. */
const files: ConfigFiles = { ...noConfigFiles, environment: () => "a-secret-of-twelve" }

/** In place of a value. */
const values = [
  '"\\u0000"',
  `"/${"x/".repeat(3000)}"`,
  `"${"n".repeat(5000)}"`,
  '"/proc/self/mem"',
  '"/dev/fd/0"',
  '"../../../../etc/shadow"',
  "-1",
  "1e400",
  "9007199254740993",
  "0x7fffffffffffffff",
  ".nan",
  ".inf",
  "99999999999TiB",
  "null",
  "[]",
  "{}",
  "[[[[[[[[[[]]]]]]]]]]",
  "{ __proto__: { type: malloc } }",
  "{ constructor: { prototype: { polluted: true } } }",
  "!!binary aGVsbG8=",
  "2020-01-01",
  "*nobody",
  '"\\u202e\\ud83d\\ude00"',
  `"\${file:/etc/shadow}"`,
  `"\${env:\${env:PATH}}"`,
  '"%s%n"'
]

/** In place of a key. */
const keys = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "<<", '"\\u0000"', '""']

/** One line changed, doubled, moved to another depth, or gone. */
const changed = (random: Random, line: string): string => {
  switch (random.below(6)) {
    case 0:
      return line.replace(/:\s.*$/, `: ${random.pick(["null", ...values])}`)
    case 1:
      return line.replace(/[\w-]+:/, `${random.pick(["__proto__", ...keys])}:`)
    case 2:
      return `${line}\n${line}`
    case 3:
      return ` ${line}`
    case 4:
      return ""
    default:
      return line.replace(/: ([^,{}]+)/, () => `: ${random.pick(["null", ...values])}`)
  }
}

describe("a file with something strange in it", () => {
  it.each(["examples/everything.yaml", "example.yaml", "examples/hosts.yaml"])("%s", (name) => {
    const lines = read(name).split("\n")
    const random = makeRandom(20_261_123)
    let refused = 0
    for (let round = 0; round < 100; round++) {
      const text = lines.map((line) => (random.chance(0.02) ? changed(random, line) : line)).join("\n")
      const problems = problemsOf(text, files)
      if (problems.length > 0) refused++
      for (const problem of problems) {
        assert.match(problem, /^f\.yaml/u)
        assert.isBelow(problem.length, 4000)
      }
    }
    assert.isAbove(refused, 10)
    assert.notProperty({}, "polluted")
    assert.notProperty({}, "type")
  })
})
