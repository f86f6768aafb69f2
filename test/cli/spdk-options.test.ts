/** Options as getopt_long reads them, and the small texts of the command line. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { durationMillisMax, parseDuration } from "../../src/cli/duration.ts"
import { recordLine } from "../../src/cli/log/record-line.ts"
import { printPretty } from "../../src/cli/print-json.ts"
import { printable, printableLines } from "../../src/cli/printable.ts"
import { runIscsiTgt } from "../../src/cli/serve/iscsi-tgt.ts"
import { type OptionSpec, parseOptions } from "../../src/cli/serve/spdk-options.ts"
import { byteText, table } from "../../src/cli/table.ts"

const specs: ReadonlyArray<OptionSpec> = [
  { long: "cpumask", short: "m", value: "MASK", help: undefined },
  { long: "no-pci", short: "u", value: undefined, help: undefined },
  { long: "limit-coredump", short: "d", value: undefined, help: undefined },
  { long: "wait-for-rpc", short: undefined, value: undefined, help: undefined }
]

const read = (...args: ReadonlyArray<string>): string => {
  const parsed = parseOptions(args, specs)
  if (parsed._tag === "Refused") return parsed.reason
  return [...parsed.options.given].map((name) => `${name}=${parsed.options.values.get(name) ?? "yes"}`).join(" ")
}

describe("SPDK's options", () => {
  it.each([
    [["-m", "0x1"], "cpumask=0x1"],
    [["-m0x1"], "cpumask=0x1"],
    [["--cpumask", "[0,1]"], "cpumask=[0,1]"],
    [["--cpumask=[0,1]"], "cpumask=[0,1]"],
    [["-um0x3", "-d"], "no-pci=yes cpumask=0x3 limit-coredump=yes"],
    [["-m", "1", "-m", "2"], "cpumask=2"],
    [["-m", "-1"], "cpumask=-1"],
    [["--wait-for-rpc"], "wait-for-rpc=yes"],
    [[], ""]
  ])("%j are %s", (args, expected) => {
    assert.strictEqual(read(...args), expected)
  })

  it.each([
    [["--wait"], "unknown option --wait; did you mean --wait-for-rpc?"],
    [["-x"], "unknown option -x"],
    [["-m"], "-m needs a value (MASK)"],
    [["--wait-for-rpc=1"], "--wait-for-rpc takes no value"],
    [["file"], 'unexpected argument "file"'],
    [["--"], 'unexpected argument "--"']
  ])("%j are refused: %s", (args, expected) => {
    assert.strictEqual(read(...args), expected)
  })
})

describe("a duration", () => {
  it.each([
    ["500ms", 500],
    ["40s", 40_000],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["60m", durationMillisMax],
    ["1h", durationMillisMax]
  ])("%s is %d ms", (text, millis) => {
    assert.strictEqual(parseDuration(text), millis)
  })

  it.each(["", "0s", "40", "-1s", "61m", "2h", "s"])("%j is none", (text) => {
    assert.isUndefined(parseDuration(text))
  })
})

describe("output", () => {
  it("keeps integers of any size", () => {
    const value = { a: 2n ** 64n, b: [], c: { d: ["x", null] } }
    assert.strictEqual(
      printPretty(value),
      '{\n  "a": 18446744073709551616,\n  "b": [],\n  "c": {\n    "d": [\n      "x",\n      null\n    ]\n  }\n}'
    )
  })

  it("aligns columns by what a terminal shows", () => {
    assert.strictEqual(
      table(
        ["A", "B"],
        [
          ["日本", "x"],
          ["a", ""]
        ]
      ),
      "A     B\n日本  x\na"
    )
  })

  it("says bytes in the unit that fits", () => {
    assert.deepStrictEqual([0, 512, 2 ** 26, 1.5 * 2 ** 40].map(byteText), ["0 B", "512 B", "64 MiB", "1.5 TiB"])
  })

  it("lets no name play with the terminal", () => {
    assert.strictEqual(printable("a\u001b[31mb\u202ec\nd"), "a?[31mb?c?d")
    assert.strictEqual(printableLines("a\u001b[31mb\u202ec\nd\u009be\r"), "a?[31mb?c\nd?e?")
    const json = printPretty({ "\u009bx": "\u202e\u{e0001}ü" })
    assert.strictEqual(json, '{\n  "\\u009bx": "\\u202e\\udb40\\udc01ü"\n}')
    assert.deepStrictEqual(JSON.parse(json), { "\u009bx": "\u202e\u{e0001}ü" })
    const record = {
      seq: 7,
      at: 1_700_000_000_123_456,
      kind: "observation",
      type: "SessionOpened",
      v: 1,
      cause: { source: "initiator", actor: "10.0.0.1\u001b" },
      payload: { nested: { a: 1 }, name: "x\u001b[2J" }
    }
    const [line, fields] = recordLine({ ...record, text: "x\u001b[2J" }, { colours: false, fields: true }).split("\n")
    assert.strictEqual(line, "    7  2023-11-14 22:13:20.123Z  x?[2J  (initiator 10.0.0.1?)")
    assert.strictEqual(fields?.trim(), "SessionOpened v1 nested={a=1} name=x?[2J")
  })
})

describe("the command line of iscsi_tgt", () => {
  const taken =
    "-c f --json f --json-ignore-init-errors -m 0xF --cpumask [0,1] --lcores 0@1 -p 0 --main-core 0 " +
    "--master-core 0 -s 1024 --mem-size 1G -r /tmp/x --rpc-socket /tmp/x --no-rpc-server --wait-for-rpc " +
    "--rpcs-allowed a,b -u --no-pci -A 0:1 --pci-allowed 0:1 -B 0:1 --pci-blocked 0:1 -W 0:1 " +
    "--pci-whitelist 0:1 --pci-blacklist 0:1 --no-huge -i 1 --shm-id 1 -e bdev:0x1 --tpoint-group all " +
    "--num-trace-entries 1 -L all --logflag bdev --silence-noticelog -d --limit-coredump -g " +
    "--single-file-segments -n 1 --mem-channels 1 -R --huge-unlink --huge-dir /x --iova-mode va " +
    "--base-virtaddr 0x1 --env-context x --vfio-vf-token x --enforce-numa --interrupt-mode " +
    "--msg-mempool-size 1 --disable-cpumask-locks"

  const run = (args: string) => {
    const noServer = () => Promise.reject(new Error("nothing is served here"))
    return Effect.runPromise(Effect.flip(runIscsiTgt(args.split(" "), noServer)))
  }

  it("takes every option of SPDK 26.05, and those of old versions", async () => {
    // The refusal of -b comes after the reading of all options.
    assert.match((await run(`${taken} -b`)).message, /^-b: lunlog stays in the foreground/)
  })

  it("refuses what lunlog serve refuses, by the option that was written", async () => {
    assert.match((await run("-s 1")).message, /^-s \(--mem-size\) 1: write MiB .*32M at least$/)
    assert.match((await run("--max-connections 65536")).message, /^--max-connections 65536: .* of 1 to 65535$/)
    assert.match((await run("--logins-per-second 100001")).message, /^--logins-per-second 100001: .* of 1 to 100000$/)
  })
})
