/**
 * What logins meet, as the control plane says: redirects to another portal, authentication that fails closed, and
 * requests to log out, between the scripted initiator and the real control and data planes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { Command } from "../../src/domain/Command.ts"
import { type Auth, noAuth } from "../../src/domain/options/IscsiOptions.ts"
import { type LoginOptions, LoginStatus, login } from "../support/initiator/login.ts"
import type { Pdu } from "../support/initiator/pdu.ts"
import { Session } from "../support/initiator/Session.ts"
import { Wire } from "../support/initiator/Wire.ts"
import { freePort } from "../support/target-process.ts"
import {
  attempt,
  guideCommands,
  malloc,
  type PlaneOptions,
  portalGroup,
  recordsOf,
  startPlane,
  targetName,
  until
} from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)
const movedTemporarily = 0x0101

/** Portal group 1 is public on `plane.port`, portal group 2 private on another port; the target is mapped to both. */
const withTwoGroups = (options: PlaneOptions = {}) =>
  Effect.gen(function* () {
    const plane = yield* startPlane(options)
    yield* plane.run(malloc("Malloc0"))
    yield* plane.guide({ 0: "Malloc0" })
    const otherPort = yield* Effect.promise(() => freePort())
    const hidden = portalGroup(2, ["127.0.0.1", otherPort])
    yield* plane.run(hidden._tag === "CreatePortalGroup" ? { ...hidden, private: true } : hidden)
    yield* plane.run({ _tag: "AddPgIgMaps", target: targetName, maps: [{ portalGroup: 2, initiatorGroup: 1 }] })
    return { plane, otherPort }
  })

const redirectTo = (port: number | undefined): Command => ({
  _tag: "SetTargetNodeRedirect",
  target: targetName,
  portalGroup: 1,
  ...(port === undefined ? {} : { host: "127.0.0.1", port })
})

/** One login on a connection of its own: its status, what it was told, and whether the target then closed. */
const tryLogin = (port: number, options: LoginOptions = { targetName }) =>
  attempt(async () => {
    const wire = await Wire.connect({ host: "127.0.0.1", port })
    try {
      const { answered, status } = await login(wire, options)
      if (status !== 0) await wire.untilClosed()
      return { status, answered }
    } finally {
      wire.destroy()
    }
  })

const statusOf = (port: number, options: LoginOptions = { targetName }) =>
  Effect.map(tryLogin(port, options), ({ status }) => status)

/** A session that is dropped with the scope; one of discovery without a target's name. */
const openAt = (port: number, options: LoginOptions = {}) =>
  Effect.acquireRelease(
    attempt(() => Session.open({ endpoint: { host: "127.0.0.1", port }, ...options })),
    (session) => Effect.sync(() => session.drop())
  )

describe("a redirected target", () => {
  live("sends logins over that portal group to the other portal, until it is cleared", () =>
    Effect.gen(function* () {
      const { otherPort, plane } = yield* withTwoGroups()
      const early = yield* plane.open()
      yield* plane.run(redirectTo(otherPort))
      const { answered, status } = yield* tryLogin(plane.port)
      assert.strictEqual(status, movedTemporarily)
      assert.deepStrictEqual(answered, [["TargetAddress", `127.0.0.1:${otherPort}`]])
      assert.strictEqual(yield* statusOf(plane.port, { targetName, authMethod: "None" }), movedTemporarily)
      assert.strictEqual(yield* statusOf(otherPort), LoginStatus.success)
      // Sessions that are there stay where they are.
      yield* attempt(() => early.nop())
      yield* plane.run(redirectTo(undefined))
      assert.strictEqual(yield* statusOf(plane.port), LoginStatus.success)
      const refusals = yield* recordsOf(plane, "LoginRefused")
      assert.deepInclude(refusals[0]?.payload, { status: movedTemporarily, statusName: "TargetMovedTemporarily" })
    })
  )

  live("sends away also whom it would not admit, and is discovered by its public portal alone", () =>
    Effect.gen(function* () {
      const { otherPort, plane } = yield* withTwoGroups()
      yield* plane.run(redirectTo(otherPort))
      const none = { initiators: ["!ANY"], netmasks: [] }
      const discovery = yield* openAt(plane.port)
      const found = yield* attempt(() => discovery.text([["SendTargets", "All"]]))
      assert.deepStrictEqual(found, [
        ["TargetName", targetName],
        ["TargetAddress", `127.0.0.1:${plane.port},1`]
      ])
      yield* plane.run({ _tag: "RemoveInitiatorGroupMembers", tag: 1, initiators: ["ANY"], netmasks: [] })
      yield* plane.run({ _tag: "AddInitiatorGroupMembers", tag: 1, ...none })
      assert.strictEqual(yield* statusOf(plane.port), movedTemporarily)
      assert.strictEqual(yield* statusOf(otherPort), LoginStatus.authorizationFailure)
    })
  )

  live("is so still after a restart", () =>
    Effect.gen(function* () {
      const before = (port: number) => [...guideCommands(port, {}), redirectTo(3260)]
      const plane = yield* startPlane({ before })
      yield* until(Effect.map(plane.dataPlane.status, ({ portals }) => portals.every((it) => it.state === "listening")))
      const { answered, status } = yield* tryLogin(plane.port)
      assert.strictEqual(status, movedTemporarily)
      assert.deepStrictEqual(answered, [["TargetAddress", "127.0.0.1:3260"]])
    })
  )
})

