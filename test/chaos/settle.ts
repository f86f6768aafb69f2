/** Brings a round to rest: what was made to go wrong is put right, and what is under way comes to its end. */
import { setTimeout as delay } from "node:timers/promises"
import type { Lunlog } from "../support/initiator/lunlog.ts"
import type { ControlRecord } from "./History.ts"
import type { World } from "./World.ts"

/** What the target may take to come to rest, in milliseconds. */
const restMillis = 15_000

const namesOf = (answer: unknown): ReadonlyArray<string> =>
  Array.isArray(answer) ? answer.map(({ name }) => String(name)) : []

/** Files are whole again, and error bdevs do what they are asked. */
export const repair = async (world: World): Promise<void> => {
  world.setFileFault("none")
  await world.nbd(0).start()
  const { lunlog } = world
  const bdevs = namesOf(await lunlog.call("bdev_get_bdevs"))
  for (const name of bdevs.filter((one) => one.startsWith("EE_"))) {
    // Either may find it gone.
    await lunlog
      .call("bdev_error_inject_error", { name, io_type: "clear", error_type: "failure" })
      .catch(() => undefined)
    await lunlog.call("bdev_error_resume_pending", { name }).catch(() => undefined)
  }
}

const member = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce((at: unknown, key) => new Map(Object.entries(Object(at))).get(key), value)

const isAtRest = (status: unknown, connections: unknown, expected: number): boolean => {
  const drains = member(status, "lun_drains")
  return (
    Array.isArray(drains) &&
    drains.length === 0 &&
    member(status, "objects", "targets_being_deleted") === 0 &&
    member(status, "objects", "bdevs_being_removed") === 0 &&
    Array.isArray(connections) &&
    connections.length === expected
  )
}

/** Connections that are broken are given up, the others go on. */
export const tidyInitiators = (world: World): void => {
  for (const initiator of world.initiators.values()) {
    initiator.session.wire.resume()
    if (!initiator.isCut) continue
    initiator.mayEnd("cut", world.clock.tick())
    initiator.session.drop()
  }
}

/** Sessions that are open. */
export const openInitiators = (world: World) =>
  [...world.initiators.values()].filter(({ session }) => !session.isClosed)

/** Waits until nothing drains and nobody is connected who should not be. What is wrong if that takes too long. */
export const untilAtRest = async (world: World): Promise<ReadonlyArray<string>> => {
  const deadline = performance.now() + restMillis
  for (;;) {
    const status = await world.lunlog.call("lunlog_status")
    const connections = await world.lunlog.call("iscsi_get_connections")
    const expected = openInitiators(world).length
    if (isAtRest(status, connections, expected)) return []
    if (performance.now() > deadline) {
      const there = JSON.stringify({
        drains: member(status, "lun_drains"),
        objects: member(status, "objects"),
        connections
      })
      return [`the target does not come to rest within ${restMillis} ms, with ${expected} sessions open: ${there}`]
    }
    await delay(20)
  }
}

const pageRecords = 500
const actor = /^chaos (\d+)$/

const asRecord = (value: unknown): ControlRecord => {
  const payload = member(value, "payload")
  const own = actor.exec(String(member(value, "cause", "actor")))?.[1]
  return {
    seq: Number(member(value, "seq")),
    type: String(member(value, "type")),
    kind: String(member(value, "kind")),
    payload: typeof payload === "object" && payload !== null ? { ...payload } : {},
    action: own === undefined ? undefined : Number(own),
    source: String(member(value, "cause", "source"))
  }
}

/** Control records from `from` on, and where to go on. */
export const readRecords = async (
  lunlog: Lunlog,
  from: number
): Promise<{ readonly records: ReadonlyArray<ControlRecord>; readonly next: number }> => {
  const found: Array<ControlRecord> = []
  for (let next = from; ; ) {
    const answer = await lunlog.call("eventlog_read", { from: next, limit: pageRecords })
    const page = member(answer, "records")
    const records = Array.isArray(page) ? page.map(asRecord) : []
    found.push(...records)
    const durable = Number(member(answer, "durable_seq"))
    const last = records.at(-1)?.seq ?? durable
    const more = member(answer, "next")
    if (more === undefined)
      return { records: found.filter(({ kind }) => kind === "control"), next: Math.max(last, durable, next - 1) + 1 }
    next = Number(more)
  }
}
