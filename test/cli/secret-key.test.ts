/** The key of a state directory, what it seals, and that no secret is on the disk or in the output of a real server. */
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Exit } from "effect"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { secretsFrom, secretsOf } from "../../src/cli/serve/secret-key.ts"
import { makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"
import { lunlog } from "./support.ts"

let directory: string

beforeEach(() => {
  directory = makeDirectory("secrets")
})

afterEach(() => removeDirectory(directory))

const run = Effect.runPromise
const secret = "open sesame, with ümlaut"
const keyFile = (): string => join(directory, "secret-key")

describe("sealing", () => {
  const { seal, unseal } = secretsFrom(Buffer.alloc(32, 1))

  it("gives the secret back, and other bytes each time", async () => {
    const [a, b] = [await run(seal("here", secret)), await run(seal("here", secret))]
    assert.notStrictEqual(a.sealed, b.sealed)
    assert.strictEqual(await run(unseal("here", a)), secret)
    assert.strictEqual(await run(unseal("here", b)), secret)
  })

  it("gives fingerprints that are equal for the same secret in the same place, and for nothing else", async () => {
    const print = async (context: string, text: string, key = 1) =>
      (await run(secretsFrom(Buffer.alloc(32, key)).seal(context, text))).fingerprint
    const same = await print("here", secret)
    assert.strictEqual(await print("here", secret), same)
    const others = [await print("here", `${secret}.`), await print("there", secret), await print("here", secret, 2)]
    assert.notInclude(others, same)
    assert.match(same, /^[0-9a-f]{32}$/)
  })

  it("does not open elsewhere, with another key, or after a bit has changed", async () => {
    const sealed = await run(seal("here", secret))
    const other = secretsFrom(Buffer.alloc(32, 2))
    const bytes = Buffer.from(sealed.sealed, "base64")
    const damaged = [...bytes.keys()].map((at) => {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ 1
      return unseal("here", { ...sealed, sealed: copy.toString("base64") })
    })
    const short = unseal("here", { ...sealed, sealed: "AAAA" })
    for (const attempt of [unseal("there", sealed), other.unseal("here", sealed), short, ...damaged]) {
      const exit = await Effect.runPromiseExit(attempt)
      assert.isTrue(Exit.isFailure(exit))
      assert.notInclude(String(exit), "sesame")
    }
  })
})

describe("the key file", () => {
  it("is made once, for its owner alone", async () => {
    const sealed = await run(Effect.flatMap(secretsOf(directory), ({ seal }) => seal("here", secret)))
    assert.strictEqual(statSync(keyFile()).mode & 0o777, 0o600)
    assert.strictEqual(await run(Effect.flatMap(secretsOf(directory), ({ unseal }) => unseal("here", sealed))), secret)
    assert.deepStrictEqual(readdirSync(directory), ["secret-key"])
  })

  it("that others may read is closed to them", async () => {
    await run(secretsOf(directory))
    chmodSync(keyFile(), 0o664)
    await run(secretsOf(directory))
    assert.strictEqual(statSync(keyFile()).mode & 0o777, 0o600)
  })

  it("that holds no key is refused with its path, and left alone", async () => {
    for (const text of ["", "secret", `${"a".repeat(63)}\n`]) {
      writeFileSync(keyFile(), text)
      const error = await run(Effect.flip(secretsOf(directory)))
      assert.include(error.message, keyFile())
      assert.match(error.message, /64 hexadecimal digits/)
      assert.strictEqual(readFileSync(keyFile(), "utf8"), text)
    }
  })
})

const filesBelow = (path: string): ReadonlyArray<string> =>
  readdirSync(path, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : []
  )

const group = [{ tag: 1, secrets: [{ user: "anna", secret, muser: "target", msecret: "close sesame, please" }] }]

describe("a server", () => {
  it("has no secret in any file, its output, or what `lunlog log` prints, and has it after a restart", async () => {
    let output = ""
    {
      await using target = await startTarget({ directory })
      await target.rpc.call("iscsi_create_auth_group", group[0])
      const error = await target.rpc.call("iscsi_create_auth_group", group[0]).catch(String)
      assert.include(error, "File exists")
      for (const args of [["tail"], ["tail", "-v"], ["tail", "--json"]]) {
        const printed = await lunlog("log", ...args, "-r", target.socketPath)
        output += printed.stdout + printed.stderr
      }
      await target.stop()
      output += target.stderr()
    }
    assert.include(output, "AuthGroupCreated")
    const everything = [output, ...filesBelow(directory).map((path) => readFileSync(path, "latin1"))]
    for (const text of everything) assert.notMatch(text, /sesame/)
    await using target = await startTarget({ directory })
    assert.deepStrictEqual(await target.rpc.call("iscsi_get_auth_groups"), group)
  })

  it("whose key was lost says so at its start and when it is asked, and is well again with the right key", async () => {
    {
      await using target = await startTarget({ directory })
      await target.rpc.call("iscsi_create_auth_group", group[0])
    }
    const path = join(directory, "state", "secret-key")
    const key = readFileSync(path)
    rmSync(path)
    {
      await using target = await startTarget({ directory })
      const error = await target.rpc.call("iscsi_get_auth_groups").catch((failure: unknown) => failure)
      assert.match(JSON.stringify(error), /"code":-5.*sealed with another key.*put the secret-key/)
      assert.match(target.stderr(), /auth group 1: .*sealed with another key/)
    }
    writeFileSync(path, key)
    await using target = await startTarget({ directory })
    assert.deepStrictEqual(await target.rpc.call("iscsi_get_auth_groups"), group)
  })
})
