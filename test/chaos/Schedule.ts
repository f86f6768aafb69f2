/**
 * What a run does, from nothing but its seed: lives of the server, rounds in each, lanes that run side by side. The
 * kernel decides how they interleave.
 */
import { makeRandom, type Random } from "../support/initiator/random.ts"
import type { Action, IoStyle, Step } from "./Action.ts"
import { fileNames, lunIds, portPlace, targetNames, witnessTarget } from "./names.ts"
import { Belief, pickOf } from "./schedule/Belief.ts"
import { chooseRequest, firstRequests } from "./schedule/choose-request.ts"

/** How much a run does. */
export interface Extent {
  readonly lives: number
  readonly rounds: number
  /** Actions of a lane in a round. */
  readonly actions: number
}

const sessionNames = ["s1", "s2", "s3", "s4"]
const witnessSession = "s0"
/** Lanes of requests, and of initiators. */
const requestLanes = 2

const chooseLogin = (random: Random, belief: Belief, session: string): Action => {
  const target =
    (random.chance(0.95) ? pickOf(random, belief.ownTargets) : undefined) ?? random.pick(["", ...targetNames])
  belief.sessions.set(session, target)
  return {
    do: "login",
    session,
    target,
    initiator: random.below(3),
    digests: random.chance(0.25),
    smallPieces: random.chance(0.3),
    ignorePings: random.chance(0.1)
  }
}

const chooseIo = (random: Random, belief: Belief, session: string): Action => {
  const luns = [...(belief.targets.get(belief.sessions.get(session) ?? "")?.keys() ?? [])]
  const lun = (random.chance(0.95) ? pickOf(random, luns) : undefined) ?? random.pick([0, ...lunIds])
  const style = random.pick<IoStyle>(["hot", "hot", "mixed", "durable", "large"])
  const commands = style === "large" ? random.between(2, 10) : random.between(5, 60)
  return { do: "io", session, lun, seed: random.below(2 ** 30), commands, depth: random.pick([1, 4, 16]), style }
}

const leave = (belief: Belief, session: string, action: Action): Action => {
  belief.sessions.delete(session)
  return action
}

const chooseForSession = (random: Random, belief: Belief, session: string): Action => {
  if (!belief.sessions.has(session)) return chooseLogin(random, belief, session)
  const lun = random.pick([0, 0, ...lunIds])
  switch (random.below(24)) {
    case 0:
      return chooseLogin(random, belief, session)
    case 1:
      return leave(belief, session, { do: "logout", session })
    case 2:
      return leave(belief, session, { do: "drop", session })
    case 3:
    case 4: {
      const how = random.pick(["end", "reset"] as const)
      const bytes = random.pick([random.between(1, 100), random.between(1, 5000), random.between(1, 200_000)])
      return { do: "cut", session, bytes, how }
    }
    case 5:
      return { do: "stall", session, millis: random.between(10, 400) }
    case 6:
      return { do: "manage", session, lun, function: random.pick([2, 5]) }
    case 7:
      return { do: "reportLuns", session }
    case 8: {
      const action = random.pick([0, 1, 2, 6])
      return { do: "reserve", session, lun, action, key: random.between(1, 3), type: random.pick([1, 3, 5]) }
    }
    default:
      return chooseIo(random, belief, session)
  }
}

const chooseTrouble = (random: Random): Action => {
  switch (random.below(6)) {
    case 4:
    case 5:
      return { do: "killNbd", millis: random.between(0, 400) }
    case 0:
      return { do: "hostile", seed: random.below(2 ** 30), connections: random.between(1, 4) }
    case 1:
      return { do: "pause", millis: random.between(5, 150) }
    default: {
      const fault = random.pick(["ENOSPC", "EIO", "sync", "slow", "short"] as const)
      return { do: "fault", file: pickOf(random, fileNames) ?? "", fault }
    }
  }
}

