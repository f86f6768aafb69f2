/** rpc.py's command lines and the parameters that they mean (SPDK 26.05). */
import { Context, Effect, Exit, Result } from "effect"
import { assert, describe, it } from "vitest"
import { findMethodForm, likeliestMethod, methodForms } from "../../src/cli/rpc/arguments/method-forms.ts"
import { methodUsage, usageLine } from "../../src/cli/rpc/arguments/method-usage.ts"
import { readArguments } from "../../src/cli/rpc/arguments/parse-arguments.ts"
import { readRpcOptions } from "../../src/cli/rpc/rpc-options.ts"
import { shellWords } from "../../src/cli/rpc/shell-words.ts"
import { closest } from "../../src/config/native/closest.ts"
import { JsonNumber, JsonObject } from "../../src/rpc/json-value.ts"
import { allMethods, type RpcServices } from "../../src/rpc/methods/all-methods.ts"
import type { RpcMethod } from "../../src/rpc/RpcMethod.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"
import { bdevLines, iscsiLines, otherLines } from "./rpc-lines.ts"

const words = (line: string): ReadonlyArray<string> => Result.getOrThrow(shellWords(line))

const formOf = (method: string) => {
  const form = findMethodForm(method)
  assert(form !== undefined, `${method} has no command line`)
  return form
}

/** Parameters, "help", or the mistake. */
const read = (line: string): unknown => {
  const [method = "", ...args] = words(line)
  const result = readArguments(formOf(method), args)
  if (Result.isFailure(result)) return result.failure
  return result.success._tag === "Help" ? "help" : result.success.params
}

