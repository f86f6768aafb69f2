/** Configurations of several files, and texts from files and the environment. */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { configFiles } from "../../src/cli/config/config-files.ts"
import { ConfigRefused } from "../../src/config/ConfigRefused.ts"
import type { ConfigFiles } from "../../src/config/native/ConfigFiles.ts"
import { type NativeFile, readNativeFile } from "../../src/config/native/NativeFile.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"
import { problemsIn } from "./support.ts"

let directory = ""
beforeEach(() => {
  directory = makeDirectory("includes")
})
afterEach(() => removeDirectory(directory))

const write = (name: string, text: string, mode = 0o600): void => {
  mkdirSync(dirname(join(directory, name)), { recursive: true })
  writeFileSync(join(directory, name), text, { mode })
}

const variables: ReadonlyMap<string, string> = new Map([
  ["SECRET", "abcdefghijkl"],
  ["WILD", `\${env:SECRET}`],
  ["EMPTY", ""]
])
const files: ConfigFiles = { ...configFiles, environment: (name) => variables.get(name) }

const read = (name = "main.yaml") => {
  const path = join(directory, name)
  return Effect.flatMap(Effect.orDie(files.read(path, 1_000_000)), (text) => readNativeFile(path, text, files))
}

const configOf = async (): Promise<NativeFile["config"]> => (await Effect.runPromise(read())).config

/** With the test's folder left out. */
const problems = async (): Promise<ReadonlyArray<string>> => {
  const outcome = await Effect.runPromise(Effect.result(read()))
  return outcome._tag === "Success" ? [] : outcome.failure.problems.map((text) => text.replaceAll(`${directory}/`, ""))
}

const disk = (name: string) => `bdevs: [{ type: malloc, name: ${name}, size: 1M }]\n`

describe("include", () => {
  it("brings in files and patterns, sorted, before what the file has itself", async () => {
    write("main.yaml", `include: [sub/first.yaml, "conf.d/*.yaml"]\n${disk("Z")}options: { maxSessions: 3 }\n`)
    write("sub/first.yaml", `include: [second.yaml]\n${disk("B")}`)
    write("sub/second.yaml", `${disk("A")}options: { maxQueueDepth: 9 }\n`)
    write("conf.d/20.yaml", disk("D"))
    write("conf.d/10.yaml", disk("C"))
    write("conf.d/.hidden.yaml", disk("H"))
    write("conf.d/30.yml", disk("Y"))
    const { bdevs, include, options } = await configOf()
    assert.deepStrictEqual(
      bdevs?.map((one) => ("name" in one ? one.name : "")),
      ["A", "B", "C", "D", "Z"]
    )
    assert.deepStrictEqual(options, { maxQueueDepth: 9, maxSessions: 3 })
    assert.isUndefined(include)
  })

  it("may match nothing, but a file that is named must be there", async () => {
    write("main.yaml", 'include: ["*.none", missing.yaml, "no/such/*.yaml", "*/a.yaml"]\n')
    assert.deepStrictEqual(await problems(), [
      "main.yaml:1:21 include[1]: missing.yaml does not exist",
      "main.yaml:1:35 include[2]: no/such/*.yaml does not exist",
      "main.yaml:1:53 include[3]: */a.yaml cannot be read: use * and ? in the last part only"
    ])
  })

  it("tells the mistakes of every file in its own lines", async () => {
    write("main.yaml", `include: [a.yaml]\n${disk("A")}targets: [{ name: t, maps: [], luns: [] }, { name: u }]\n`)
    write("a.yaml", "\nbdevz: []\n")
    assert.deepStrictEqual(await problems(), [
      'main.yaml:3:44 targets[1]: key "maps" is missing',
      'main.yaml:3:44 targets[1]: key "luns" is missing',
      'a.yaml:2:1 unknown key "bdevz", did you mean "bdevs"?'
    ])
    write("main.yaml", `include: [a.yaml]\n${disk("A")}`)
    assert.deepStrictEqual(await problems(), ['a.yaml:2:1 unknown key "bdevz", did you mean "bdevs"?'])
  })

  it("says where an option is set twice, and where a section of a list is", async () => {
    write("main.yaml", `include: [a.yaml]\noptions: { maxSessions: 3 }\n`)
    write("a.yaml", "\noptions: { maxSessions: 3 }\n")
    assert.deepStrictEqual(await problems(), ["main.yaml:2:25 options.maxSessions: is set twice; first at a.yaml:2:25"])
    write("a.yaml", "log: { slowIo: 1s }\n")
    write("main.yaml", "include: [a.yaml]\nlog: { slowIo: 2s }\n")
    assert.deepStrictEqual(await problems(), ["main.yaml:2:16 log.slowIo: is set twice; first at a.yaml:1:16"])
    write("main.yaml", `include: [a.yaml]\n${disk("A")}`)
    write("a.yaml", disk("B"))
    const file = await Effect.runPromise(read())
    assert.strictEqual(file.place(["bdevs", 0]), `${directory}/a.yaml:1:9`)
    assert.strictEqual(file.problem(["bdevs", 1, "name"], "x"), `${directory}/main.yaml:2:31 bdevs[0].name: x`)
  })

  it("refuses files that include themselves, chains and crowds", async () => {
    write("main.yaml", "include: [a.yaml]\n")
    write("a.yaml", "include: [main.yaml]\n")
    assert.deepStrictEqual(await problems(), [
      "a.yaml:1:11 include[0]: includes itself: main.yaml -> a.yaml -> main.yaml"
    ])
    for (let level = 0; level < 9; level++) write(`${level}.yaml`, `include: [${level + 1}.yaml]\n`)
    write("main.yaml", "include: [0.yaml]\n")
    assert.match(
      (await problems()).join(),
      /^6\.yaml:1:11 include\[0\]: 7\.yaml would be the 9th file in a chain; use 8$/
    )
    write("main.yaml", `include: [${"'x.yaml', ".repeat(300)}]\n`)
    write("x.yaml", "")
    assert.include((await problems())[0], "x.yaml is one of more than 256 files")
  })
})

