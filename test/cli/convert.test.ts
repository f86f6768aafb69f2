/** `lunlog convert`, and `iscsi.conf` served as it is, as users run them. */
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import type { CliFailure } from "../../src/cli/CliFailure.ts"
import { type ConvertInput, convert } from "../../src/cli/config/convert.ts"
import { readConfiguration } from "../../src/cli/serve/configure.ts"
import { readNativeFile } from "../../src/config/native/NativeFile.ts"
import { clearUnitAttentions, readBlocks, reportLuns, writeBlocks } from "../support/initiator/commands.ts"
import { Session } from "../support/initiator/Session.ts"
import type { RpcClient } from "../support/rpc-client.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory } from "../support/target-process.ts"
import { lunlog, runProgram, serveProgram } from "./support.ts"

let directory = ""
beforeEach(() => {
  directory = makeDirectory("convert")
})
afterEach(() => removeDirectory(directory))

const fixture = (name: string): string => readFileSync(join(projectDirectory, "test/config/fixtures", name), "utf8")

const write = (text: string, name: string): string => {
  const file = join(directory, name)
  writeFileSync(file, text)
  return file
}

const serverArguments = (name = "state") => ["--state", join(directory, name), "-r", join(directory, "rpc")]

/** Why something that may fail does; undefined if it does not. */
const messageOf = (effect: Effect.Effect<unknown, CliFailure>): Promise<string | undefined> =>
  Effect.runPromise(Effect.match(effect, { onSuccess: () => undefined, onFailure: ({ message }) => message }))

const conversion = (source: string, more: Partial<ConvertInput> = {}) =>
  messageOf(convert({ source, output: undefined, from: undefined, strict: false, force: false, ...more }))

const objectsOf = async (rpc: RpcClient): Promise<unknown> => {
  const kinds = ["options", "portal_groups", "initiator_groups", "auth_groups", "target_nodes"]
  const objects: Array<unknown> = []
  for (const method of kinds.map((kind) => `iscsi_get_${kind}`)) objects.push(await rpc.call(method))
  const bdevs = await rpc.call("bdev_get_bdevs")
  assert(Array.isArray(bdevs))
  return [
    ...objects,
    bdevs.map(({ assigned_rate_limits, block_size, name, num_blocks }) => ({
      name,
      block_size,
      num_blocks,
      limits: assigned_rate_limits
    }))
  ]
}

/** The fixture on ports that are free, without what needs hardware. */
const onFreePorts = async (): Promise<{ readonly text: string; readonly port: number }> => {
  const [port, other] = [await freePort(), await freePort("127.0.0.2")]
  const text = fixture("iscsi.conf")
    .replaceAll(":3261", `:${port}`)
    .replaceAll("127.0.0.2", `127.0.0.2:${other}`)
    // No machine has a controller there.
    .replace(/\[Nvme\]\n(?: .*\n)+/u, "")
    .replace(/ *LUN1 Nvme0n1\n/u, "")
  return { text, port }
}

describe("iscsi.conf", () => {
  it("runs as it is, and converted it makes the same objects", async () => {
    const { port, text } = await onFreePorts()
    const file = write(text, "iscsi.conf")
    write(fixture("auth.conf"), "auth.conf")
    truncateSync(write("", "aio.img"), 4 * 1024 * 1024)
    let objects: unknown
    {
      await using served = await serveProgram("iscsi_tgt", ["-c", file, ...serverArguments()], join(directory, "rpc"))
      await served.rpc.call("framework_wait_init")
      objects = await objectsOf(served.rpc)
      const endpoint = { host: "127.0.0.1", port }
      const session = await Session.open({ endpoint, targetName: "iqn.2019-07.org.example:disk1" })
      await clearUnitAttentions(session, 0)
      assert.deepStrictEqual(await reportLuns(session), [0, 1, 2, 63])
      await session.logout()
      const withSecrets = await served.rpc.call("lunlog_export", { format: "iscsi.conf", with_secrets: true })
      assert.match(JSON.stringify(withSecrets), /LUN63 Null1.*QueueDepth 32/u)
      assert.include(JSON.stringify(withSecrets), "Auth hostB anothersecret")
      for (const format of ["spdk", "iscsi.conf"]) {
        const without = JSON.stringify(await served.rpc.call("lunlog_export", { format }))
        assert.notInclude(without, "anothersecret")
        assert.include(without, "auth group 7: is left out: this format has secrets in clear")
      }
      assert.match(served.child.stderr(), /iscsi\.conf:\d+ \[Split\] Split: is left out; write Split BASE COUNT/u)
      assert.match(JSON.stringify(objects), /other \$\{secret\} 1/u)
    }
    const output = join(directory, "lunlog.yaml")
    const converted = await lunlog("convert", file, "-o", output)
    assert.deepStrictEqual([converted.code, converted.stdout], [0, ""])
    assert.match(converted.stderr, /iscsi\.conf:\d+ \[Split\] Split: is left out/u)
    await using native = await serveProgram(
      "lunlog",
      ["serve", "-c", output, ...serverArguments("native")],
      join(directory, "rpc")
    )
    await native.rpc.call("framework_wait_init")
    assert.deepStrictEqual(await objectsOf(native.rpc), objects)
  })

  it("is refused with the lines of what cannot be", async () => {
    const file = write("[PortalGroup1]\nPortal A 127.0.0.1\n[InitiatorGroup1]\nInitiatorName ANY\n", "iscsi.conf")
    const refused = await runProgram("iscsi_tgt", ["-c", file, ...serverArguments()])
    assert.strictEqual(refused.code, 1)
    assert.include(refused.stderr, `${file}:3 [InitiatorGroup1]: `)
    const read = (name: string, strict: boolean) => messageOf(readConfiguration(name, { strict, ignoreErrors: false }))
    const zoo = write("[Zoo]\n", "zoo")
    assert.strictEqual(await read(zoo, false), undefined)
    assert.match((await read(zoo, true)) ?? "", /zoo:1 \[Zoo\]: the section is not known/u)
    const foreign = write(fixture("targets.conf"), "targets.conf")
    const hint = `${foreign} is a configuration of tgt; run lunlog convert ${foreign} -o lunlog.yaml`
    assert.include((await read(foreign, false)) ?? "", hint)
  })
})

