/** The auth file at a start: what makes groups, what is passed over, and what ends the start. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { MemoryEventLog } from "../../eventlog/MemoryEventLog.ts"
import { secretsFrom } from "../../src/cli/serve/secret-key.ts"
import { iniLengthMax } from "../../src/config/ini.ts"
import { ControlPlane } from "../../src/domain/ControlPlane.ts"
import { defaultIscsiOptions } from "../../src/domain/options/IscsiOptions.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import { authGroupsOf } from "../../src/domain/State.ts"
import { loadAuthFile } from "../../src/rpc/load-auth-file.ts"
import { instanceLayer } from "./server-support.ts"
import { temporaryDirectory } from "./support.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const services = Layer.suspend(() =>
  Layer.mergeAll(
    ControlPlane.layer.pipe(Layer.provideMerge(MemoryEventLog.layer())),
    instanceLayer(),
    Layer.succeed(Secrets, secretsFrom(Buffer.alloc(32, 7)))
  )
)

/** Loads the file twice, as a start with a configuration may; gives tags and users. */
const load = (authFile: string) =>
  Effect.gen(function* () {
    const { dispatch, state } = yield* ControlPlane
    const options = { ...defaultIscsiOptions, authFile }
    yield* dispatch({ _tag: "SetIscsiOptions", options }, { source: "rpc", actor: "local" })
    yield* loadAuthFile
    yield* loadAuthFile
    return authGroupsOf(state()).map(({ secrets, tag }) => [tag, ...secrets.map(({ user }) => user)])
  }).pipe(Effect.provide(services))

const withFile = (text: string) =>
  Effect.gen(function* () {
    const path = join(yield* temporaryDirectory, "auth.conf")
    yield* Effect.sync(() => writeFileSync(path, text, { mode: 0o600 }))
    return path
  })

describe("the auth file", () => {
  live("makes groups once", () =>
    Effect.gen(function* () {
      const path = yield* withFile("[AuthGroup2]\nAuth a 1\nAuth b 2 m 3\n[AuthGroup1]\n")
      assert.deepStrictEqual(yield* load(path), [[2, "a", "b"], [1]])
    })
  )

  live("that is not there is passed over", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* load(join(yield* temporaryDirectory, "none")), [])
    })
  )

  live("that is no readable file ends the start", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryDirectory, "folder")
      yield* Effect.sync(() => mkdirSync(folder))
      const error = yield* Effect.flip(load(folder))
      assert.strictEqual(error.message, `auth file ${folder} cannot be read: it is no regular file`)
      const long = yield* withFile("#".repeat(iniLengthMax + 1))
      assert.strictEqual((yield* Effect.flip(load(long))).message, `auth file ${long} has more than 1048576 bytes`)
    })
  )

  it.live.each<readonly [string, string]>([
    ['[AuthGroup1]\nAuth a "hidden\u0001"\n', ':2 user "a" of auth group 1 has a secret that is none; use 1 to 255'],
    ['[AuthGroup1]\nAuth a hidden m ""\n', ':2 user "a" of auth group 1 has a secret that is none; use 1 to 255'],
    ["[AuthGroup1]\nAuth a hidden\nAuth a hidden\n", ':3 user "a" has a secret already, in line 2'],
    ['#\n[AuthGroup7]\nAuth "" hidden\n', ':2 user "" of auth group 7 has the user name']
  ])("with the mistake in %j ends the start, and says where", ([text, expected]) =>
    Effect.gen(function* () {
      const path = yield* withFile(text)
      const { message } = yield* Effect.flip(load(path))
      assert.strictEqual(message.slice(0, path.length + expected.length), path + expected)
      assert.notInclude(message, "hidden")
    })
  )
})