describe("a reference", () => {
  const target = (alias: string) => `targets: [{ name: t, alias: ${alias}, maps: [], luns: [] }]\n`
  const aliasOf = async (alias: string) => {
    write("main.yaml", target(alias))
    return (await configOf()).targets?.[0]?.alias
  }

  it("is a variable, or a file without one newline at its end", async () => {
    write("sub/text", "from a file\n\n")
    assert.strictEqual(await aliasOf(`'\${env:SECRET}'`), "abcdefghijkl")
    assert.strictEqual(await aliasOf(`'a \${env:SECRET} b \${file:sub/text}'`), "a abcdefghijkl b from a file\n")
    assert.strictEqual(await aliasOf(`'\${file:${directory}/sub/text}'`), "from a file\n")
    assert.strictEqual(await aliasOf(`'<\${env:EMPTY}>'`), "<>")
  })

  it("is escaped by a second dollar sign, and is not looked for in what it brings in", async () => {
    assert.strictEqual(await aliasOf(`'$\${env:SECRET} $5 $'`), `\${env:SECRET} $5 $`)
    assert.strictEqual(await aliasOf(`'\${env:WILD}'`), `\${env:SECRET}`)
  })

  it("is resolved from the folder of the file that it is in", async () => {
    write("main.yaml", "include: [sub/a.yaml]\n")
    write("sub/a.yaml", target(`'\${file:text}'`))
    write("sub/text", "x\r\n")
    assert.strictEqual((await configOf()).targets?.[0]?.alias, "x")
  })

  it("that leads nowhere is told with its place; other values are not shown", async () => {
    write("main.yaml", target(`'\${env:NONE} \${file:none} \${what:x} \${env:} \${open'`))
    const at = "main.yaml:1:29 targets[0].alias:"
    assert.deepStrictEqual(await problems(), [
      `${at} the environment has no variable NONE; set it for the process that reads this file`,
      `${at} file none does not exist`,
      ...[`\${what:x}`, `\${env:}`, `\${open`].map(
        (text) => `${at} ${text} is no reference; use \${env:NAME} or \${file:PATH}, and $\${ for the text itself`
      )
    ])
    write("main.yaml", `bdevs: [{ type: malloc, name: M, size: '\${env:SECRET}' }]\n`)
    assert.match((await problems()).join(), /"\$\{env:SECRET\}" is no size/)
    write("big", "x".repeat(65_537))
    write("main.yaml", target(`'\${file:big}'`))
    assert.match((await problems()).join(), /file big cannot be read: it has more than 65536 bytes$/)
    write("main.yaml", target(`'\${file:.}'`))
    assert.match((await problems()).join(), /cannot be read: EISDIR/)
  })
})

describe("secrets in a file that others may read", () => {
  const secrets = (secret: string) => `authGroups: [{ name: a, secrets: [{ user: u, secret: ${secret} }] }]\n`

  it("are warned of, references are not", async () => {
    write("main.yaml", secrets("abcdefghijkl"), 0o644)
    const { warnings } = await Effect.runPromise(read())
    assert.deepStrictEqual(warnings, [
      `${directory}/main.yaml:1:54 authGroups[0].secrets[0].secret: the file has a secret in it and may be read by ` +
        `others; chmod 600 it, or use \${file:PATH}`
    ])
    for (const [text, mode] of [
      [secrets(`'\${env:SECRET}'`), 0o644],
      [secrets("abcdefghijkl"), 0o600]
    ] as const) {
      removeDirectory(directory)
      write("main.yaml", text, mode)
      assert.deepStrictEqual((await Effect.runPromise(read())).warnings, [])
    }
  })
})

describe("secrets of less than 96 bits", () => {
  it("are warned of at their places, also where the file only refers to them", async () => {
    write("short", "elevenbytes\n")
    write(
      "main.yaml",
      "authGroups: [{ name: a, secrets: [{ user: u, secret: twelve-bytes, mutualUser: t, " +
        `mutualSecret: '\${file:short}' }] }]\n`,
      0o600
    )
    const { warnings } = await Effect.runPromise(read())
    assert.lengthOf(warnings, 1)
    assert.match(warnings[0] ?? "", /main\.yaml:1:\d+ authGroups\[0\]\.secrets\[0\]\.mutualSecret: the secret has less/)
    assert.notInclude(warnings[0], "eleven")
  })
})

describe("a configuration that is no file", () => {
  it("refuses what asks for files", () => {
    assert.deepStrictEqual(problemsIn(readNativeFile("text", "include: [a]\n")), [
      "text:1:11 include[0]: a cannot be read here: this configuration is no file"
    ])
    assert.strictEqual(new ConfigRefused({ problems: ["a", "b"] }).message, "a\nb")
  })
})
