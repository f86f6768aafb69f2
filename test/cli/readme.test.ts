/**
 * The session of the README, command by command, against a target of its own: what is printed must be what the README
 * shows, save times, ids and the port.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, it } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory } from "../support/target-process.ts"
import { serveProgram } from "./support.ts"

interface Step {
  readonly command: string
  readonly output: string
}

const steps = (): ReadonlyArray<Step> => {
  const readme = readFileSync(join(projectDirectory, "README.md"), "utf8")
  const session = /<!-- session:.*-->\n```console\n([\s\S]*?)```/.exec(readme)?.[1] ?? ""
  return session.split(/^\$ /m).flatMap((text) => {
    const end = text.indexOf("\n")
    return end < 0 ? [] : [{ command: text.slice(0, end), output: text.slice(end + 1).trim() }]
  })
}

const changing: ReadonlyArray<readonly [pattern: RegExp, name: string]> = [
  // What memory there is, and what of it is in use, is another on each machine.
  [/^memory: .*$/gmu, "memory: WHO HAS WHAT"],
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{3}Z?/g, "TIME"],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UUID"],
  [/[0-9a-f]{64}/g, "HASH"],
  [/process \d+/g, "process PID"],
  // How many records lie in between depends on what else was worth an observation.
  [/^ *\d+ {2}TIME/gm, "SEQ TIME"],
  [/ after [\d.]+ m?s/g, ""],
  [/\(cli \S+ /g, "(cli USER "],
  [/\d+ observations, up to record \d+/g, "N observations, up to record SEQ"],
  // The width of a column depends on the port.
  [/(?<=\S) +/g, " "],
  [/ +$/gm, ""]
]

const steady = (text: string, port: number): string =>
  changing
    .reduce((result, [pattern, name]) => result.replace(pattern, name), text)
    .replaceAll(`:${port}`, ":3260")
    .trim()

const example = "docs/example.yaml"

/** The example that the README applies, with the port of this test. */
const writeExample = (directory: string, port: number): string => {
  const path = join(directory, "example.yaml")
  writeFileSync(path, readFileSync(join(projectDirectory, example), "utf8").replaceAll(":3260", `:${port}`))
  return path
}

describeWithTools(["iscsi-ls"], "the README's session", () => {
  it("goes as it says", { timeout: 120_000 }, async () => {
    const directory = makeDirectory("readme")
    const socket = join(directory, "rpc")
    const port = await freePort()
    const args = ["demo", "--no-console", "--port", String(port), "--state", join(directory, "state"), "-r", socket]
    try {
      await using served = await serveProgram("lunlog", args, socket)
      await served.rpc.call("framework_wait_init")
      const session = steps()
      const copy = writeExample(directory, port)
      assert.isAbove(session.length, 5)
      for (const { command, output } of session) {
        const { stdout } = await runCommand(
          {
            command: "bash",
            args: ["-c", `exec 2>&1; ${command}`.replaceAll(":3260", `:${port}`).replaceAll(example, copy)],
            directory: projectDirectory,
            environment: { LUNLOG_SOCKET: socket, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` }
          },
          40_000
        )
        assert.strictEqual(steady(stdout.replaceAll(copy, example), port), steady(output, 3260), `$ ${command}`)
      }
    } finally {
      removeDirectory(directory)
    }
  })
})