describe("a saveconfig.json that was converted", () => {
  it("gives each initiator what LIO gave it", async () => {
    const port = await freePort()
    const page = readFileSync(join(projectDirectory, "docs/migrate-from-targetcli.md"), "utf8")
    const example = (/^```json\n([\s\S]*?)^```$/mu.exec(page)?.[1] ?? "")
      .replace("/srv/images/db.img", join(directory, "db.img"))
      .replace('"0.0.0.0", "port": 3260', `"127.0.0.1", "port": ${port}`)
    truncateSync(write("", "db.img"), 64 * 1024 * 1024)
    const output = join(directory, "lunlog.yaml")
    assert.isUndefined(await conversion(write(example, "saveconfig.json"), { output }))
    const args = ["serve", "-c", output, ...serverArguments()]
    await using served = await serveProgram("lunlog", args, join(directory, "rpc"))
    await served.rpc.call("framework_wait_init")
    const as = (initiatorName: string) =>
      Session.open({
        endpoint: { host: "127.0.0.1", port },
        targetName: "iqn.2003-01.org.linux-iscsi.host.x8664:sn.db",
        initiatorName
      })
    const owner = await as("iqn.2024-01.org.example:db1")
    await clearUnitAttentions(owner, 0)
    assert.deepStrictEqual(await reportLuns(owner), [0, 1])
    await writeBlocks(owner, 0, 0, Buffer.alloc(512, 7))
    const backup = await as("iqn.2024-01.org.example:backup")
    await clearUnitAttentions(backup, 0)
    assert.deepStrictEqual(await reportLuns(backup), [0])
    assert.deepStrictEqual(await readBlocks(backup, 0, 0, 1), Buffer.alloc(512, 7))
    const refused = async (attempt: Promise<unknown>) => attempt.then(() => "done", String)
    assert.match(await refused(writeBlocks(backup, 0, 0, Buffer.alloc(512))), /WRITE of 1 blocks/u)
    assert.match(await refused(as("iqn.2024-01.org.example:stranger")), /login/iu)
    for (const session of [owner, backup]) await session.logout()
  })
})

describe("lunlog convert", () => {
  it("writes to stdout, or to a file of mode 0600 that it does not overwrite without --force", async () => {
    const file = write("[Null]\nDev Null0 1\n", "iscsi.conf")
    const output = join(directory, "out.yaml")
    const printed = await lunlog("convert", file)
    assert.deepStrictEqual([printed.code, printed.stderr], [0, ""])
    assert.lengthOf(Effect.runSync(readNativeFile("out", printed.stdout)).config.bdevs ?? [], 1)
    assert.isUndefined(await conversion(file, { output }))
    assert.strictEqual(readFileSync(output, "utf8"), printed.stdout)
    assert.strictEqual(statSync(output).mode & 0o777, 0o600)
    assert.strictEqual(await conversion(file, { output }), `${output} is there already; --force replaces it`)
    assert.isUndefined(await conversion(file, { output, force: true }))
  })

  it("ends with code 1 if a file cannot be read or is of no known format, and with --strict at a warning", async () => {
    assert.match((await conversion(join(directory, "none"))) ?? "", /none does not exist/u)
    const unknown = await conversion(write("hello", "a"))
    assert.match(unknown ?? "", /none of the formats that are known by their content; say --from/u)
    const strict = await lunlog("convert", "--strict", write("[iSCSI]\nColour red\n", "b"))
    assert.deepStrictEqual([strict.code, strict.stdout], [1, ""])
    assert.match(strict.stderr, /b:2 \[iSCSI\] Colour: is not known[^\n]*\n.*--strict: nothing is written/u)
    assert.notMatch(strict.stderr, /\n\s+at /)
  })
})
