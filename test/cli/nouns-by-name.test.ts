/** Nouns and verbs with groups that a configuration has named. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"

describe("groups with names", () => {
  const directory = makeDirectory("nouns-by-name")
  let target: TargetProcess
  let port = 0

  const run = (...args: ReadonlyArray<string>) => lunlogHere(...args, "-r", target.socketPath)
  /** What it prints, in words with one space between them. */
  const prints = async (...args: ReadonlyArray<string>): Promise<string> => {
    const { failure, stdout } = await run(...args)
    assert.isUndefined(failure, `${args.join(" ")}: ${failure}`)
    return stdout.replace(/ +/g, " ").trimEnd()
  }
  const fails = async (...args: ReadonlyArray<string>): Promise<string> => (await run(...args)).failure ?? "worked"

  beforeAll(async () => {
    port = await freePort()
    const configFile = join(directory, "names.yaml")
    const config = {
      portalGroups: [{ name: "front", tag: 5, portals: [`127.0.0.1:${port}`] }],
      initiatorGroups: [
        { name: "hosts", tag: 7, initiators: ["ANY"], netmasks: ["127.0.0.0/8"] },
        { tag: 8, initiators: ["iqn.2020-01.org.example:x"], netmasks: ["ANY"] }
      ],
      authGroups: [{ name: "users", tag: 9, secrets: [] }],
      bdevs: [{ type: "malloc", name: "Malloc0", size: "1MiB" }],
      targets: [
        {
          name: "disk1",
          luns: [{ lun: 0, bdev: "Malloc0" }],
          maps: [{ portalGroup: "front", initiatorGroup: "hosts" }]
        }
      ]
    }
    writeFileSync(configFile, JSON.stringify(config), { mode: 0o600 })
    target = await startTarget({ directory, configFile })
  })

  afterAll(async () => {
    await target?.[Symbol.asyncDispose]()
    removeDirectory(directory)
  })

  it("are shown with their names, to programs too, and others as before", async () => {
    assert.include(await prints("portal", "list"), `\nfront (5) 127.0.0.1:${port} `)
    const initiators = await prints("initiator", "list")
    for (const line of ["\nhosts (7) ANY 127.0.0.0/8", "\n8 iqn.2020-01.org.example:x ANY"]) {
      assert.include(initiators, line)
    }
    assert.include(await prints("auth", "list"), "\nusers (9) (no user)")
    assert.include(await prints("target", "list"), " 1 front:hosts ")
    assert.include(await prints("target", "show", "disk1"), `\nfront:hosts 127.0.0.1:${port} ANY 127.0.0.0/8`)
    assert.deepStrictEqual(JSON.parse(await prints("auth", "list", "--json")), [{ tag: 9, name: "users", users: [] }])
    const raw = JSON.stringify(await target.rpc.call("iscsi_get_initiator_groups"))
    for (const start of ['{"tag":7,"name":"hosts","initiators":', '{"tag":8,"initiators":']) assert.include(raw, start)
    assert.notInclude(JSON.stringify(await target.rpc.call("framework_get_config", { name: "iscsi" })), '"hosts"')
  })

  it("are taken where a tag is", async () => {
    assert.include(
      await prints("initiator", "add", "hosts", "!iqn.bad"),
      "initiator group hosts (7): ANY !iqn.bad from"
    )
    await prints("initiator", "remove", "hosts", "!iqn.bad")
    const iqn = "iqn.2016-06.io.spdk:disk1"
    assert.strictEqual(
      await prints("target", "map", "disk1", "5:hosts", "--lun", "0", "--read-only"),
      `${iqn}: maps front:hosts, LUN 0, read-only`
    )
    assert.include(await prints("target", "map", "disk1", "front:8"), "maps front:hosts, LUN 0, read-only; front:8")
    await prints("target", "unmap", "disk1", "front:8")
    await prints("auth", "add-secret", "users", "u", "--secret", "a-long-secret-1")
    await prints("auth", "remove-secret", "users", "u")
    await prints("target", "auth", "disk1", "--chap", "required", "--chap-group", "users")
    await prints("target", "auth", "disk1", "--chap", "auto", "--chap-group", "users")
    assert.include(await prints("target", "show", "disk1"), "CHAP auto, auth group 9")
    await prints("target", "redirect", "disk1", "front", "192.0.2.1:3260")
    await prints("target", "create", "disk2", "--no-map")
    await prints("target", "delete", "disk2")
  })

  it("that are not there, and maps that are none, are named", async () => {
    assert.strictEqual(
      await fails("initiator", "delete", "host"),
      'there is no initiator group with the name "host"; did you mean hosts?'
    )
    assert.strictEqual(
      await fails("target", "unmap", "disk1", "5:nobody-at-all"),
      'there is no initiator group with the name "nobody-at-all"; lunlog initiator list shows those that are there'
    )
    for (const map of ["5", "5:", ":7", "5:7:1"]) {
      assert.match(await fails("target", "map", "disk1", map), /PORTAL_GROUP:INITIATOR_GROUP is expected/)
    }
    assert.match(await fails("portal", "remove", "99"), /portal group 99 does not exist/)
    const { stderr } = await run("lun", "remove", "disk1", "zero")
    assert.match(stderr, /^lunlog: Invalid value for argument <lun>: "zero". Expected a number\n/)
    assert.match(await fails("initiator", "add", "hosts"), /^add whom\? Give names of initiators, or --netmask/)
  })

  it("go by name", async () => {
    await prints("target", "delete", "disk1")
    assert.match(await prints("portal", "remove", "front"), /^portal group front is gone/)
    assert.match(await prints("initiator", "delete", "hosts"), /^initiator group hosts is gone/)
    assert.match(await prints("auth", "delete", "users"), /^auth group users is gone/)
  })
})
