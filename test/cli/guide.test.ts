/**
 * docs/guide on the target's side: every file is written, every `$` command run, in the order of the chapters, and what
 * is printed must be what the pages show. `test/long/guide-initiator.test.ts` runs the initiator's part too.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Result } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { shellWords } from "../../src/cli/rpc/shell-words.ts"
import { guidePages, isAsShown } from "../support/guide-pages.ts"
import { type GuidePlayer, startGuidePlayer } from "../support/guide-player.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { projectDirectory } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"

const pages = guidePages()

/** Commands of `lunlog` alone need no process of their own; but these write to stdout past the console. */
const simplePattern = /^lunlog (?!--version|convert|export)[^|<>;&$`*?~]*$/u

const runHere = async (command: string): Promise<string> => {
  const words = Result.getOrThrowWith(shellWords(command), (why) => new Error(`${why}: ${command}`))
  const { failure, stderr, stdout } = await lunlogHere(...words.slice(1))
  // An exit code alone has no text.
  return `${stdout}${stderr}${failure === undefined || failure === "" ? "" : `lunlog: ${failure}\n`}`
}

describe("docs/guide", () => {
  const folder = join(projectDirectory, "docs/guide")

  it("has only blocks that are played, and drawings", () => {
    for (const { name, text } of pages) {
      const opened = [...text.matchAll(/^```(?=\w)(.*)$/gmu)].map(([, info]) => info ?? "")
      const others = opened.filter((info) => !/^(console|text|(yaml|ini) \S+)$/u.test(info))
      assert.deepStrictEqual(others, [], name)
    }
  })

  it("is compared line by line, save for lines that are left out", () => {
    assert.isTrue(isAsShown("one  two\nthree\n", "one two\nthree"))
    assert.isTrue(isAsShown("one\ntwo\nthree", "one\n...\nthree"))
    assert.isFalse(isAsShown("one\ntwo\nthree", "one\n...\nfour"))
    assert.isFalse(isAsShown("one\ntwo", "one"))
    assert.isFalse(isAsShown("one", ""))
  })

  it("has commands of both sides in all chapters that need them", () => {
    const kinds = new Map<string, number>()
    for (const { kind } of pages.flatMap(({ steps }) => steps)) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    assert.isAbove(kinds.get("target") ?? 0, 45)
    assert.isAbove(kinds.get("initiator") ?? 0, 25)
    assert.deepStrictEqual(
      pages.filter(({ steps }) => steps.length === 0).map(({ name }) => name),
      []
    )
  })

  it("has an index of all chapters, and links that lead somewhere", () => {
    const index = readFileSync(join(folder, "README.md"), "utf8")
    assert.deepStrictEqual(
      pages.map(({ name }) => name).filter((name) => !index.includes(`](${name})`)),
      []
    )
    for (const name of readdirSync(folder)) {
      const links = [...readFileSync(join(folder, name), "utf8").matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/gu)]
      for (const [, link = ""] of links) assert.isTrue(existsSync(join(dirname(join(folder, name)), link)), link)
    }
  })
})

describeWithTools(["iscsi-ls"], "the target's commands of docs/guide", () => {
  let player: GuidePlayer
  const before = { directory: process.cwd(), socket: process.env["LUNLOG_SOCKET"] }

  beforeAll(async () => {
    player = await startGuidePlayer()
    process.chdir(player.directory)
    process.env["LUNLOG_SOCKET"] = player.socketPath
  })

  afterAll(async () => {
    process.chdir(before.directory)
    if (before.socket === undefined) delete process.env["LUNLOG_SOCKET"]
    else process.env["LUNLOG_SOCKET"] = before.socket
    await player[Symbol.asyncDispose]()
  })

  // Each goes on from what the one before has left.
  for (const { name, steps } of pages) {
    it(name, async () => {
      for (const step of steps) {
        if (step.kind === "file" && !step.path.startsWith("/")) player.write(step.path, step.text)
        // Sessions are those of the initiator, which is not here.
        if (step.kind !== "target" || step.command.startsWith("lunlog session")) continue
        if (player.serves(step.command)) {
          await player.start(step.command)
          continue
        }
        const command = player.here(step.command)
        const printed = await (simplePattern.test(command) ? runHere(command) : player.run(step.command))
        const inGuide = player.asInGuide(printed)
        if (!isAsShown(inGuide, step.output)) assert.strictEqual(inGuide, step.output, `$ ${step.command}`)
      }
    })
  }
})