describe("rpc.py's arguments", () => {
  it.each([...iscsiLines, ...bdevLines, ...otherLines])("%s", (line, params) => {
    assert.deepStrictEqual(read(line), params)
  })

  it.each([
    ["iscsi_create_portal_group", "TAG".toLowerCase(), /TAG: a whole number is expected/],
    ["iscsi_create_portal_group", "1 127.0.0.1", /^"HOST:PORT \.\.\.": "127\.0\.0\.1" in it: HOST:PORT is expected/],
    ["iscsi_create_portal_group", "1", /^"HOST:PORT \.\.\." is missing \(addresses to listen on/],
    [
      "iscsi_create_portal_group",
      "1 a:1 b:1",
      /unexpected argument "b:1": .* takes at most 2 arguments; lists need quotes/
    ],
    ["iscsi_create_target_node", "d a Malloc0 1:2 64", /"Malloc0" in it: BDEV:LUN is expected/],
    ["iscsi_create_target_node", "d a Malloc0:0 1 64", /"1" in it: PORTAL_GROUP:INITIATOR_GROUP is expected/],
    ["iscsi_get_options", "now", /unexpected argument "now": iscsi_get_options takes no argument/],
    ["bdev_malloc_create", "64 512 --nam x", /unknown option --nam; did you mean --name\?/],
    ["bdev_malloc_create", "64 512 -Q", /unknown option -Q/],
    ["bdev_malloc_create", "64 512 -b", /-b needs a value \(NAME\)/],
    ["bdev_malloc_create", "lots 512", /TOTAL_SIZE: a size in MiB is expected/],
    ["bdev_malloc_create", "64 0", /BLOCK_SIZE: a number of bytes above 0/],
    ["bdev_delay_create", "-b A -d B -r 1 -t 2 -w 3", /-n\/--nine-nine-write-latency MICROSECONDS is missing/],
    ["bdev_delay_update_latency", "D fast 1", /avg_read\|p99_read.*: one of avg_read, p99_read/],
    ["bdev_enable_histogram", "A", /--histogram or --no-histogram is missing/],
    ["bdev_enable_histogram", "A --histogram -d", /--histogram and --disable exclude each other/],
    ["trace_set_tpoint_mask", "scsi xyz", /TPOINT_MASK: a hexadecimal number is expected/]
  ])("%s %s is refused by name", (method, args, expected) => {
    assert.match(String(read(`${method} ${args}`)), expected)
  })

  it("never repeat a secret that is in the wrong form", () => {
    const message = String(read('iscsi_create_auth_group 1 -c "user:a secret=hunter2secret"'))
    assert.match(message, /entry 1 is not/)
    assert.notInclude(message, "hunter2")
  })
})

/** What a method says to a parameter that no method has: those that it takes. */
const parametersOf = async (method: RpcMethod<RpcServices>): Promise<ReadonlyArray<string> | undefined> => {
  const cause = { source: "cli", actor: "test" } as const
  const call = { method: method.name, caller: { ...cause }, cause, listMethods: () => [] }
  const run = method.run(new JsonObject([["no_such_parameter", new JsonNumber("1")]]), call)
  // Parameters are read before anything is asked of a service, so that a method that gets this far has none.
  const exit = await Effect.runPromiseExit(Effect.provideContext(run, Context.empty() as Context.Context<RpcServices>))
  const failure = Exit.isFailure(exit) ? exit.cause.reasons.find(({ _tag }) => _tag === "Fail") : undefined
  const error = failure?._tag === "Fail" ? failure.error : undefined
  return error?.data.allowed?.split(", ").map((name) => name.replace(" (optional)", ""))
}

describe("the table of methods", () => {
  it("has every method with its old names, and no other", () => {
    const sorted = (rows: ReadonlyArray<readonly [string, ReadonlyArray<string>]>) =>
      rows.map(([name, aliases]) => [name, ...[...aliases].sort()].join(" ")).sort()
    assert.deepStrictEqual(
      sorted(methodForms.map(({ aliases, method }) => [method, aliases])),
      sorted(allMethods.map(({ aliases, name }) => [name, aliases]))
    )
  })

  it("has exactly the parameters that each method takes", async () => {
    let compared = 0
    for (const method of allMethods) {
      const allowed = await parametersOf(method)
      // Without parameters, or one of the settings without effect, which take what they do not know.
      if (allowed === undefined) continue
      const { options, positionals } = formOf(method.name)
      const params = new Set(
        [...positionals, ...options].map(({ param }) => (param === "total_size" ? "num_blocks" : param))
      )
      assert.deepStrictEqual([...params].sort(), [...allowed].sort(), method.name)
      compared++
    }
    assert.isAbove(compared, 80)
  })

  it("names each method and option once, and explains all of them", () => {
    const names = methodForms.flatMap(({ aliases, method }) => [method, ...aliases])
    assert.strictEqual(new Set(names).size, names.length)
    for (const form of methodForms) {
      const options = form.options.flatMap(({ long, short }) => [
        `--${long}`,
        ...(short === undefined ? [] : [`-${short}`])
      ])
      assert.strictEqual(new Set(options).size, options.length, form.method)
      const texts = [form.help, ...form.positionals.map(({ help }) => help), ...form.options.map(({ help }) => help)]
      assert.isTrue(
        texts.every((text) => text !== ""),
        form.method
      )
    }
  })

  it("has examples that can be read, and help on one page", () => {
    for (const form of methodForms) {
      const example = read(`${form.method} ${form.example?.replace(/^> .*/, "") ?? ""}`)
      assert.notTypeOf(example, "string", `${form.method}: ${String(example)}`)
      assert.strictEqual(read(`${form.method} --help`), "help")
      assert.include(methodUsage(form), `lunlog rpc ${form.method}`)
    }
  })

  it("shows what an argument is for", () => {
    const form = formOf("iscsi_create_portal_group")
    assert.strictEqual(usageLine(form), 'usage: lunlog rpc iscsi_create_portal_group TAG "HOST:PORT ..." [-p] [-w]')
    assert.match(methodUsage(form), /\n {2}-p, --\[no-\]private +not shown in discovery; .*\n/)
    assert.match(methodUsage(form), /\nOld name: add_portal_group\n/)
  })

  it("knows what was meant", () => {
    assert.strictEqual(likeliestMethod("bdev_malloc_creat"), "bdev_malloc_create")
    assert.strictEqual(likeliestMethod("iscsi_get_target_node"), "iscsi_get_target_nodes")
    assert.isUndefined(likeliestMethod("frobnicate_everything"))
    assert.strictEqual(closest("lnu", ["lun", "target"]), "lun")
  })
})

describe("options of lunlog rpc", () => {
  const options = (...args: ReadonlyArray<string>) =>
    Result.getOrThrow(readRpcOptions(args, (method) => new Set(method === "eventlog_read" ? ["timeout"] : [])))

  it("are rpc.py's before the method, and the long ones behind it too", () => {
    const read = options("-s", "/a", "-r", "20", "-t", "1.5", "-v", "bdev_get_bdevs", "-b", "x", "--json", "-s", "y")
    assert.deepStrictEqual(read.words, ["bdev_get_bdevs", "-b", "x", "-s", "y"])
    const { json, retries, socket, timeoutMillis, verbose } = read.options
    assert.deepStrictEqual([json, retries, socket, timeoutMillis, verbose], [true, 20, "/a", 1500, true])
  })

  it("take -r for the socket unless it is a number", () => {
    assert.strictEqual(options("-r", "/b", "m").options.socket, "/b")
    assert.strictEqual(options("-r", "/b", "m").options.retries, 0)
  })

  it("leave a method its own option", () => {
    assert.deepStrictEqual(options("eventlog_read", "--timeout", "5").words, ["eventlog_read", "--timeout", "5"])
    assert.strictEqual(options("bdev_get_bdevs", "--timeout", "5").options.timeoutMillis, 5000)
  })

  it("may follow JSON", () => {
    const read = options("m", '{"a":1}', "-r", "/c", "--timeout=2m")
    assert.deepStrictEqual(
      [read.words, read.options.socket, read.options.timeoutMillis],
      [["m", '{"a":1}'], "/c", 120_000]
    )
  })

  it("are refused with what is allowed", () => {
    const wrong = readRpcOptions(["--timeout", "soon", "m"], () => new Set())
    assert.match(Result.isFailure(wrong) ? wrong.failure : "", /"soon" is no duration; write 60 \(seconds\)/)
    const tcp = readRpcOptions(["-s", "127.0.0.1", "m"], () => new Set())
    assert.match(Result.isFailure(tcp) ? tcp.failure : "", /there is no TCP; give the path of a UNIX socket/)
  })
})

describe("words of a line", () => {
  it.each([
    ['a "b c" d', ["a", "b c", "d"]],
    ["a 'b \"c' d\\ e", ["a", 'b "c', "d e"]],
    ['x"y"z ""', ["xyz", ""]],
    ['"a\\"b\\\\c\\d"', ['a"b\\c\\d']],
    ["  ", []]
  ])("%s", (line, expected) => {
    assert.deepStrictEqual(words(line), expected)
  })

  it("come back from any quoting", () => {
    const random = makeRandom(runSeed(7))
    const letters = ["a", "é", " ", "\t", "'", '"', "\\", "$", "`", "-", "#", "日"] as const
    const quotings: ReadonlyArray<(word: string) => string> = [
      (word) => `'${word.replaceAll("'", "'\\''")}'`,
      (word) => `"${word.replace(/["\\$`]/g, "\\$&")}"`,
      (word) => (word === "" ? "''" : word.replace(/[^a-zé日]/gu, "\\$&"))
    ]
    for (let round = 0; round < 500; round++) {
      const wanted = Array.from({ length: random.between(0, 4) }, () =>
        Array.from({ length: random.between(0, 6) }, () => random.pick(letters)).join("")
      )
      const quoted = wanted.map((word) => quotings[random.below(quotings.length)]?.(word))
      assert.deepStrictEqual(words(quoted.join(random.pick([" ", "  ", "\t"]))), wanted)
    }
  })

  it("of noise are words or a mistake, for every method, and never more", () => {
    const random = makeRandom(runSeed(11))
    const pieces = [
      "-",
      "--",
      "-b",
      "--name",
      "=",
      "1",
      "-1",
      "Malloc0:0",
      '"',
      "a b",
      ":",
      "x=y",
      "[::1]:1",
      "9".repeat(25)
    ]
    for (const form of methodForms) {
      for (let round = 0; round < 20; round++) {
        const args = Array.from({ length: random.between(0, 6) }, () => pieces[random.below(pieces.length)] ?? "")
        const result = readArguments(form, args)
        if (Result.isFailure(result)) assert.isBelow(result.failure.length, 1000)
      }
    }
  })

  it.each(['"a', "'a", "a\\"])("%s does not end", (line) => {
    assert.isTrue(Result.isFailure(shellWords(line)))
  })
})
