/** Persistent reservations in the log: rules, limits, ends of processes and LUNs. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import type { Command, CommandOf } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import { PortalGroupTag } from "../../src/domain/ids.ts"
import {
  isAllRegistrants,
  noKey,
  REGISTRATIONS_PER_UNIT_MAX,
  type Registrant,
  type UnitReservations
} from "../../src/domain/reservation/Reservation.ts"
import { reservationNews } from "../../src/domain/reservation/reservation-evolve.ts"
import { findReservations } from "../../src/domain/State.ts"
import {
  at,
  bdevName,
  createPortalGroup,
  createTarget,
  disk1,
  disk2,
  drained,
  groundwork,
  guide,
  startEpoch
} from "./examples.ts"
import { diceOf } from "./random.ts"
import { askReservations, initiatorA, initiatorB, nexusOf } from "./random-reservations.ts"
import { type ModelNexus, ReservationModel } from "./reservation-model.ts"
import { fold, followedBy, given, type History, historyOf } from "./specification.ts"

const isid = "00023d000001"
const keyA = "00000000000000a1"
const keyB = "00000000000000b2"
const disk = { name: bdevName("Malloc0"), incarnation: at(4) }

const a = nexusOf(initiatorA)
const b = nexusOf(initiatorB)

type Request = CommandOf<"ChangeReservations">

const register = (by: Registrant, serviceKey: string, changes: Partial<Request> = {}): Request =>
  askReservations(by, "register", { serviceKey, ...changes })

const reservationsOf = ({ state }: History): UnitReservations | undefined => findReservations(state, disk.name)

describe("a registration", () => {
  it("is an event with what has changed, and needs the key that is registered", () => {
    const after = given(...guide)
      .when(register(a, keyA, { persistent: true }))
      .givesExactly({
        _tag: "ReservationsChanged",
        bdev: disk,
        action: "register",
        by: a,
        generation: 1,
        persistent: true,
        registered: [{ ...a, key: keyA }],
        unregistered: []
      })
    assert.deepStrictEqual(reservationsOf(after), {
      bdev: disk,
      generation: 1,
      persistent: true,
      registrations: [{ ...a, key: keyA }]
    })
    given(...guide, register(a, keyA))
      .when(register(a, keyB))
      .refused("ReservationRefused", /another key/u)
  })

  it("through all ports of the target is one event", () => {
    const before = given(...guide, createPortalGroup(3, ["127.0.0.2", 3260]), {
      _tag: "AddPgIgMaps",
      target: disk1,
      maps: [{ portalGroup: 3, initiatorGroup: 2 }]
    })
    const after = before.when(register(a, keyA, { allTargetPorts: true })).gives("ReservationsChanged")
    assert.deepStrictEqual(
      reservationsOf(after)?.registrations.map(({ relativePort }) => Number(relativePort)),
      [1, 2]
    )
    const none = followedBy(after, register(a, noKey, { key: keyA, allTargetPorts: true }))
    assert.isEmpty(reservationsOf(none)?.registrations ?? [])
  })

  it("beyond the limit has no room", () => {
    const others = Array.from({ length: REGISTRATIONS_PER_UNIT_MAX }, (_, index) => ({
      initiator: `iqn.2020-01.org.ex:${index}`,
      isid
    }))
    const tooMany = decide(historyOf(...guide).state, register(a, keyA, { others }))
    assert.isTrue(Result.isFailure(tooMany) && "answer" in tooMany.failure && tooMany.failure.answer === "no-resources")
    given(...guide)
      .when(register(a, keyA, { others: others.slice(1) }))
      .gives("ReservationsChanged")
  })

  it("with a disk that the target does not have is refused", () => {
    given(...guide)
      .when(register(nexusOf(initiatorA, 1, disk2), keyA))
      .refused("NotFound", /no disk of/u)
    given(...guide)
      .when({ ...register(a, keyA), bdev: { ...disk, incarnation: at(3) } })
      .refused("NotFound", /no disk of/u)
  })

  it("knows an initiator by its name in any case, and by its ISID", () => {
    const upper = nexusOf(initiatorA.toUpperCase())
    const after = historyOf(...guide, register(a, keyA), register(upper, keyB, { key: keyA }))
    assert.strictEqual(reservationsOf(after)?.registrations.length, 1)
    const other = { ...a, isid: "00023d000009" }
    assert.strictEqual(reservationsOf(followedBy(after, register(other, keyA)))?.registrations.length, 2)
  })
})

describe("the end of a process", () => {
  const reserved = (persistent: boolean): ReadonlyArray<Command> => [
    ...guide,
    register(a, keyA, { persistent }),
    askReservations(a, "reserve", { key: keyA, type: 1 })
  ]

  it("takes what was not to outlive it", () => {
    assert.isUndefined(reservationsOf(historyOf(...reserved(false), startEpoch())))
  })

  it("leaves what was, but generations begin anew", () => {
    const after = reservationsOf(historyOf(...reserved(true), startEpoch()))
    assert.deepStrictEqual(after, {
      bdev: disk,
      generation: 0,
      persistent: true,
      registrations: [{ ...a, key: keyA }],
      reservation: { type: 1, holder: a }
    })
  })

  it("leaves nothing where an empty one begins", () => {
    assert.isUndefined(reservationsOf(historyOf(...reserved(true), startEpoch("empty"))))
  })
})

describe("the end of a LUN", () => {
  const both = historyOf(
    ...groundwork,
    createTarget(),
    createTarget({ name: disk2, luns: [{ bdev: "Malloc0", lun: 0 }] }),
    register(nexusOf(initiatorA, 1, disk2), keyA),
    register(b, keyB),
    askReservations(b, "reserve", { key: keyB, type: 1 })
  )

  it("takes what was registered through its target, and the reservation of such a holder", () => {
    const after = [{ _tag: "RemoveLun", target: disk1, lun: 0 } as const, drained(0, 8)].reduce(followedBy, both)
    assert.deepStrictEqual(reservationsOf(after), {
      bdev: disk,
      generation: 2,
      persistent: false,
      registrations: [{ ...nexusOf(initiatorA, 1, disk2), key: keyA }]
    })
  })

  it("takes nothing while the target has another LUN of the disk", () => {
    const again = followedBy(both, { _tag: "AddLun", target: disk1, bdev: "Malloc0", lun: 7 })
    const after = [{ _tag: "RemoveLun", target: disk1, lun: 0 } as const, drained(0, 8)].reduce(followedBy, again)
    assert.deepStrictEqual(reservationsOf(after), reservationsOf(both))
  })

  it("takes all with the last one", () => {
    const removed = [
      { _tag: "RemoveLun", target: disk1, lun: 0 } as const,
      drained(0, 8),
      { _tag: "RemoveLun", target: disk2, lun: 0 } as const
    ].reduce(followedBy, both)
    const lun = removed.events.findIndex((event) => event._tag === "LunAdded" && event.target === disk2) + 1
    assert.isUndefined(reservationsOf(followedBy(removed, drained(0, lun, disk2))))
  })
})

describe("a clearing by command", () => {
  it("takes everything, whoever holds it, and is nothing where nobody is registered", () => {
    const clear: Command = { _tag: "ClearReservations", bdev: "Malloc0" }
    const held = given(...guide, register(a, keyA), askReservations(a, "reserve", { key: keyA, type: 3 }))
    assert.deepStrictEqual(reservationsOf(held.when(clear).gives("ReservationsChanged")), {
      bdev: disk,
      generation: 2,
      persistent: false,
      registrations: []
    })
    given(...guide)
      .when(clear)
      .gives()
    given(...guide)
      .when({ ...clear, bdev: "nothing" })
      .refused("NotFound", /does not exist/u)
  })
})

const initiators = [initiatorA, initiatorB, "iqn.2020-01.org.ex:c"] as const
const keys = [noKey, keyA, keyB] as const
const nexusName = ({ initiator, relativePort }: Registrant): ModelNexus => `${initiator}/${relativePort}`
const answerOf = (history: History, command: Request) => {
  const decision = decide(history.state, command)
  if (Result.isSuccess(decision)) return { answer: "good", events: decision.success }
  const { failure } = decision
  return { answer: failure._tag === "ReservationRefused" ? failure.answer : failure._tag, events: [] }
}

const inModel = (model: ReservationModel, request: Request): string => {
  const by = nexusName(request.by)
  const { key, serviceKey: newKey, type } = request
  switch (request.action) {
    case "register":
    case "register-and-ignore": {
      const others = request.others?.map(({ initiator }) => initiator)
      const ignore = request.action !== "register"
      const { allTargetPorts: allPorts, persistent: aptpl } = request
      return model.register(by, { ignore, key, newKey, aptpl, allPorts, others })
    }
    case "reserve":
      return model.reserve(by, key, type)
    case "release":
      return model.release(by, key, type)
    case "preempt":
    case "preempt-and-abort":
      return model.preempt(by, key, newKey, type)
    case "register-and-move": {
      const { initiator = "", relativePort: port = 0, unregister = false } = request.moveTo ?? {}
      return model.move(by, { key, newKey, initiator, port, unregister, aptpl: request.persistent })
    }
    default:
      return model.clear(by, key)
  }
}

const randomRequest = ({ pick, roll }: ReturnType<typeof diceOf>, model: ReservationModel): Request => {
  const by = nexusOf(pick(initiators), 1 + roll(2))
  const action = pick<Request["action"]>([
    "register",
    "register",
    "register-and-ignore",
    "register-and-move",
    "reserve",
    "reserve",
    "release",
    "preempt",
    "preempt-and-abort",
    "clear"
  ])
  const isFirst = roll(4) === 0
  return askReservations(by, action, {
    key: roll(6) === 0 ? pick(keys) : (model.keys.get(nexusName(by)) ?? noKey),
    serviceKey: action === "register" && roll(3) > 0 ? keyA : pick(keys),
    type: pick([1, 3, 5, 6, 7, 8, model.type ?? 5, model.type ?? 7]),
    persistent: roll(2) === 0,
    allTargetPorts: isFirst,
    ...(roll(6) === 0 ? { others: [{ initiator: pick(initiators), isid }] } : {}),
    ...(action === "register-and-move"
      ? { moveTo: { initiator: pick(initiators), isid, relativePort: 1 + roll(3), unregister: roll(2) === 0 } }
      : {})
  })
}

const modelState = (model: ReservationModel) => ({
  generation: model.generation,
  aptpl: model.aptpl,
  keys: [...model.keys].map(([name, key]) => `${name} ${key}`).sort(),
  type: model.type,
  holder: model.holder
})

const unitState = (unit: UnitReservations | undefined) => ({
  generation: unit?.generation ?? 0,
  aptpl: unit?.persistent ?? false,
  keys: (unit?.registrations ?? []).map((one) => `${nexusName(one)} ${one.key}`).sort(),
  type: unit?.reservation?.type,
  holder: unit?.reservation?.holder === undefined ? undefined : nexusName(unit.reservation.holder)
})

describe("any sequence of PERSISTENT RESERVE OUT", () => {
  const twoPorts = historyOf(...guide, createPortalGroup(3, ["127.0.0.2", 3260]), {
    _tag: "AddPgIgMaps",
    target: disk1,
    maps: [{ portalGroup: PortalGroupTag.make(3), initiatorGroup: 2 }]
  })

  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    "comes to what a model of SPC-4 comes to (seed %i)",
    (seed) => {
      const dice = diceOf(seed)
      const model = new ReservationModel([1, 2])
      let history = twoPorts
      const seen = new Set<string>()
      for (let step = 0; step < 150; step++) {
        const request = randomRequest(dice, model)
        model.news = []
        const expected = inModel(model, request)
        const { answer, events } = answerOf(history, request)
        const step = `${request.action} by ${nexusName(request.by)} after ${JSON.stringify(modelState(model))}`
        assert.strictEqual(answer, expected, step)
        history = fold(history, events)
        const unit = reservationsOf(history)
        assert.deepStrictEqual(unitState(unit), modelState(model), step)
        const [event] = events
        const news = event?._tag === "ReservationsChanged" ? reservationNews(event, unit) : []
        assert.deepStrictEqual(
          news.map(({ news, of }) => `${nexusName(of)} ${news}`).sort(),
          model.news.map(([name, news]) => `${name} ${news}`).sort(),
          step
        )
        if (unit?.reservation !== undefined) {
          assert.strictEqual(unit.reservation.holder === undefined, isAllRegistrants(unit.reservation.type))
        }
        seen.add(`${request.action} ${answer}`)
      }
      assert.isAbove(seen.size, 10)
    }
  )
})