const required: Auth = { ...noAuth, requireChap: true, chapGroup: 1 }

describe("CHAP that is required from now on", () => {
  live("keeps new sessions of a target out, leaves those that are there, and can be taken back", () =>
    Effect.gen(function* () {
      const { plane } = yield* withTwoGroups()
      const early = yield* plane.open()
      yield* plane.run({ _tag: "SetTargetNodeAuth", target: targetName, auth: required })
      assert.strictEqual(yield* statusOf(plane.port), LoginStatus.authenticationFailure)
      assert.strictEqual(yield* statusOf(plane.port, {}), LoginStatus.success)
      yield* attempt(() => early.nop())
      yield* plane.run({ _tag: "SetTargetNodeAuth", target: targetName, auth: noAuth })
      assert.strictEqual(yield* statusOf(plane.port), LoginStatus.success)
    })
  )

  live("keeps discovery out, over every portal group", () =>
    Effect.gen(function* () {
      const { otherPort, plane } = yield* withTwoGroups()
      yield* plane.run({ _tag: "SetDiscoveryAuth", auth: required })
      for (const port of [plane.port, otherPort]) {
        assert.strictEqual(yield* statusOf(port, {}), LoginStatus.authenticationFailure)
        assert.strictEqual(yield* statusOf(port), LoginStatus.success)
      }
      yield* plane.run({ _tag: "SetDiscoveryAuth", auth: noAuth })
      assert.strictEqual(yield* statusOf(plane.port, {}), LoginStatus.success)
    })
  )

  live("keeps discovery out over one portal group alone", () =>
    Effect.gen(function* () {
      const { otherPort, plane } = yield* withTwoGroups()
      yield* plane.run({ _tag: "SetPortalGroupAuth", tag: 2, auth: required })
      assert.strictEqual(yield* statusOf(plane.port, {}), LoginStatus.success)
      assert.strictEqual(yield* statusOf(otherPort, {}), LoginStatus.authenticationFailure)
      assert.strictEqual(yield* statusOf(otherPort), LoginStatus.success)
    })
  )
})

/** Asynchronous messages that have come before the answer to a ping. */
const told = (session: Session) =>
  attempt(async () => {
    await session.nop()
    return session.asyncMessages.map((message: Pdu) => ({
      event: message.header[36],
      seconds: message.header.readUInt16BE(42)
    }))
  })

const requestLogout = (portalGroup?: number): Command => ({
  _tag: "RequestTargetNodeLogout",
  target: targetName,
  ...(portalGroup === undefined ? {} : { portalGroup })
})

describe("a request to log out", () => {
  live("reaches the sessions over the named portal group, or all, and leaves 30 s for it", () =>
    Effect.gen(function* () {
      const { otherPort, plane } = yield* withTwoGroups()
      const here = yield* plane.open()
      const there = yield* openAt(otherPort, { targetName })
      const discovery = yield* openAt(plane.port)
      yield* plane.run(requestLogout(2))
      assert.deepStrictEqual(yield* told(there), [{ event: 1, seconds: 30 }])
      assert.deepStrictEqual(yield* told(here), [])
      yield* plane.run(requestLogout())
      assert.lengthOf(yield* told(there), 2)
      assert.deepStrictEqual(yield* told(here), [{ event: 1, seconds: 30 }])
      assert.deepStrictEqual(yield* told(discovery), [])
      assert.deepStrictEqual([...here.violations, ...there.violations], [])
    })
  )

  live("that is honoured ends the session in order, and its initiator is sent to where the target is now", () =>
    Effect.gen(function* () {
      // In a worker: what goes over the reactor's boundary is plain.
      const { otherPort, plane } = yield* withTwoGroups({ settings: { reactor: "worker" } })
      const session = yield* plane.open()
      yield* plane.run(redirectTo(otherPort))
      yield* plane.run(requestLogout(1))
      assert.lengthOf(yield* told(session), 1)
      assert.strictEqual(yield* attempt(() => session.logout()), 0)
      assert.strictEqual(yield* statusOf(plane.port), movedTemporarily)
      yield* openAt(otherPort, { targetName })
      const [closed] = yield* recordsOf(plane, "SessionClosed")
      assert.deepInclude(closed?.payload, { reason: "logout" })
    })
  )

  live("that is ignored ends in a cut when the time is over, and only for those who were asked", () =>
    Effect.gen(function* () {
      const { otherPort, plane } = yield* withTwoGroups({ settings: { logoutLimitMillis: 1 } })
      const ignoring = yield* plane.open()
      const other = yield* openAt(otherPort, { targetName })
      yield* plane.run(requestLogout(1))
      yield* attempt(() => ignoring.wire.untilClosed())
      assert.deepStrictEqual(yield* told(other), [])
      const [closed] = yield* recordsOf(plane, "SessionClosed")
      assert.deepInclude(closed?.payload, { reason: "it was asked to log out and did not", portalGroupTag: 1 })
    })
  )

  live("finds nobody to ask where nobody is", () =>
    Effect.gen(function* () {
      const { plane } = yield* withTwoGroups()
      yield* plane.run(requestLogout())
      const [record] = yield* recordsOf(plane, "TargetNodeLogoutRequested")
      assert.deepInclude(record?.payload, { target: targetName })
    })
  )
})
