/** Portals follow the state, and a lease that comes to nothing leaves nothing open. */
import { createServer, type Server } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, type Scope } from "effect"
import type { Command } from "../../src/domain/Command.ts"
import { findPortalGroup } from "../../src/domain/State.ts"
import { Session } from "../support/initiator/Session.ts"
import { freePort } from "../support/target-process.ts"
import {
  attempt,
  createTarget,
  guideCommands,
  malloc,
  openSockets,
  type Plane,
  portalGroup,
  startPlane,
  targetName,
  until
} from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

/** Somebody else's listening socket. */
const occupy = (port: number): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer()
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

const free = Effect.promise(() => freePort())
const login = (port: number) => attempt(() => Session.open({ endpoint: { host: "127.0.0.1", port }, targetName }))
const refused = (port: number) =>
  Effect.map(Effect.flip(login(port)), (error) => assert.match(String(error), /ECONNREFUSED/))
const portalStates = (plane: Plane) =>
  Effect.map(plane.dataPlane.status, ({ portals }) =>
    portals.map(({ code, state }) => (code === undefined ? state : `${state} ${code}`))
  )

describe("a portal group", () => {
  live("listens from its creation to its deletion", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const before = openSockets()
      const ports = [yield* free, yield* free] as const
      const created = yield* plane.run(portalGroup(3, ["127.0.0.1", ports[0]], ["127.0.0.2", ports[1]]))
      assert.strictEqual(openSockets(), before + 2)
      assert.deepStrictEqual(yield* portalStates(plane), ["listening", "listening"])
      yield* plane.run({ _tag: "DeletePortalGroup", tag: 3 })
      const [event] = created.events
      assert(event?._tag === "PortalGroupCreated")
      const group = findPortalGroup(created.state, 3)
      assert(group !== undefined)
      yield* plane.dataPlane.awaitPortalsClosed(group.tag, group.incarnation)
      assert.strictEqual(openSockets(), before)
      yield* refused(ports[0])
    })
  )

  live("leaves its sessions alone when it goes, and may come again on the same address at once", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(malloc("Malloc0"))
      yield* plane.guide({ 0: "Malloc0" })
      const session = yield* plane.open()
      for (let round = 0; round < 5; round++) {
        yield* plane.run({ _tag: "DeletePortalGroup", tag: 1 })
        yield* plane.run(portalGroup(1, ["127.0.0.1", plane.port]))
        yield* attempt(() => session.nop())
      }
      assert.deepStrictEqual(yield* portalStates(plane), ["listening"])
    })
  )

  live("that is to wait holds its connections until it is started", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const wanted: Command = { ...portalGroupOf(plane.port), wait: true }
      yield* plane.run(wanted)
      for (const command of guideCommands(plane.port, {}).slice(1)) yield* plane.run(command)
      assert.deepStrictEqual(yield* portalStates(plane), ["waiting"])
      const before = openSockets()
      const waiting = yield* Effect.forkChild(plane.open([]), { startImmediately: true })
      yield* until(Effect.sync(() => openSockets() === before + 2))
      assert.strictEqual((yield* plane.dataPlane.status).connectionCount, 0)
      yield* plane.run({ _tag: "StartPortalGroup", tag: 1 })
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* portalStates(plane), ["listening"])
    })
  )
})

const portalGroupOf = (port: number) => ({
  _tag: "CreatePortalGroup" as const,
  tag: 1,
  portals: [{ host: "127.0.0.1", port }],
  private: false,
  wait: false
})

describe("a portal group that can't be", () => {
  live("because one address is in use opens none of the others", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const [first, taken] = [yield* free, yield* free]
      yield* occupy(taken)
      const before = openSockets()
      const error = yield* Effect.flip(plane.run(portalGroup(1, ["127.0.0.1", first], ["127.0.0.1", taken])))
      assert.strictEqual(error._tag, "PortalUnavailable")
      assert.include(error.message, `127.0.0.1:${taken} (EADDRINUSE)`)
      assert.strictEqual(openSockets(), before)
      assert.isUndefined(findPortalGroup(plane.controlPlane.state(), 1))
      // Free for the next one.
      yield* plane.run(portalGroup(1, ["127.0.0.1", first]))
    })
  )

  live("because a rule forbids it gives its sockets back", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* plane.run(portalGroup(1, ["127.0.0.1", plane.port]))
      const before = openSockets()
      const other = yield* free
      const error = yield* Effect.flip(plane.run(portalGroup(1, ["127.0.0.1", other])))
      assert.strictEqual(error._tag, "AlreadyExists")
      assert.strictEqual(openSockets(), before)
      yield* refused(other)
    })
  )

  live("because the log does not take it gives its sockets back", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const before = openSockets()
      plane.faults.next = () => {
        plane.faults.next = () => "none"
        return "refuse"
      }
      const error = yield* Effect.flip(plane.run(portalGroup(1, ["127.0.0.1", plane.port])))
      assert.strictEqual(error._tag, "AppendFailed")
      assert.strictEqual(openSockets(), before)
      assert.isUndefined(findPortalGroup(plane.controlPlane.state(), 1))
    })
  )

  live("because its caller is gone either exists or has left nothing", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const before = openSockets()
      let created = 0
      for (let tag = 1; tag <= 20; tag++) {
        const fiber = yield* Effect.forkChild(plane.run(portalGroup(tag, ["127.0.0.1", yield* free])), {
          startImmediately: true
        })
        for (let turns = 0; turns < tag % 5; turns++) {
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        }
        yield* Fiber.interrupt(fiber)
        // Whatever went on without its caller has ended when another command has.
        yield* plane.run({ _tag: "CreateInitiatorGroup", tag, initiators: ["ANY"], netmasks: ["ANY"] })
        if (findPortalGroup(plane.controlPlane.state(), tag) !== undefined) created++
      }
      yield* until(Effect.sync(() => openSockets() === before + created))
      const states = yield* portalStates(plane)
      assert.lengthOf(states, created)
    })
  )
})

