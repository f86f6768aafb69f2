/** When all is quiet: every initiator asks every LUN until there is nothing to tell, and reads what was written. */
import type { History } from "../History.ts"
import type { Initiator } from "../initiators/Initiator.ts"
import type { There } from "../model/ControlModel.ts"
import { openInitiators } from "../settle.ts"
import type { World } from "../World.ts"
import { IoRun } from "./perform-io.ts"

/** Blocks that are read: where all but large transfers go. */
const readBlocks = 128
/** Times that a LUN may have something else to say before it must be ready. */
const asksMax = 20

const askLun = async (run: IoRun, what: string): Promise<ReadonlyArray<string>> => {
  for (let ask = 0; ask < asksMax; ask++) {
    const ready = { kind: "ready", block: 0, blocks: 0, fua: false } as const
    const { outcome } = await run.command(ready, ask)
    if (outcome === "GOOD") break
    if (!outcome.startsWith("6/")) return [`${what}: TEST UNIT READY ended with ${outcome} when all was quiet`]
  }
  for (let ask = 0; ask < asksMax; ask++) {
    const { outcome } = await run.command({ kind: "read", block: 0, blocks: readBlocks, fua: false }, ask)
    if (outcome === "GOOD") return []
    if (!outcome.startsWith("6/")) return [`${what}: READ ended with ${outcome} when all was quiet`]
  }
  return [`${what}: it is never ready`]
}

/** A sync that has failed is told to the next flush of each, once. */
const askFlush = async (run: IoRun, what: string): Promise<ReadonlyArray<string>> => {
  const flush = { kind: "flush", block: 0, blocks: 0, fua: false } as const
  const outcomes = [(await run.command(flush, 0)).outcome, (await run.command(flush, 1)).outcome]
  return outcomes[1] === "GOOD" ? [] : [`${what}: flushes ended with ${outcomes.join(", ")} when all was quiet`]
}

const askInitiator = async (world: World, initiator: Initiator, there: There): Promise<ReadonlyArray<string>> => {
  const wrong: Array<string> = []
  for (const [lun, { isGoing }] of there.targets.get(initiator.target)?.luns ?? []) {
    if (isGoing) continue
    const run = new IoRun(world, initiator, lun, 0)
    const what = `${initiator.name} at LUN ${lun} of ${initiator.target}`
    wrong.push(...(await askLun(run, what)))
    if (world.history.faults.length > 0) wrong.push(...(await askFlush(run, what)))
  }
  const late = initiator.seen().violations
  return [...wrong, ...late.map((violation) => `${initiator.name}: ${violation}`)]
}

const clearReservations = async ({ lunlog }: World): Promise<void> => {
  const answer = await lunlog.call("lunlog_reservations_get")
  for (const { bdev_name: name } of Array.isArray(answer) ? answer : []) {
    await lunlog.call("lunlog_reservations_clear", { name })
  }
}

/** Asks; `asked` gets the commands. Registrations are taken away first: they would keep others from reading. */
export const performIoCommands = async (world: World, asked: History, there: There): Promise<ReadonlyArray<string>> => {
  await clearReservations(world)
  const round = world.history
  world.history = asked
  asked.reserved.push(...round.reserved)
  asked.faults.push(...round.faults.filter(({ kind, of }) => of === "file" && (kind === "sync" || kind === "EIO")))
  const found = await Promise.all(openInitiators(world).map((initiator) => askInitiator(world, initiator, there)))
  world.history = round
  return found.flat()
}
