/**
 * CHAP between the scripted initiator and the real control and data planes: secrets come sealed in commands, and every
 * combination of the settings of targets, portal groups and discovery is what logins meet.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { secretsFrom } from "../../src/cli/serve/secret-key.ts"
import { sealingContext } from "../../src/domain/auth/AuthGroup.ts"
import type { Command } from "../../src/domain/Command.ts"
import { type Auth, noAuth } from "../../src/domain/options/IscsiOptions.ts"
import type { Secrets } from "../../src/domain/Secrets.ts"
import type { Credentials } from "../support/initiator/chap.ts"
import { type LoginOptions, LoginStatus, login } from "../support/initiator/login.ts"
import { Wire } from "../support/initiator/Wire.ts"
import { freePort } from "../support/target-process.ts"
import {
  attempt,
  guideCommands,
  malloc,
  type Plane,
  planeSecrets,
  portalGroup,
  recordsOf,
  startPlane,
  targetName,
  until
} from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)
const { authenticationFailure, success } = LoginStatus

const anna: Credentials = { user: "anna", secret: "anna's own secret" }
const both: Credentials = {
  user: "bert",
  secret: "bert's own secret",
  mutual: { user: "disk1", secret: "the target's own" }
}
const bert: Credentials = { user: both.user, secret: both.secret }

const sealed = (tag: number, { mutual, secret, user }: Credentials, secrets: Secrets["Service"] = planeSecrets) =>
  Effect.gen(function* () {
    const own = { user, secret: yield* secrets.seal(sealingContext(tag, user, "secret"), secret) }
    if (mutual === undefined) return own
    const msecret = yield* secrets.seal(sealingContext(tag, user, "msecret"), mutual.secret)
    return { ...own, muser: mutual.user, msecret }
  })

const createGroup = (plane: Plane, tag: number, users: ReadonlyArray<Credentials>, secrets?: Secrets["Service"]) =>
  Effect.gen(function* () {
    const requests = yield* Effect.forEach(users, (user) => sealed(tag, user, secrets))
    yield* plane.run({ _tag: "CreateAuthGroup", tag, secrets: requests })
  })

/** The guide's target, with auth group 1 of Anna and Bert. */
const withGroup = Effect.gen(function* () {
  const plane = yield* startPlane()
  yield* plane.run(malloc("Malloc0"))
  yield* plane.guide({ 0: "Malloc0" })
  yield* createGroup(plane, 1, [anna, both])
  return plane
})

const auth = (flags: Partial<Auth>): Auth => ({ ...noAuth, chapGroup: 1, ...flags })
const required = auth({ requireChap: true })
const mutual = auth({ requireChap: true, mutualChap: true })
const setTarget = (wanted: Auth): Command => ({ _tag: "SetTargetNodeAuth", target: targetName, auth: wanted })

/** The status of one login on a connection of its own, which a refusal closes. */
const statusOf = (port: number, options: LoginOptions) =>
  attempt(async () => {
    const wire = await Wire.connect({ host: "127.0.0.1", port })
    try {
      const { status } = await login(wire, options)
      if (status !== success) await wire.untilClosed()
      return status
    } finally {
      wire.destroy()
    }
  })

const tryLogin = (plane: Plane, chap: Credentials | undefined, authMethod = "CHAP", discovery = false) =>
  statusOf(plane.port, {
    ...(discovery ? {} : { targetName }),
    authMethod,
    ...(chap === undefined ? {} : { chap })
  })

const reasons = (plane: Plane) =>
  Effect.map(recordsOf(plane, "LoginRefused"), (records) => records.map(({ payload }) => JSON.stringify(payload)))

