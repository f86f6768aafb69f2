/** What `npm pack` makes: a tarball of the product alone, compiled, that runs on a plain Node without the checkout. */
import { readdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { runCommand } from "./support/child-process.ts"
import { setUpGuide } from "./support/guide.ts"
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

  it("holds the compiled product and nothing else", () => {
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
    assert.isTrue(files.some((name) => /^dist\/eventlog\/.*\.js$/.test(name)))
  })

  it("serves SPDK's guide", async () => {
    await using target = await startTarget({ program: join(unpacked, "bin/lunlog.js"), stateMode: "empty" })
    await setUpGuide(target.rpc, await freePort())
    assert.deepStrictEqual(await target.stop(), { code: 0, signal: null }, target.stderr())
  })
})
