/** SPDK's configuration files: comments, batches, lines of mistakes, what does not concern a target. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { checkSpdkConfig } from "../../src/rpc/apply-spdk-config.ts"
import { isSpdkConfig, readSpdkConfig } from "../../src/rpc/SpdkConfigFile.ts"

const read = (source: string) => {
  const file = readSpdkConfig("a.json", source)
  if (Result.isFailure(file)) throw new Error(file.failure.join("\n"))
  return file.success
}

const problems = (source: string): ReadonlyArray<string> => {
  const file = readSpdkConfig("a.json", source)
  return Result.isFailure(file) ? file.failure : []
}

const bdevConfig = (entries: string): string =>
  `{ "subsystems": [\n{ "subsystem": "bdev", "config": [\n${entries}\n]}]}`
const lenient = { strict: false, ignoreErrors: false }

describe("a file", () => {
  it("may have comments wherever there may be space, and not in strings", () => {
    const { calls } = read(`// saved by hand { "x": [
      { /* { */ "subsystems": [ { "subsystem": "bdev", // not "scsi"
        "config": [ /*
          two lines */ { "method": "bdev_null_create", "params": { "name": "a//b/*c*/" } } ] } ] } // end`)
    assert.deepStrictEqual(
      calls.map(({ method, place, subsystem }) => [subsystem, method, place]),
      [["bdev", "bdev_null_create", "a.json:4"]]
    )
    assert.include(JSON.stringify(calls[0]?.params), "a//b/*c*/")
  })

  it("may have batches, sections without configuration, other keys at its top, and calls without parameters", () => {
    const { calls } = read(`{ "created": "today", "subsystems": [ { "subsystem": "scsi", "config": null },
      { "subsystem": "bdev" }, { "subsystem": "bdev", "config": [
        [ { "method": "a" },
          { "method": "b", "params": null } ],
        { "method": "c", "params": {} } ] } ] }`)
    assert.deepStrictEqual(
      calls.map(({ method, params, place }) => [method, place, params === undefined]),
      [
        ["a", "a.json:3", true],
        ["b", "a.json:4", true],
        ["c", "a.json:5", false]
      ]
    )
  })

  it("is told from lunlog's own format by its content", () => {
    assert.isTrue(isSpdkConfig('/* saved */ { "subsystems": [] }'))
    assert.isFalse(isSpdkConfig("subsystems: none\n"))
    assert.isFalse(isSpdkConfig('{ "targets": [] }'))
    assert.isFalse(isSpdkConfig('{ "targets": [] } // "subsystems": []'))
  })

  it.each([
    ["no JSON", '{ "subsystems": [\n\n{ subsystem: 1 } ] }', /^a\.json:3 /],
    ["too short", '{ "subsystems": [\n', /^a\.json:2 the file ends too early/],
    ["longer than its value", '{ "subsystems": [] } {}', /something behind its end/],
    ["in an open comment", '{ "subsystems": [\n/* never\n] }', /^a\.json:2 the comment does not end/],
    ["of another shape", '{ "subsystems": 1 }', /^a\.json:1 is no SPDK configuration/],
    ["with a section that is no object", '{ "subsystems": [\n1 ] }', /an object with subsystem and config is expected/],
    ["with a section without a name", '{ "subsystems": [\n{ "config": [] } ] }', /^a\.json:2 subsystem is missing/],
    ["with a config of another kind", '{ "subsystems": [\n{ "subsystem": "a", "config": 1 } ] }', /neither a list nor/],
    [
      "with a key too many",
      bdevConfig('{ "method": "x",\n "id": 1 }'),
      /^a\.json:3 unknown key "id"; known are method/
    ],
    ["with a key twice", bdevConfig('{ "method": "x", "method": "y" }'), /^a\.json:3 a key is there twice/],
    ["without a method", bdevConfig('\n{ "params": {} }'), /^a\.json:4 method is missing/],
    ["with parameters that are none", bdevConfig('{ "method": "x", "params": 1 }'), /params of x are no object/]
  ])("%s is refused with its line", (_what, source, message) => {
    assert.match(problems(source)[0] ?? "", message)
  })

  it("with several mistakes has all of them told", () => {
    assert.lengthOf(problems(bdevConfig('{ "method": 1 },\n{ "method": "x", "a": 1 },\n[ 5 ]')), 3)
  })

  it("of a megabyte of one string is read, and too long a file is not", () => {
    assert.lengthOf(read(bdevConfig(`{ "method": "x", "params": { "a": "${"y".repeat(1_000_000)}" } }`)).calls, 1)
    assert.match(problems(" ".repeat(17 * 1024 * 1024))[0] ?? "", /longer than/)
  })
})

describe("methods that are not here", () => {
  const nvmf =
    '{ "subsystem": "nvmf", "config": [\n{ "method": "nvmf_set_config" }, { "method": "nvmf_set_config" } ] }'
  const unknown = '{ "subsystem": "bdev", "config": [\n{ "method": "bdev_no_such_create" } ] }'
  const mixed = `{ "subsystems": [\n${nvmf}, ${unknown} ] }`

  it("are reported if their subsystem does not concern a target, with strict fatal", () => {
    const file = read(
      `{ "subsystems": [\n${nvmf}, { "subsystem": "bdev", "config": [ { "method": "get_bdevs" } ] } ] }`
    )
    const { checked, problems } = checkSpdkConfig(file, lenient)
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(
      checked.calls.map(({ method }) => method),
      ["get_bdevs"]
    )
    assert.deepStrictEqual(checked.notices, [
      "a.json:3 subsystem nvmf does not concern a target and is left out: nvmf_set_config (2 times)"
    ])
    assert.deepStrictEqual(checkSpdkConfig(file, { ...lenient, strict: true }).problems, checked.notices)
  })

  it("are fatal elsewhere, with their line, unless errors are ignored", () => {
    const { problems } = checkSpdkConfig(read(mixed), lenient)
    assert.lengthOf(problems, 1)
    assert.match(problems[0] ?? "", /^a\.json:4 there is no method bdev_no_such_create here/)
    const ignoring = checkSpdkConfig(read(mixed), { strict: false, ignoreErrors: true })
    assert.deepStrictEqual(ignoring.problems, [])
    assert.lengthOf(ignoring.checked.notices, 2)
  })

  it("and those that wait for the start or end it have no place in a file", () => {
    const file = read(bdevConfig('{ "method": "start_subsystem_init" }, { "method": "spdk_kill_instance" }'))
    assert.lengthOf(checkSpdkConfig(file, lenient).problems, 2)
  })
})