describe("a target", () => {
  live("lets in who proves it, by every algorithm and in both spellings", () =>
    Effect.gen(function* () {
      const plane = yield* withGroup
      yield* plane.run(setTarget(required))
      for (const algorithms of ["5", "6", "7", "8", "5,7", "99,8,5"]) {
        for (const encoding of ["hex", "base64"] as const) {
          assert.strictEqual(yield* tryLogin(plane, { ...anna, algorithms, encoding }), success, algorithms)
        }
      }
      assert.strictEqual(yield* tryLogin(plane, { ...anna, algorithms: "99" }), authenticationFailure)
    })
  )

  live(
    "gives one answer to a wrong secret, an unknown user, a missing group and none, and tells its own log which",
    () =>
      Effect.gen(function* () {
        const plane = yield* withGroup
        yield* plane.run(setTarget(required))
        assert.strictEqual(yield* tryLogin(plane, { ...anna, secret: "a guess" }), authenticationFailure)
        assert.strictEqual(yield* tryLogin(plane, { ...anna, user: "nobody" }), authenticationFailure)
        yield* plane.run(setTarget({ ...required, chapGroup: 7 }))
        assert.strictEqual(yield* tryLogin(plane, { ...anna, user: "else" }), authenticationFailure)
        yield* plane.run(setTarget({ ...required, chapGroup: 0 }))
        assert.strictEqual(yield* tryLogin(plane, anna), authenticationFailure)
        // One object of the gate tells its first refusal at once: the others differ in nothing that the wire shows.
        const [first = ""] = yield* reasons(plane)
        assert.match(first, /user \\"anna\\" of auth group 1 is wrong/)
        assert.notInclude(first, "a guess")
        assert.notInclude(first, anna.secret)
      })
  )

  // SPDK's table: none set, disabled, required, required and mutual; what the initiator offers; whom it lets in.
  const table: ReadonlyArray<readonly [Auth, string, Credentials | undefined, number]> = [
    [auth({}), "None", undefined, success],
    [auth({}), "None,CHAP", undefined, success],
    [auth({}), "CHAP,None", anna, success],
    [auth({}), "CHAP", anna, success],
    [auth({}), "CHAP,None", { ...anna, secret: "wrong" }, authenticationFailure],
    [auth({}), "CHAP", both, authenticationFailure],
    [auth({ chapGroup: 0 }), "CHAP,None", undefined, success],
    [auth({ chapGroup: 0 }), "CHAP", anna, authenticationFailure],
    [auth({ chapGroup: 9 }), "CHAP,None", anna, authenticationFailure],
    [auth({ disableChap: true }), "None", undefined, success],
    [auth({ disableChap: true }), "CHAP,None", undefined, success],
    [auth({ disableChap: true }), "CHAP", anna, authenticationFailure],
    [required, "None", undefined, authenticationFailure],
    [required, "CHAP,None", bert, success],
    [required, "None,CHAP", bert, success],
    [required, "CHAP", both, authenticationFailure],
    [mutual, "None", undefined, authenticationFailure],
    [mutual, "CHAP", both, success],
    [mutual, "CHAP", bert, authenticationFailure],
    [mutual, "CHAP", { ...anna, mutual: { user: "disk1", secret: "none" } }, authenticationFailure],
    [required, "SRP,KRB5", undefined, authenticationFailure]
  ]

  live("admits by the table of all combinations, and discovery as well", () =>
    Effect.gen(function* () {
      const plane = yield* withGroup
      for (const [wanted, method, chap, expected] of table) {
        const row = JSON.stringify([wanted, method, chap])
        yield* plane.run(setTarget(wanted))
        yield* plane.run({ _tag: "SetDiscoveryAuth", auth: noAuth })
        assert.strictEqual(yield* tryLogin(plane, chap, method), expected, row)
        yield* plane.run(setTarget(noAuth))
        yield* plane.run({ _tag: "SetDiscoveryAuth", auth: wanted })
        assert.strictEqual(yield* tryLogin(plane, chap, method, true), expected, `discovery ${row}`)
      }
    })
  )

  live("heeds a change of its group at the next login, and leaves sessions alone", () =>
    Effect.gen(function* () {
      const plane = yield* withGroup
      yield* plane.run(setTarget(required))
      const session = yield* plane.open([0], { authMethod: "CHAP", chap: anna })
      yield* until(
        Effect.map(recordsOf(plane, "SessionOpened"), ([opened]) =>
          JSON.stringify(opened?.payload ?? "").includes("anna")
        )
      )
      yield* plane.run({ _tag: "RemoveAuthGroupSecret", tag: 1, user: anna.user })
      assert.strictEqual(yield* tryLogin(plane, anna), authenticationFailure)
      const renewed = { ...anna, secret: "anna's next secret" }
      yield* plane.run({ _tag: "AddAuthGroupSecret", tag: 1, secret: yield* sealed(1, renewed) })
      assert.strictEqual(yield* tryLogin(plane, anna), authenticationFailure)
      assert.strictEqual(yield* tryLogin(plane, renewed), success)
      yield* plane.run({ _tag: "DeleteAuthGroup", tag: 1 })
      assert.strictEqual(yield* tryLogin(plane, renewed), authenticationFailure)
      yield* attempt(() => session.nop())
    })
  )

  live("stays closed to secrets that cannot be opened, and status says so without them", () =>
    Effect.gen(function* () {
      const plane = yield* withGroup
      yield* createGroup(plane, 2, [anna, both], secretsFrom(Buffer.alloc(32, 8)))
      yield* plane.run(setTarget({ ...required, chapGroup: 2 }))
      assert.strictEqual(yield* tryLogin(plane, anna), authenticationFailure)
      const { warnings } = yield* plane.dataPlane.status
      assert.lengthOf(warnings, 1)
      assert.match(warnings[0] ?? "", /^auth group 2: users "anna", "bert" cannot log in: .*another key.*secret-key/)
    })
  )

  live("warns of secrets that are short, equal in both directions, or of several users", () =>
    Effect.gen(function* () {
      const plane = yield* withGroup
      const same = { user: "carl", secret: "one for both ways", mutual: { user: "t", secret: "one for both ways" } }
      yield* createGroup(plane, 3, [{ user: "dora", secret: "short" }, same, { user: "emil", secret: same.secret }])
      const { warnings } = yield* plane.dataPlane.status
      assert.lengthOf(warnings, 3)
      assert.match(warnings[0] ?? "", /^auth group 3: user "carl" cannot log in: one secret for both directions/)
      assert.match(warnings[1] ?? "", /^auth group 3: a secret of user "dora" has less than 12 bytes/)
      assert.match(warnings[2] ?? "", /^auth group 3: users "carl", "emil" have one secret/)
      yield* plane.run(setTarget({ ...mutual, chapGroup: 3 }))
      assert.strictEqual(yield* tryLogin(plane, same), authenticationFailure)
      yield* plane.run({ _tag: "DeleteAuthGroup", tag: 3 })
      assert.deepStrictEqual((yield* plane.dataPlane.status).warnings, [])
    })
  )

  live("has its secrets again after a restart, in a worker too", () =>
    Effect.gen(function* () {
      const secret = yield* sealed(1, anna)
      const before = (port: number): ReadonlyArray<Command> => [
        ...guideCommands(port, {}),
        { _tag: "CreateAuthGroup", tag: 1, secrets: [secret] },
        setTarget(required)
      ]
      const plane = yield* startPlane({ before, settings: { reactor: "worker" } })
      const listening = Effect.map(plane.dataPlane.status, ({ portals }) => portals[0]?.state === "listening")
      yield* until(listening)
      assert.strictEqual(yield* tryLogin(plane, anna), success)
      assert.strictEqual(yield* tryLogin(plane, { ...anna, secret: "wrong" }), authenticationFailure)
    })
  )
})

