/** What `npm pack` makes: a tarball of the product alone, in one piece, that runs on a plain Node by itself. */
import { readdirSync, readFileSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { runCommand } from "./support/child-process.ts"
import { guideTargetName, mallocBytes, setUpGuide } from "./support/guide.ts"
import { clearUnitAttentions, readCapacity } from "./support/initiator/commands.ts"
import { Session } from "./support/initiator/Session.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory, startTarget } from "./support/target-process.ts"

const packMillis = 90_000

const run = async (command: string, args: ReadonlyArray<string>, directory: string): Promise<void> => {
  const result = await runCommand({ command, args, directory }, packMillis)
  assert.strictEqual(result.code, 0, `${command} ${args.join(" ")}: ${result.stdout}${result.stderr}`)
}

describe("the packed product", () => {
  const directory = makeDirectory("pack")
  const unpacked = join(directory, "package")

  beforeAll(async () => {
    await run("npm", ["pack", "--silent", "--pack-destination", directory], projectDirectory)
    const tarball = readdirSync(directory).find((name) => name.endsWith(".tgz"))
    await run("tar", ["-xzf", tarball ?? "no tarball", "-C", directory], directory)
    symlinkSync(join(projectDirectory, "node_modules"), join(unpacked, "node_modules"))
  }, packMillis)

  afterAll(() => removeDirectory(directory))

  it("holds the product, compiled, and nothing else", () => {
    const names = readdirSync(unpacked).filter((name) => name !== "node_modules")
    assert.sameMembers(names, ["LICENSE", "README.md", "bin", "deploy", "dist", "docs", "package.json"])
    const files = readdirSync(unpacked, { recursive: true, encoding: "utf8" }).filter(
      (name) => !/node_modules/.test(name)
    )
    assert.deepStrictEqual(
      files.filter((name) => /\.ts$/.test(name) && !/\.d\.ts$/.test(name)),
      []
    )
    assert.isTrue(files.some((name) => /^dist\/src\/.*\.js$/.test(name)))
    assert.isBelow(files.filter((name) => /^dist\/.*\.js$/.test(name)).length, 200, "files that a start has to load")
  })

  it("holds the licences of what is built into it", () => {
    const licences = readFileSync(join(unpacked, "dist/LICENSES.txt"), "utf8")
    for (const name of ["effect", "@effect/platform-node", "yaml"]) {
      assert.match(licences, new RegExp(`^${name} [\\d.]+ \\((MIT|ISC)\\)$`, "mu"))
    }
    assert.match(licences, /Copyright \(c\) .* Effectful Technologies Inc/)
  })

  it.each(["main", "worker"])("serves SPDK's guide, and exports it as YAML, reactor: %s", async (reactor) => {
    const port = await freePort()
    const program = join(unpacked, "bin/lunlog.js")
    await using target = await startTarget({
      program,
      stateMode: "empty",
      args: ["--reactor", reactor, "--console", "0"]
    })
    const [, console = ""] = /^web console: (\S+)#/mu.exec(target.stdout()) ?? []
    assert.include(await (await fetch(console)).text(), 'src="console.js"')
    assert.strictEqual((await fetch(`${console}console.js`)).status, 200)
    await setUpGuide(target.rpc, port)
    const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: guideTargetName })
    await clearUnitAttentions(session, 0)
    assert.deepStrictEqual(await readCapacity(session, 0), { blocks: mallocBytes / 512, blockBytes: 512 })
    session.drop()
    const exported = await runCommand(
      { command: process.execPath, args: [program, "export", "-r", target.socketPath] },
      packMillis
    )
    assert.include(exported.stdout, "Malloc1", exported.stderr)
    assert.deepStrictEqual(await target.stop(), { code: 0, signal: null }, target.stderr())
  })
})
