/** Files applied to a running control plane and data plane. */
import { once } from "node:events"
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { EventLog } from "../../eventlog/EventLog.ts"
import type { ConfigRefused } from "../../src/config/ConfigRefused.ts"
import { ConfigApplier, type PlanMoved } from "../../src/config/plan/ConfigApplier.ts"
import { defaultPlanOptions, driftOfState, type PlanOptions } from "../../src/config/plan/Plan.ts"
import { ControlPlane } from "../../src/domain/ControlPlane.ts"
import { DataPlane } from "../../src/domain/DataPlane.ts"
import { PortalUnavailable } from "../../src/domain/data-plane-errors.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import {
  activeBdevsOf,
  activeLunsOf,
  activeTargetsOf,
  initiatorGroupsOf,
  portalGroupsOf
} from "../../src/domain/State.ts"
import { attempt, type Plane, startPlane } from "../dataplane/plane.ts"
import { cdb } from "../support/initiator/commands.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { freePort } from "../support/target-process.ts"
import { openSecrets, readText } from "./support.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const cause = { source: "config", actor: "local", method: "test" } as const

const apply = ({ controlPlane, dataPlane, log }: Plane, source: string, options: Partial<PlanOptions> = {}) => {
  const services = ConfigApplier.layer.pipe(
    Layer.provide(Layer.succeed(ControlPlane, controlPlane)),
    Layer.provide(Layer.succeed(DataPlane, dataPlane)),
    Layer.provide(Layer.succeed(EventLog, log)),
    Layer.provide(Layer.succeed(Secrets, openSecrets))
  )
  const request = {
    file: readText(source),
    options: { ...defaultPlanOptions, ...options },
    cause,
    removalsWithinMillis: 5000
  }
  return Effect.flatMap(ConfigApplier, (applier) => applier.apply(request)).pipe(Effect.provide(services))
}

const portals = (plane: Plane) =>
  Effect.map(plane.dataPlane.status, ({ portals }) => portals.map(({ port, state, tag }) => `${tag} ${port} ${state}`))

const maps = (plane: Plane) =>
  activeTargetsOf(plane.controlPlane.state()).flatMap(({ pgIgMaps }) =>
    pgIgMaps.map(({ initiatorGroup, portalGroup }) => `${portalGroup}:${initiatorGroup}`)
  )

const taken = new PortalUnavailable({ host: "127.0.0.1", port: 1, code: "EADDRINUSE", detail: "it is in use" })

/** The port of a server that is no part of the target. */
const listenElsewhere = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer()
    await once(server.listen(0, "127.0.0.1"), "listening")
    return server
  }),
  (server) => Effect.promise(() => new Promise((resolve) => void server.close(resolve)))
).pipe(
  Effect.map((server) => {
    const address = server.address()
    assert(typeof address === "object" && address !== null)
    return address.port
  })
)

const refusedProblems = (error: ConfigRefused | PlanMoved): Pick<ConfigRefused, "problems"> => {
  assert(error._tag === "ConfigRefused")
  return error
}

interface Groups {
  readonly portalGroup: number
  readonly initiatorGroup: number
  readonly target?: string
}

const fileOf = (port: number, { initiatorGroup, portalGroup, target = "disk1" }: Groups) => `
bdevs:
  - { type: malloc, name: Malloc0, size: 1 MiB }
portalGroups:
  - { tag: ${portalGroup}, portals: ["127.0.0.1:${port}"] }
initiatorGroups:
  - { tag: ${initiatorGroup}, initiators: [ANY], netmasks: [ANY] }
targets:
  - name: ${target}
    maps: [{ portalGroup: ${portalGroup}, initiatorGroup: ${initiatorGroup} }]
    luns: [{ lun: 0, bdev: Malloc0 }]
`

