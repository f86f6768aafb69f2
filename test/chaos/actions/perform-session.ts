/** What initiators do beside IO: log in and out, go away, stop reading, manage tasks, reserve. */
import { setTimeout as delay } from "node:timers/promises"
import { reserveOut } from "../../support/initiator/host-commands.ts"
import { defaultKeys } from "../../support/initiator/login.ts"
import type { Pdu } from "../../support/initiator/pdu.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import { LoginRefused, Session } from "../../support/initiator/Session.ts"
import type { Cut } from "../../support/initiator/Wire.ts"
import type { Action } from "../Action.ts"
import { Initiator } from "../initiators/Initiator.ts"
import { PduRing } from "../initiators/PduRing.ts"
import { initiatorName, isidOf } from "../names.ts"
import type { World } from "../World.ts"
import { failureText } from "./perform-io.ts"

type Of<Do extends Action["do"]> = Extract<Action, { readonly do: Do }>

const smallPieces = { ImmediateData: "No", InitialR2T: "Yes", MaxBurstLength: "4096", FirstBurstLength: "512" }

const keysOf = ({ digests, smallPieces: small }: Of<"login">): Readonly<Record<string, string>> => ({
  ...defaultKeys,
  ...(digests ? { HeaderDigest: "CRC32C", DataDigest: "CRC32C" } : {}),
  ...(small ? smallPieces : {})
})

/** AsyncEvent: the target wants a logout, RFC 7143 section 11.9.1. */
const logoutRequested = 1

const isLogoutRequest = (pdu: Pdu): boolean => pdu.header[36] === logoutRequested

/** Connects and logs in. Asked to log out, the initiator does, be it before anybody has taken note of it. */
const openInitiator = async (world: World, id: number, action: Of<"login">): Promise<Initiator> => {
  const { initiator, session: name, target } = action
  const { clock, lunlog } = world
  const opened: { ring?: PduRing; own?: Initiator } = {}
  const leave = (): void => void opened.own?.leave("asked to log out", clock.tick())
  const session = await Session.open({
    endpoint: lunlog.endpoint,
    targetName: target,
    initiatorName: initiatorName(initiator),
    isid: isidOf(initiator, name),
    keys: keysOf(action),
    ignorePings: action.ignorePings,
    onAsyncMessage: (pdu) => {
      if (isLogoutRequest(pdu)) leave()
    },
    onConnect: (wire) => {
      opened.ring = new PduRing(`${name}-action-${id}`, wire)
      world.keepRing(opened.ring)
    }
  })
  const since = clock.tick()
  opened.own = new Initiator(name, target, initiator, session, since)
  // The kill came while the target let it in.
  if (world.isEnding) opened.own.mayEnd("kill -9", since)
  if (session.asyncMessages.some(isLogoutRequest)) leave()
  return opened.own
}

/** Logs in. A session of the same name goes: it is reinstated, or dropped if it was another target's. */
export const performLogin = async (world: World, id: number, action: Of<"login">): Promise<void> => {
  const { clock, history, initiators } = world
  const { initiator, session: name, target } = action
  const begin = clock.tick()
  const before = initiators.get(name)
  before?.mayEnd("another login", begin)
  if (before !== undefined && before.target !== target) before.session.drop()
  let status: number | undefined
  try {
    initiators.set(name, await openInitiator(world, id, action))
    status = 0
    if (before !== undefined) world.retired.push(before)
    // The same nexus is reinstated: the target has to end the session.
    if (before?.target !== target || before.port !== initiator) before?.session.drop()
  } catch (error) {
    if (error instanceof LoginRefused) status = error.status
    else world.note(`action ${id}: login ended: ${error instanceof Error ? error.message : String(error)}`)
  }
  history.logins.push({ id, session: name, initiator, target, status, begin, end: clock.tick() })
  world.note(`action ${id}: login of ${name} to ${target}: ${status?.toString(16) ?? "no answer"}`)
}

/** Logs out, and waits for the end. */
export const performLogout = async (world: World, name: string): Promise<void> => {
  await world.usable(name)?.leave("logout", world.clock.tick())
}

/** The connection is gone. */
export const performDrop = (world: World, name: string): void => {
  const initiator = world.usable(name)
  initiator?.mayEnd("dropped", world.clock.tick())
  initiator?.session.drop()
}

/** The connection goes with one of the next bytes. */
export const performCut = (world: World, name: string, bytes: number, how: Cut): void => {
  const initiator = world.usable(name)
  // Its commands go on until then, so it stays usable.
  if (initiator === undefined) return
  initiator.session.wire.cutAfter(bytes, how)
  initiator.session.wire.socket.once("close", () => initiator.mayEnd("cut", world.clock.tick()))
  initiator.isCut = true
}

/** Nothing is read for a while. */
export const performStall = async (world: World, name: string, millis: number): Promise<void> => {
  const initiator = world.usable(name)
  if (initiator === undefined) return
  initiator.isStalled = true
  initiator.session.wire.pause()
  await delay(millis)
  initiator.session.wire.resume()
  initiator.isStalled = false
}

/** A task management function. */
export const performManage = async (world: World, action: Of<"manage">): Promise<void> => {
  const initiator = world.usable(action.session)
  if (initiator === undefined) return
  const begin = world.clock.tick()
  const { lun, session } = action
  const entry = { session, target: initiator.target, lun, function: action.function, begin }
  const at = world.history.manages.push({ ...entry, end: Number.POSITIVE_INFINITY, response: undefined }) - 1
  const response = await initiator.session.manageTask(action.function, lun).catch(() => undefined)
  world.history.manages[at] = { ...entry, end: world.clock.tick(), response }
}

/** PERSISTENT RESERVE OUT. */
export const performReserve = async (world: World, id: number, action: Of<"reserve">): Promise<void> => {
  const initiator = world.usable(action.session)
  if (initiator === undefined) return
  const begin = world.clock.tick()
  const { name: session, since, target } = initiator
  world.history.reserved.push({ target, lun: action.lun, begin })
  const key = BigInt(action.key)
  const keys = action.action === 0 || action.action === 6 ? { serviceKey: key } : { key }
  const request = reserveOut(action.lun, action.action, { ...keys, type: action.type })
  const outcome = await initiator.session.command(request).then(outcomeText, failureText)
  world.history.ios.push({
    ...{
      id,
      index: 0,
      session,
      since,
      target,
      lun: action.lun,
      kind: "reserve",
      block: 0,
      blocks: 0,
      version: 0,
      fua: false
    },
    ...{ begin, end: world.clock.tick(), outcome, found: [] }
  })
  world.note(`action ${id}: reserve ${JSON.stringify(action)}: ${outcome}`)
}
