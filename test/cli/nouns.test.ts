/** Nouns and verbs against a running target: what they change, what they print, and what they say to a slip. */
import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"
import { drainText } from "../../src/cli/drain-watch.ts"
import { startChild } from "../support/child-process.ts"
import { cdb } from "../support/initiator/commands.ts"
import { Session } from "../support/initiator/Session.ts"
import {
  freePort,
  makeDirectory,
  projectDirectory,
  removeDirectory,
  startTarget,
  type TargetProcess
} from "../support/target-process.ts"
import { lunlogHere, sayings } from "./in-process.ts"
import { binOf } from "./support.ts"

const disk1 = "iqn.2016-06.io.spdk:disk1"

describe("nouns and verbs", () => {
  const directory = makeDirectory("nouns")
  let target: TargetProcess
  let port = 0

  const run = (...args: ReadonlyArray<string>) => lunlogHere(...args, "-r", target.socketPath)
  const { prints, refuses } = sayings(run)
  const json = async (...args: ReadonlyArray<string>): Promise<unknown> => JSON.parse(await prints(...args, "--json"))

  beforeAll(async () => {
    target = await startTarget({ directory, stateMode: "empty" })
    port = await freePort()
  })

  afterEach(() => {
    delete process.env["LUNLOG_CHAP_SECRET"]
    delete process.env["LUNLOG_CHAP_MUTUAL_SECRET"]
  })

  afterAll(async () => {
    await target[Symbol.asyncDispose]()
    removeDirectory(directory)
  })

  it("say that nothing is there, and what to begin with", async () => {
    const empty = { target: "no target", lun: "no LUN", bdev: "no bdev", portal: "no portal group" }
    for (const [noun, text] of Object.entries(empty)) assert.strictEqual(await prints(noun, "list"), text)
    assert.strictEqual(await prints("session", "list"), "no session")
    assert.deepStrictEqual(await json("auth", "list"), [])
    assert.match(await refuses("target", "create", "disk1"), /nobody could reach the target: first lunlog portal add/)
  })

  it("make a target that an initiator can use", async () => {
    assert.strictEqual(
      await prints("bdev", "create", "malloc", "8MiB", "--name", "Malloc0"),
      "bdev Malloc0: Malloc disk, 8 MiB in blocks of 512 bytes"
    )
    assert.deepInclude(await json("bdev", "create", "malloc", "1MiB", "--block-size", "4096"), {
      name: "Malloc1",
      num_blocks: 256,
      block_size: 4096
    })
    assert.strictEqual(
      await prints("portal", "add", `127.0.0.1:${port}`),
      `portal group 1 listens on 127.0.0.1:${port}`
    )
    assert.match(await refuses("target", "create", "disk1"), /first lunlog initiator create/)
    assert.strictEqual(
      await prints("initiator", "create", "--netmask", "127.0.0.0/8"),
      "initiator group 1: ANY from 127.0.0.0/8"
    )
    assert.strictEqual(
      await prints("target", "create", "disk1", "--lun", "Malloc0", "--lun", "Malloc1:7", "--alias", "Disk One"),
      `target ${disk1} with 2 LUNs, maps 1:1`
    )
    const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: disk1 })
    assert.match(await prints("target", "list"), new RegExp(`${disk1} Disk One 2 1:1 auto 1$`))
    const shown = await prints("target", "show", "disk1")
    assert.match(shown, /\n7 Malloc1 Malloc disk 1 MiB\n/)
    assert.include(shown, `\n1:1 127.0.0.1:${port} ANY 127.0.0.0/8\n`)
    assert.match(shown, /SESSION INITIATOR ADDRESS\n\d+ iqn\.\S+ 127\.0\.0\.1$/)
    session.drop()
  })

  it("add and remove LUNs, with names cut short and slips named", async () => {
    await prints("bdev", "create", "null", "Null0", "1GiB")
    assert.strictEqual(await prints("lun", "add", "disk1", "Null0"), `LUN 1 of ${disk1} is Null0`)
    assert.match(await prints("lun", "list", "DISK1"), new RegExp(`\n${disk1} 1 Null0 Null disk 1 GiB [0-9a-f-]{36}\n`))
    assert.match(await refuses("lun", "add", "disk2", "Null0"), /there is no target disk2; did you mean disk1\?/)
    assert.match(await refuses("lun", "add", "disk1", "Null9"), /iscsi_target_node_add_lun failed[\s\S]*"Null9"/)
    assert.strictEqual(await prints("lun", "remove", "disk1", "1"), `LUN 1 of ${disk1} is gone; its disk stays`)
    assert.match(await refuses("lun", "remove", "disk1", "1"), /iscsi_target_node_remove_lun failed/)
  })

  it("create, resize and delete disks of each kind", async () => {
    assert.strictEqual(await prints("bdev", "resize", "Null0", "2GiB"), "bdev Null0 has 2 GiB")
    assert.match(await refuses("bdev", "resize", "Null0", "1.5KiB"), /no whole number of MiB/)
    assert.strictEqual(await prints("bdev", "limit", "Null0", "--iops", "1500"), "bdev Null0: at most 2000 IO/s")
    const both = "bdev Null0: at most 2000 IO/s, 3 MiB/s read"
    assert.strictEqual(await prints("bdev", "limit", "Null0", "--read-mbps", "3"), both)
    assert.match(await prints("bdev", "limit", "Null0", "--iops", "0", "--read-mbps", "0"), /^bdev Null0: no limit$/)
    assert.match(await refuses("bdev", "resize", "Malloc0", "9MiB"), /Malloc0 is a malloc bdev, whose size cannot/)
    assert.match(await prints("bdev", "create", "delay", "Slow0", "Null0", "--read", "5"), /^bdev Slow0: delay, 2 GiB/)
    assert.match(await prints("bdev", "create", "error", "Slow0"), /^bdev EE_Slow0: answers as Slow0 until/)
    const file = join(directory, "disk.img")
    writeFileSync(file, "")
    truncateSync(file, 1024 * 1024)
    const created = await prints("bdev", "create", "aio", "File0", file, "--removable")
    assert.match(created, /^bdev File0: AIO disk, 1 MiB in blocks of 512 bytes, removable/)
    for (const [name, unmaps] of [
      ["File0", false],
      ["Malloc0", true],
      ["EE_Slow0", true]
    ] as const) {
      const answer = JSON.stringify(await target.rpc.call("bdev_get_bdevs", { name }))
      assert.match(answer, new RegExp(`"unmap":${unmaps},.*"write_zeroes":true`), name)
    }
    truncateSync(file, 2 * 1024 * 1024)
    assert.strictEqual(await prints("bdev", "resize", "File0"), "bdev File0 has 2 MiB")
    assert.match(await refuses("bdev", "resize", "File0", "3MiB"), /truncate -s 3MiB FILE/)
    assert.match(await refuses("bdev", "create", "malloc", "lots"), /"lots" is no size; write bytes/)
    assert.match(await refuses("bdev", "create", "malloc", "1000"), /no whole number of blocks of 512/)
    assert.strictEqual(await prints("target", "list", "--names"), disk1)
    assert.match(await prints("bdev", "list", "--names"), /^Malloc0\nMalloc1\nNull0\n/)
    assert.match(await prints("bdev", "list"), new RegExp(`\nMalloc1 .* ${disk1} 7\n`))
    for (const name of ["EE_Slow0", "Slow0", "Null0", "File0"]) {
      assert.strictEqual(await prints("bdev", "delete", name), `bdev ${name} and its LUNs are gone`)
    }
    assert.match(await refuses("bdev", "delete", "Mallok0"), /there is no bdev Mallok0; did you mean Malloc0\?/)
  })

  it("change who may reach a target", async () => {
    assert.strictEqual(
      await prints("initiator", "create", "iqn.2020-01.test:a", "--tag", "9"),
      "initiator group 9: iqn.2020-01.test:a from ANY"
    )
    assert.strictEqual(
      await prints("initiator", "add", "9", "iqn.2020-01.test:b", "--netmask", "10.0.0.0/8"),
      "initiator group 9: iqn.2020-01.test:a iqn.2020-01.test:b from ANY 10.0.0.0/8"
    )
    assert.match(await prints("initiator", "remove", "9", "iqn.2020-01.test:a"), /group 9: iqn\.2020-01\.test:b from/)
    assert.strictEqual(await prints("target", "map", "disk1", "1:9"), `${disk1}: maps 1:1; 1:9`)
    assert.strictEqual(
      await prints("target", "map", "disk1", "1:9", "--lun", "0", "--read-only"),
      `${disk1}: maps 1:1; 1:9, LUN 0, read-only`
    )
    assert.match(await refuses("target", "map", "disk1", "1"), /the map "1": PORTAL_GROUP:INITIATOR_GROUP is expected/)
    assert.strictEqual(await prints("target", "unmap", "disk1", "1:9"), `${disk1}: no map 1:9; sessions stay`)
    assert.match(await prints("initiator", "delete", "9"), /^initiator group 9 is gone/)
    assert.match(
      await prints("target", "auth", "disk1", "--chap", "mutual", "--chap-group", "2"),
      /CHAP mutual, auth group 2/
    )
    const nobody = await run("target", "auth", "disk1", "--chap", "mutual", "--chap-group", "2")
    assert.match(nobody.stderr, /^warning: auth group 2 does not exist: .* until lunlog auth create 2$/m)
    // The group stays for whoever turns CHAP on again, unless it is said otherwise.
    assert.match(await prints("target", "auth", "disk1", "--chap", "off"), /CHAP off, auth group 2/)
    assert.match(await prints("target", "auth", "disk1", "--chap", "required"), /CHAP required, auth group 2/)
    assert.match(await prints("target", "auth", "disk1", "--chap", "off", "--chap-group", "0"), /CHAP off, no auth/)
    assert.strictEqual(await refuses("target", "auth", "disk1"), "wrong usage")
    assert.match(await prints("target", "redirect", "disk1", "1", "127.0.0.2"), /are sent to 127\.0\.0\.2:3260/)
    assert.match(
      await prints("target", "redirect", "disk1", "1", "127.0.0.2:99", "--permanent"),
      /are sent to 127\.0\.0\.2:99 for good/
    )
    assert.match(
      await prints("target", "redirect", "disk1", "1"),
      /over portal group 1 are served here; sessions stay$/
    )
    assert.strictEqual(await prints("auth", "discovery", "--chap", "off"), "discovery: CHAP off; later logins count")
    const required = ["auth", "discovery", "--chap", "required"]
    const toldGroup = "discovery: CHAP required, auth group 3; later logins count"
    assert.strictEqual(await prints(...required, "--chap-group", "3"), toldGroup)
    assert.strictEqual(await prints(...required), toldGroup)
    assert.match((await run(...required)).stderr, /auth group 3 does not exist/)
    await prints("auth", "discovery", "--chap", "off", "--chap-group", "0")
    assert.deepInclude(await target.rpc.call("iscsi_get_options"), { disable_chap: true, require_chap: false })
  })

  it("take secrets from files and the environment, and show none", async () => {
    assert.match(await prints("auth", "create"), /^auth group 1; next: lunlog auth add-secret 1 USER$/)
    const file = join(directory, "secret")
    writeFileSync(file, "from-a-file-1\nnot this\n")
    await prints("auth", "add-secret", "1", "anna", "--secret-file", file)
    process.env["LUNLOG_CHAP_SECRET"] = "from-the-environment"
    process.env["LUNLOG_CHAP_MUTUAL_SECRET"] = "mutual-environment"
    await prints("auth", "add-secret", "1", "bert", "--mutual-user", "target")
    const warned = await run("auth", "add-secret", "1", "carl", "--secret", "on-the-command-line")
    assert.match(warned.stderr, /^warning: everybody on this machine can read a secret on the command line/)
    assert.notMatch(warned.stderr, /less than/)
    assert.deepStrictEqual(await target.rpc.call("iscsi_get_auth_groups"), [
      {
        tag: 1,
        secrets: [
          { user: "anna", secret: "from-a-file-1" },
          { user: "bert", secret: "from-the-environment", muser: "target", msecret: "mutual-environment" },
          { user: "carl", secret: "on-the-command-line" }
        ]
      }
    ])
    const shown = (await prints("auth", "list")) + JSON.stringify(await json("auth", "list"))
    assert.match(shown, /1 bert target/)
    assert.notMatch(shown, /from-|on-the|mutual-env/)
    delete process.env["LUNLOG_CHAP_SECRET"]
    assert.match(await refuses("auth", "add-secret", "1", "dora"), /Give --secret-file FILE, or LUNLOG_CHAP_SECRET/)
    const equal = ["--secret-file", file, "--mutual-user", "t", "--mutual-secret-file", file]
    const both = await run("auth", "add-secret", "1", "eva", ...equal)
    assert.match(both.stderr, /^warning: eva cannot log in: one secret for both directions/m)
    await prints("auth", "remove-secret", "1", "eva")
    writeFileSync(file, "short\n")
    const short = await run("auth", "add-secret", "1", "emil", "--secret-file", file)
    assert.match(short.stderr, /^warning: the secret of emil has less than 12 bytes/)
    assert.match(await prints("status"), /auth group 1: a secret of user "emil" has less than 12 bytes/)
    await prints("auth", "remove-secret", "1", "emil")
    assert.match(await prints("auth", "remove-secret", "1", "carl"), /no secret of carl any more/)
    assert.strictEqual(await prints("auth", "delete", "1"), "auth group 1 is gone")
  })

  it("show and end sessions", async () => {
    const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: disk1 })
    const listed = await prints("session", "list")
    const tsih = /\n(\d+) \d+ iqn\.\S+ 127\.0\.0\.1 iqn\.2016-06\.io\.spdk:disk1 1 full_feature_phase$/.exec(
      listed
    )?.[1]
    assert(tsih !== undefined, listed)
    assert.match(await refuses("session", "kick"), /which session\? Give its number/)
    assert.match(await refuses("session", "kick", "iqn.nobody"), /there is no such session/)
    assert.match(await prints("session", "kick", tsih, "--within", "10s"), /^asked to log out; who stays is cut:\n/)
    while (session.asyncMessages.length === 0) await session.nop()
    assert.strictEqual(await session.logout(), 0)
  })

  it("say which LUN they wait for when that takes longer than a second", async () => {
    await prints("bdev", "create", "error", "Malloc0")
    await prints("lun", "add", "disk1", "EE_Malloc0", "--lun", "3")
    await target.rpc.call("bdev_error_inject_error", { name: "EE_Malloc0", io_type: "read", error_type: "pending" })
    const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: disk1 })
    // The first command is told of the new nexus.
    await session.command({ lun: 3, cdb: cdb.testUnitReady() })
    const hanging = session.command({ lun: 3, cdb: cdb.read10(0, 1), readBytes: 512 })
    await session.nop()
    const args = [binOf("lunlog"), "lun", "remove", "disk1", "3", "-r", target.socketPath]
    const child = await startChild({ command: process.execPath, args, directory: projectDirectory })
    while (!child.stderr().includes("\n")) await delay(20)
    assert.strictEqual(child.stderr(), `waiting for LUN 3 of ${disk1} to drain (1 command left)\n`)
    await target.rpc.call("bdev_error_resume_pending", { name: "EE_Malloc0" })
    assert.deepStrictEqual(await child.exited, { code: 0, signal: null })
    assert.strictEqual(child.stdout(), `LUN 3 of ${disk1} is gone; its disk stays\n`)
    await hanging
    session.drop()
  })

  it("delete what is left", async () => {
    assert.strictEqual(await prints("target", "delete", "disk1"), `target ${disk1} is deleted; its disks stay`)
    assert.match(await prints("portal", "remove", "1"), /^portal group 1 is gone/)
    assert.match(await refuses("portal", "remove", "1"), /iscsi_delete_portal_group failed/)
    assert.match(await refuses("portal", "add", "a:b:c"), /"a:b:c" is no address: write 127\.0\.0\.1/)
  })

  it("say what they wait for", () => {
    const drain = (lun_id: number, commands_left: number) => ({ target: disk1, lun_id, commands_left })
    assert.isUndefined(drainText([]))
    assert.strictEqual(drainText([drain(0, 3)]), `waiting for LUN 0 of ${disk1} to drain (3 commands left)`)
    assert.strictEqual(
      drainText([drain(0, 1), drain(1, 1), drain(2, 1)]),
      `waiting for LUN 0 of ${disk1} to drain (1 command left), and 2 more LUNs`
    )
  })
})

describe("help", () => {
  it("has a sentence and an example for every verb", async () => {
    const root = await lunlogHere("--help")
    for (const noun of ["target", "lun", "bdev", "portal", "initiator", "auth", "session"]) {
      assert.match(root.stdout, new RegExp(`\\n  ${noun} `))
      const { stdout } = await lunlogHere(noun, "--help")
      const verbs = [...(stdout.split("SUBCOMMANDS\n")[1]?.matchAll(/^ {2}([a-z-]+) {2}/gm) ?? [])].map(
        ([, verb]) => verb
      )
      assert.isAbove(verbs.length, 1, stdout)
      for (const verb of verbs) {
        if (verb === undefined || (verb === "create" && noun === "bdev")) continue
        const help = (await lunlogHere(noun, verb, "--help")).stdout
        assert.match(help, new RegExp(`EXAMPLES\\n[^]*lunlog ${noun} ${verb}`), `${noun} ${verb}`)
      }
    }
  })
})