describe("a file", () => {
  live("may stack bdevs: each base is open before what is on it is made", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const { plan } = yield* apply(
        plane,
        `
bdevs:
  - { type: delay, name: Slow, base: EE_Malloc0, averageRead: 1000 }
  - { type: error, base: Malloc0 }
  - { type: malloc, name: Malloc0, size: 1 MiB }
`
      )
      assert.lengthOf(plan.steps, 3)
      const { bdevs } = yield* plane.dataPlane.status
      assert.deepStrictEqual(
        bdevs.map(({ name, state }) => `${name} ${state}`),
        ["Malloc0 up", "EE_Malloc0 up", "Slow up"]
      )
    })
  )

  live("may give a portal group another tag and a target another name on the same address", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* apply(plane, fileOf(plane.port, { portalGroup: 1, initiatorGroup: 1 }))
      yield* apply(plane, fileOf(plane.port, { portalGroup: 2, initiatorGroup: 1, target: "disk2" }))
      assert.deepStrictEqual(yield* portals(plane), [`2 ${plane.port} listening`])
    })
  )

  live("may put a target under other groups while the old ones go", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* apply(plane, fileOf(plane.port, { portalGroup: 1, initiatorGroup: 1 }))
      yield* apply(plane, fileOf(plane.port, { portalGroup: 2, initiatorGroup: 7 }))
      assert.deepStrictEqual(maps(plane), ["2:7"])
      assert.deepStrictEqual(yield* portals(plane), [`2 ${plane.port} listening`])
      // Initiator groups alone.
      yield* apply(plane, fileOf(plane.port, { portalGroup: 2, initiatorGroup: 8 }))
      assert.deepStrictEqual(maps(plane), ["2:8"])
    })
  )

  live("narrows a map under its sessions, which stay and are told", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const whole = fileOf(plane.port, { portalGroup: 1, initiatorGroup: 1 })
      yield* apply(plane, whole)
      const session = yield* plane.open([0])
      const outcome = (command: Buffer, writeData?: Buffer) =>
        Effect.map(
          attempt(() => session.command({ lun: 0, cdb: command, ...(writeData === undefined ? {} : { writeData }) })),
          outcomeText
        )
      yield* apply(plane, whole.replace("initiatorGroup: 1 }]", "initiatorGroup: 1, readOnly: true }]"))
      assert.strictEqual(yield* outcome(cdb.testUnitReady()), "6/2a/01")
      assert.strictEqual(yield* outcome(cdb.write10(0, 1), Buffer.alloc(512)), "7/27/00")
      yield* apply(plane, whole.replace("initiatorGroup: 1 }]", "initiatorGroup: 1, luns: [5] }]"))
      assert.strictEqual(yield* outcome(cdb.testUnitReady()), "5/25/00")
      yield* apply(plane, whole)
      assert.strictEqual(yield* outcome(cdb.testUnitReady()), "6/29/00")
      assert.strictEqual(yield* outcome(cdb.write10(0, 1), Buffer.alloc(512)), "GOOD")
      assert.deepStrictEqual(session.violations, [])
    })
  )

  live("may change what a portal group is on the same address, and keeps its maps", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const file = fileOf(plane.port, { portalGroup: 1, initiatorGroup: 1 })
      yield* apply(plane, file)
      const { plan } = yield* apply(plane, file.replace("{ tag: 1, portals", "{ tag: 1, private: true, portals"))
      assert.deepStrictEqual(
        plan.works.map(({ command }) => command._tag),
        ["DeletePortalGroup", "CreatePortalGroup", "AddPgIgMaps"]
      )
      assert.deepStrictEqual(maps(plane), ["1:1"])
      assert.deepStrictEqual(yield* portals(plane), [`1 ${plane.port} listening`])
    })
  )

  live("makes a disk anew with its LUN, if that is asked for", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const file = fileOf(plane.port, { portalGroup: 1, initiatorGroup: 1 })
      yield* apply(plane, file)
      yield* apply(plane, file.replace("size: 1 MiB", "size: 2 MiB"), { replace: true })
      const [bdev] = activeBdevsOf(plane.controlPlane.state())
      const [target] = activeTargetsOf(plane.controlPlane.state())
      assert.deepInclude(bdev?.spec, { blockCount: 4096 })
      assert.deepStrictEqual(
        target === undefined ? [] : activeLunsOf(target).map(({ bdev: { incarnation } }) => incarnation),
        [bdev?.incarnation]
      )
    })
  )

  live("of many disks makes them in its order, although they are opened together", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const names = Array.from({ length: 300 }, (_, index) => `N${index}`)
      yield* apply(
        plane,
        `bdevs:\n${names.map((name) => `  - { type: "null", name: ${name}, size: 1MiB }`).join("\n")}`
      )
      assert.deepStrictEqual(
        activeBdevsOf(plane.controlPlane.state()).map(({ name }) => String(name)),
        names
      )
    })
  )

  live("makes its groups in its order, although portals take time to open", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const ports = yield* Effect.forEach([1, 2, 3], () => Effect.promise(() => freePort()))
      const portalGroups = ports.map((port, index) => `  - { tag: ${9 - index}, portals: ["127.0.0.1:${port}"] }`)
      const initiatorGroups = [3, 2, 1].map((tag) => `  - { tag: ${tag}, initiators: [ANY], netmasks: [ANY] }`)
      yield* apply(plane, ["portalGroups:", ...portalGroups, "initiatorGroups:", ...initiatorGroups].join("\n"))
      const state = plane.controlPlane.state()
      assert.deepStrictEqual(
        [...portalGroupsOf(state), ...initiatorGroupsOf(state)].map(({ tag }) => Number(tag)),
        [9, 8, 7, 3, 2, 1]
      )
    })
  )

  live("that only the system refuses says where, and goes on from there the next time", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const holder = createServer()
      const port = yield* Effect.callback<number>((resume) => {
        holder.listen(0, "127.0.0.1", () => {
          const bound = holder.address()
          resume(Effect.succeed(typeof bound === "object" && bound !== null ? bound.port : 0))
        })
      })
      const file = fileOf(port, { portalGroup: 1, initiatorGroup: 1 })
      const refused = yield* Effect.flip(apply(plane, file))
      assert.match(refused.message, /^f\.yaml:5:5 portalGroups\[0\]: cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\)/)
      assert.isUndefined(plane.controlPlane.state().appliedConfig)
      yield* Effect.callback<void>((resume) => {
        holder.close(() => resume(Effect.void))
      })
      yield* apply(plane, file)
      assert.deepStrictEqual(maps(plane), ["1:1"])
    })
  )

  live("that fails on the way can be taken back: what it has removed by then is no drift", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const file = fileOf(plane.port, { portalGroup: 1, initiatorGroup: 1 })
      yield* apply(plane, file)
      // The old group goes before the new one is found to be impossible.
      const address = "192.0.2.1"
      const impossible = file.replace(`127.0.0.1:${plane.port}`, `${address}:${plane.port}`)
      const refused = yield* Effect.flip(apply(plane, impossible))
      assert.match(refused.message, /cannot listen on 192\.0\.2\.1/)
      assert.deepStrictEqual(yield* portals(plane), [])
      yield* apply(plane, file)
      assert.deepStrictEqual(yield* portals(plane), [`1 ${plane.port} listening`])
      assert.deepStrictEqual(maps(plane), ["1:1"])
    })
  )

  live("that makes again what was removed by RPC owns it: without it in the file it goes", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const groups = { portalGroup: 1, initiatorGroup: 1 }
      const file = fileOf(plane.port, groups)
      yield* apply(plane, file)
      const [target] = activeTargetsOf(plane.controlPlane.state())
      assert(target !== undefined)
      yield* plane.run({ _tag: "DeleteTargetNode", target: target.name })
      yield* plane.dataPlane.awaitTargetGone(target.name, target.incarnation)
      yield* apply(plane, file)
      assert.deepStrictEqual(maps(plane), [])
      yield* apply(plane, file, { enforce: true })
      assert.deepStrictEqual(maps(plane), ["1:1"])
      const { seq } = plane.log.tip()
      yield* apply(plane, file, { enforce: true })
      assert.strictEqual(plane.log.tip().seq, seq)
      const { plan } = yield* apply(plane, "targets: []")
      assert.deepStrictEqual(plan.kept, [])
      assert.deepStrictEqual(maps(plane), [])
    })
  )

  live("that wants an address of somebody else, or a file that is not there, takes nothing down for it", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const groups = { portalGroup: 1, initiatorGroup: 1 }
      const other = yield* listenElsewhere
      yield* apply(plane, fileOf(plane.port, groups))
      const { controlSeq } = plane.log.durable()
      const file = `${fileOf(other, groups)}`.replace(
        "bdevs:",
        "bdevs:\n  - { type: aio, name: A, file: /nowhere/a.img }"
      )
      const { problems } = yield* Effect.flip(apply(plane, file)).pipe(Effect.map(refusedProblems))
      assert.lengthOf(problems, 2)
      assert.match(problems.join("\n"), /cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\).*/)
      assert.match(problems.join("\n"), /bdev A cannot be opened \(ENOENT\)/)
      assert.strictEqual(plane.log.durable().controlSeq, controlSeq)
      assert.deepStrictEqual([maps(plane), yield* portals(plane)], [["1:1"], [`1 ${plane.port} listening`]])
    })
  )

  live("that was broken off while its portal group was down is applied whole by the next", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      const groups = { portalGroup: 1, initiatorGroup: 1 }
      const moved = fileOf(yield* Effect.promise(() => freePort()), groups)
      yield* apply(plane, fileOf(plane.port, groups))
      // An address that goes between the trial and the deed.
      const { dataPlane } = plane
      let count = 0
      const acquirePortals: typeof dataPlane.acquirePortals = (wanted) =>
        ++count === 1 ? dataPlane.acquirePortals(wanted) : Effect.fail(taken)
      yield* Effect.flip(apply({ ...plane, dataPlane: { ...dataPlane, acquirePortals } }, moved))
      assert.deepStrictEqual(maps(plane), [])
      const state = plane.controlPlane.state()
      assert.deepStrictEqual(driftOfState(state), [], "nobody has removed the map by RPC")

      const { plan } = yield* apply(plane, moved)
      assert.deepStrictEqual([maps(plane), plan.drift], [["1:1"], []])
      const { controlSeq } = plane.log.durable()
      yield* apply(plane, moved)
      assert.strictEqual(plane.log.durable().controlSeq, controlSeq)
    })
  )

  live("that is empty removes nothing, unless it says so", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* apply(plane, "")
      yield* apply(plane, fileOf(plane.port, { portalGroup: 1, initiatorGroup: 1 }))
      const { controlSeq } = plane.log.durable()
      const { problems } = yield* Effect.flip(apply(plane, "# soon\n")).pipe(Effect.map(refusedProblems))
      assert.deepStrictEqual(problems, [
        'f.yaml:1:1 has nothing in it, and 4 objects would go; write "targets: []" if that is meant'
      ])
      assert.strictEqual(plane.log.durable().controlSeq, controlSeq)
      yield* apply(plane, "targets: []")
      assert.deepStrictEqual(maps(plane), [])
    })
  )

  live("that cannot be applied as a whole changes nothing, and says why", () =>
    Effect.gen(function* () {
      const plane = yield* startPlane()
      yield* apply(plane, fileOf(plane.port, { portalGroup: 1, initiatorGroup: 1 }))
      yield* plane.run({ _tag: "CreateBdev", bdev: { _tag: "Error", base: "Malloc0" } })
      const { controlSeq } = plane.log.durable()
      // Its bdev is gone from the file, but what was stacked on it by RPC is not.
      const withoutBdev = fileOf(plane.port, { portalGroup: 1, initiatorGroup: 2 })
        .replace(/ +- \{ type: malloc.*\n/, "  - { type: malloc, name: Other, size: 1 MiB }\n")
        .replace("bdev: Malloc0", "bdev: Other")
      const refused = yield* Effect.flip(apply(plane, withoutBdev))
      assert.match(refused.message, /bdev Malloc0 is not declared any more, but bdev EE_Malloc0 made by RPC uses it/)
      assert.strictEqual(plane.log.durable().controlSeq, controlSeq)
    })
  )
})