describe("discovery over a portal group", () => {
  live("goes by the group's own setting and secrets, which never weaken what all discovery needs", () =>
    Effect.gen(function* () {
      const plane = yield* withGroup
      const otherPort = yield* Effect.promise(() => freePort())
      yield* plane.run(portalGroup(2, ["127.0.0.1", otherPort]))
      yield* createGroup(plane, 2, [{ user: "finder", secret: "the finder's secret" }])
      const discover = (chap: Credentials | undefined) =>
        statusOf(otherPort, chap === undefined ? {} : { authMethod: "CHAP", chap })
      const finder = { user: "finder", secret: "the finder's secret" }
      yield* plane.run({ _tag: "SetPortalGroupAuth", tag: 2, auth: { ...required, chapGroup: 2 } })
      assert.strictEqual(yield* discover(undefined), authenticationFailure)
      assert.strictEqual(yield* discover(finder), success)
      assert.strictEqual(yield* discover(anna), authenticationFailure)
      assert.strictEqual(yield* statusOf(plane.port, {}), success)
      yield* plane.run({ _tag: "SetDiscoveryAuth", auth: required })
      assert.strictEqual(yield* discover(finder), success)
      yield* plane.run({ _tag: "SetPortalGroupAuth", tag: 2, auth: { ...noAuth, disableChap: true } })
      assert.strictEqual(yield* discover(undefined), authenticationFailure)
      assert.strictEqual(yield* discover(anna), success)
    })
  )
})