describe("at boot", () => {
  live("a portal that is not tried yet has not failed", () =>
    Effect.gen(function* () {
      const never = yield* Deferred.make<void>()
      const plane = yield* startPlane({
        settings: { acceptWhen: Deferred.await(never) },
        before: (port) => guideCommands(port, {})
      })
      const seen = new Set<string>()
      const look = Effect.map(portalStates(plane), (states) => {
        for (const state of states) seen.add(state)
      })
      for (let times = 0; times < 50; times++) yield* look
      yield* until(Effect.map(look, () => seen.size > 0))
      assert.deepStrictEqual([...seen], ["waiting"])
    })
  )

  live("a portal that can't be had is reported, tried again, and opens when it can", () =>
    Effect.gen(function* () {
      const taken = yield* free
      const other = yield* occupy(taken)
      const plane = yield* startPlane({
        before: (port) => [
          malloc("Malloc0"),
          ...guideCommands(port, { 0: "Malloc0" }),
          portalGroup(2, ["127.0.0.1", taken]),
          portalGroup(3, ["192.0.2.1", 3260])
        ]
      })
      yield* until(Effect.map(portalStates(plane), (states) => states.length === 3))
      yield* until(Effect.map(portalStates(plane), ([first]) => first === "listening"))
      assert.deepStrictEqual(yield* portalStates(plane), ["listening", "failed EADDRINUSE", "failed EADDRNOTAVAIL"])
      // The others work meanwhile.
      yield* plane.open()
      other.close()
      yield* until(Effect.map(portalStates(plane), ([, second]) => second === "listening"))
      const group = findPortalGroup(plane.controlPlane.state(), 3)
      assert(group !== undefined)
      yield* plane.run({ _tag: "DeletePortalGroup", tag: 3 })
      yield* plane.dataPlane.awaitPortalsClosed(group.tag, group.incarnation)
      assert.deepStrictEqual(yield* portalStates(plane), ["listening", "listening"])
    })
  )

  live("initiators are let in last: when all is up, and the start says so", () =>
    Effect.gen(function* () {
      const ready = yield* Deferred.make<void>()
      const atFirst = openSockets()
      const plane = yield* startPlane({
        settings: { acceptWhen: Deferred.await(ready) },
        before: (port) => [malloc("Malloc0"), malloc("Malloc1"), ...guideCommands(port, { 0: "Malloc0", 1: "Malloc1" })]
      })
      // A portal that is not bound yet waits as well.
      yield* until(Effect.sync(() => openSockets() === atFirst + 1))
      assert.deepStrictEqual(yield* portalStates(plane), ["waiting"])
      const before = openSockets()
      const waiting = yield* Effect.forkChild(plane.open([0, 1]), { startImmediately: true })
      yield* until(Effect.sync(() => openSockets() === before + 2))
      // What is created meanwhile waits as well.
      const late = yield* free
      yield* plane.run(portalGroup(2, ["127.0.0.1", late]))
      yield* plane.run(createTarget({}, "iqn.2016-06.io.spdk:late"))
      assert.deepStrictEqual(yield* portalStates(plane), ["waiting", "waiting"])
      assert.strictEqual((yield* plane.dataPlane.status).connectionCount, 0)
      yield* Deferred.succeed(ready, undefined)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* portalStates(plane), ["listening", "listening"])
    })
  )
})

describe("the end", () => {
  live("closes every portal and every connection", () =>
    Effect.gen(function* () {
      const before = openSockets()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const plane = yield* startPlane()
          yield* plane.run(malloc("Malloc0"))
          yield* plane.guide({ 0: "Malloc0" })
          yield* plane.open()
          assert.isAbove(openSockets(), before)
        })
      )
      yield* until(Effect.sync(() => openSockets() === before))
    })
  )
})
