/** Does an action. */
import { setTimeout as delay } from "node:timers/promises"
import { reportLuns } from "../../support/initiator/commands.ts"
import { attackOnce } from "../../support/initiator/hostile.ts"
import { makeRandom } from "../../support/initiator/random.ts"
import type { Action, FileFault, Step } from "../Action.ts"
import { attackedTarget, blockBytes, diskBlocks, nbdName } from "../names.ts"
import type { World } from "../World.ts"
import { performIo } from "./perform-io.ts"
import { performConfig, performRpc } from "./perform-rpc.ts"
import {
  performCut,
  performDrop,
  performLogin,
  performLogout,
  performManage,
  performReserve,
  performStall
} from "./perform-session.ts"

const performHostile = async (world: World, { connections, seed }: Extract<Action, { readonly do: "hostile" }>) => {
  const random = makeRandom(seed)
  for (let count = 0; count < connections && !world.isEnding; count++) {
    const target = random.chance(0.3) ? undefined : attackedTarget
    const used = await attackOnce(world.lunlog.endpoint, target, random).catch((error: Error) => [error.message])
    world.note(`hostile connection: ${used.join(", ")}`)
  }
}

const performReportLuns = async (world: World, id: number, session: string): Promise<void> => {
  const initiator = world.usable(session)
  if (initiator === undefined) return
  const begin = world.clock.tick()
  const outcome = await reportLuns(initiator.session).then(
    () => "GOOD",
    () => undefined
  )
  // Refused or lost, it has told nothing.
  if (outcome === undefined) return
  const { name, since, target } = initiator
  world.history.ios.push({
    ...{
      id,
      index: 0,
      session: name,
      since,
      target,
      lun: 0,
      kind: "reportLuns",
      block: 0,
      blocks: 0,
      version: 0,
      fua: false
    },
    ...{ begin, end: world.clock.tick(), outcome, found: [] }
  })
}

const performFault = (world: World, file: string, fault: FileFault): void => {
  world.history.faults.push({ begin: world.clock.tick(), of: "file", name: file, kind: fault })
  world.setFileFault(fault, file)
}

const performKillNbd = async (world: World, millis: number): Promise<void> => {
  const server = world.nbd(diskBlocks * blockBytes)
  world.history.faults.push({ begin: world.clock.tick(), of: "nbd", name: nbdName, kind: "killed" })
  world.note("the NBD server is killed")
  await server.kill()
  await delay(millis)
  await server.start()
}

/** Does it, unless the server is about to end. */
export const perform = async (world: World, { action, id }: Step): Promise<void> => {
  if (world.isEnding) return
  switch (action.do) {
    case "rpc":
      return performRpc(world, id, action.method, world.resolve(action.params))
    case "config":
      return performConfig(world, id, world.resolve({ document: action.document })["document"])
    case "login":
      return performLogin(world, id, action)
    case "logout":
      return performLogout(world, action.session)
    case "drop":
      return performDrop(world, action.session)
    case "cut":
      return performCut(world, action.session, action.bytes, action.how)
    case "stall":
      return performStall(world, action.session, action.millis)
    case "io":
      return performIo(world, id, action)
    case "manage":
      return performManage(world, action)
    case "reportLuns":
      return performReportLuns(world, id, action.session)
    case "reserve":
      return performReserve(world, id, action)
    case "hostile":
      return performHostile(world, action)
    case "fault":
      return performFault(world, action.file, action.fault)
    case "killNbd":
      return performKillNbd(world, action.millis)
    case "pause":
      return void (await delay(action.millis))
    case "kill":
    case "stop":
      // The life's end: see Chaos.
      return undefined
  }
}
