/** Completion: the script in a real bash, and a root that it is complete with. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Completions } from "effect/cli"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { rootCommand } from "../../src/cli/lunlog-command.ts"
import { methodForms } from "../../src/cli/rpc/arguments/method-forms.ts"
import { runCommand } from "../support/child-process.ts"
import { makeDirectory, projectDirectory, removeDirectory } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"
import { binOf } from "./support.ts"

const directory = makeDirectory("completion")
const script = join(directory, "lunlog.bash")

/** Prints what bash would offer behind each line, as the key for completion does. */
const driver = `
. "$0"
while IFS= read -r line; do
  COMP_LINE="$line" COMP_POINT=\${#line}
  read -ra COMP_WORDS <<<"$line"
  [[ "$line" == *" " ]] && COMP_WORDS+=("")
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  _lunlog_with_names lunlog "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
  echo "\${COMPREPLY[*]}"
done < "$1"
`

afterAll(() => removeDirectory(directory))

const completed = async (...lines: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const input = join(directory, "lines")
  writeFileSync(input, lines.map((line) => `${line}\n`).join(""))
  const args = ["--norc", "-c", driver, script, input]
  const result = await runCommand({ command: "bash", args, directory: projectDirectory }, 20_000)
  assert.strictEqual(result.stderr, "")
  return result.stdout.split("\n").slice(0, -1)
}

describe("completion of bash", () => {
  beforeAll(async () => {
    const { failure, stdout } = await lunlogHere("completion", "bash")
    assert.isUndefined(failure)
    writeFileSync(script, stdout)
  })

  it("leaves to bash what it does not know, such as files", async () => {
    const args = ["--norc", "-c", '. "$0"; complete -p lunlog', script]
    const { stdout } = await runCommand({ command: "bash", args, directory: projectDirectory }, 20_000)
    assert.match(stdout, /^complete (?=.*-o default ).*-F _lunlog_with_names lunlog$/m)
  })

  it("offers commands, verbs, RPC methods, options and their values", async () => {
    const answers = await completed(
      "lunlog lu",
      "lunlog lun ",
      "lunlog bdev create ",
      "lunlog serve --reac",
      "lunlog serve --reactor ",
      "lunlog rpc bdev_malloc_",
      "lunlog rpc -s /tmp/x iscsi_create_po",
      "lunlog rpc bdev_get_iostat --res",
      "lunlog rpc bdev_get_iostat --reset-mode m",
      "lunlog rpc log_set_print_level D",
      "lunlog rpc bdev_enable_histogram Malloc0 --no-h",
      `lunlog rpc load_config -j ${directory}/lunlog.ba`,
      "lunlog completion "
    )
    assert.deepStrictEqual(answers, [
      "lun",
      "list add remove",
      "malloc null aio nbd delay error passthru overlay",
      "--reactor",
      "main worker",
      "bdev_malloc_create bdev_malloc_delete",
      "iscsi_create_portal_group",
      "--reset-mode",
      "maxmin",
      "DEBUG",
      "--no-histogram",
      script,
      "bash zsh fish"
    ])
  })

  it("knows every command and every method", async () => {
    const { subcommands } = Completions.fromCommand(rootCommand(assert.fail))
    const [commands = "", methods = ""] = await completed("lunlog ", "lunlog rpc ")
    assert.deepStrictEqual(commands.split(" "), [...new Set(subcommands.map(({ name }) => name))])
    const offered = new Set(methods.split(" "))
    assert.deepStrictEqual(
      methodForms.filter(({ method }) => !offered.has(method)),
      []
    )
  })
})

describe("completion of names", () => {
  it("asks the target for what it has, and offers nothing where none runs", async () => {
    const { failure, stdout } = await lunlogHere("completion", "bash")
    assert.isUndefined(failure)
    // In place of the program: what it would answer.
    const program = 'lunlog() { case "$1 $2 $3" in "target list --names") echo iqn.2016-06.io.spdk:disk1 ;; '
    writeFileSync(script, `${stdout}\n${program} "bdev list --names") printf "Malloc0\\nMalloc1\\n" ;; esac; }\n`)
    const answers = await completed(
      "lunlog target show ",
      "lunlog lun add di",
      "lunlog lun add disk1 ",
      "lunlog bdev delete M",
      "lunlog rpc bdev_malloc_delete Malloc1",
      "lunlog rpc bdev_malloc_create ",
      "lunlog target create ",
      "lunlog portal remove ",
      "lunlog log why ",
      "lunlog log tail --object M"
    )
    const disks = "Malloc0 Malloc1"
    assert.deepStrictEqual(answers, ["disk1", "disk1", disks, disks, "Malloc1", "", "", "", `disk1 ${disks}`, disks])
  })
})

describe("the script", () => {
  it("is there for zsh and fish too, with all methods, in a size that a shell can read at its start", async () => {
    for (const [shell, begin] of [
      ["zsh", "#compdef lunlog\n"],
      ["fish", "###-begin-lunlog-completions-###\n"]
    ] as const) {
      const { stdout } = await lunlogHere("completion", shell)
      assert.isTrue(stdout.startsWith(begin), stdout.slice(0, 100))
      for (const { method } of methodForms) assert.include(stdout, method)
      assert.isBelow(stdout.length, 300_000)
    }
    assert.strictEqual((await lunlogHere("completion", "tcsh")).failure, "wrong usage")
  })

  it("arrives whole at a slow reader", async () => {
    const { stdout } = await lunlogHere("completion", "bash")
    const line = `'${process.execPath}' '${binOf("lunlog")}' completion bash | (sleep 0.5; cat)`
    const result = await runCommand({ command: "sh", args: ["-c", line], directory: projectDirectory }, 20_000)
    assert.strictEqual(result.stdout, stdout)
  })
})