const witnessLogin: Action = {
  ...{ do: "login", session: witnessSession, target: witnessTarget, initiator: 9 },
  ...{ digests: true, smallPieces: false, ignorePings: false }
}

/** Files that some of the objects are in, which requests change, too. */
const chooseConfig = (random: Random): Action => {
  const disks = ["C0", "C1", "M2"].filter(() => random.chance(0.7))
  const bdevs = disks.map((name) => ({ type: "malloc", name, size: "2 MiB" }))
  const luns = disks.filter(() => random.chance(0.7)).map((bdev, lun) => ({ lun, bdev }))
  const targets = [{ name: "t3", maps: [{ portalGroup: 1, initiatorGroup: 1 }], luns, auth: { disableChap: true } }]
  const groups = {
    portalGroups: [{ tag: 1, portals: [`127.0.0.1:${portPlace}`] }],
    initiatorGroups: [{ tag: 1, initiators: ["ANY"], netmasks: ["ANY"] }]
  }
  return { do: "config", document: { bdevs, ...groups, ...(random.chance(0.8) ? { targets } : {}) } }
}

class Scheduler {
  readonly steps: Array<Step> = []
  readonly #random: Random
  readonly #belief = new Belief()
  #life = 0
  #round = 0

  constructor(seed: number) {
    this.#random = makeRandom(seed)
  }

  life(life: number, extent: Extent, isLast: boolean): void {
    this.#life = life
    this.#belief.restarted()
    for (let round = 0; round < extent.rounds; round++) {
      this.#round = round
      if (life === 0 && round === 0) this.#lane(0, firstRequests(this.#belief))
      this.#witness(round === 0)
      this.#sessions(extent, round === 0)
      // The first round of a life is quiet enough to log in.
      if (life > 0 || round > 0) this.#requests(extent)
      if (this.#random.chance(0.5)) this.#lane(90, [chooseTrouble(this.#random)])
    }
    this.#end(isLast)
  }

  #end(isLast: boolean): void {
    const isKilled = !isLast && this.#random.chance(0.75)
    // A round of its own for a stop: it is to find nothing under way.
    if (!isKilled) this.#round += 1
    this.#lane(99, [isKilled ? { do: "kill", millis: this.#random.between(0, 300) } : { do: "stop" }])
  }

  #lane(lane: number, actions: ReadonlyArray<Action>): void {
    for (const action of actions) {
      this.steps.push({ id: this.steps.length + 1, life: this.#life, round: this.#round, lane, action })
    }
  }

  #witness(isFirst: boolean): void {
    const random = this.#random
    const io = (): Action => {
      const style = random.pick<IoStyle>(["hot", "mixed"])
      return {
        ...{ do: "io", session: witnessSession, lun: 0, seed: random.below(2 ** 30) },
        commands: 30,
        depth: 4,
        style
      }
    }
    this.#lane(1, isFirst ? [witnessLogin, io()] : [io(), io()])
  }

  #sessions({ actions }: Extent, isFirst: boolean): void {
    for (const [index, session] of sessionNames.entries()) {
      if (isFirst && this.#life === 0) continue
      const own = Array.from({ length: actions }, () => chooseForSession(this.#random, this.#belief, session))
      this.#lane(10 + index, own)
    }
  }

  #requests({ actions }: Extent): void {
    for (let lane = 0; lane < requestLanes; lane++) {
      const count = this.#random.between(0, actions)
      this.#lane(
        20 + lane,
        Array.from({ length: count }, () => chooseRequest(this.#random, this.#belief))
      )
    }
    // A configuration takes no names away from requests that wait for them.
    if (this.#random.chance(0.2)) this.#lane(22, [chooseConfig(this.#random)])
  }
}

/** All of a run's actions. The last life ends with an orderly stop. */
export const makeSchedule = (seed: number, extent: Extent): ReadonlyArray<Step> => {
  const scheduler = new Scheduler(seed)
  for (let life = 0; life < extent.lives; life++) scheduler.life(life, extent, life === extent.lives - 1)
  return scheduler.steps
}
