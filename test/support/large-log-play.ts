/**
 * Years in the life of a storage target, as a play of commands and observations: hosts log in and out, LUNs come and go
 * and drain, disks fail for a while, limits change, the process starts again. The same for the same seed. What is
 * decided is decided by the domain itself, so that the log folds to a state that could have been.
 */
import { Result } from "effect"
import type { Cause, ObservationEntry } from "../../eventlog/record.ts"
import type { Command } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import type { Event } from "../../src/domain/Event.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { Uuid } from "../../src/domain/ids.ts"
import { noAuth } from "../../src/domain/options/IscsiOptions.ts"
import { bdevsOf, findTarget, initialState, lunsOf, type State, targetsOf } from "../../src/domain/State.ts"
import { type Dice, diceOf } from "../domain/random.ts"

/** What the play brings onto the stage, in the order of the log. */
export type PlayStep =
  | {
      readonly _tag: "Control"
      readonly at: number
      readonly cause: Cause
      readonly event: Event
      /** After it. */
      readonly state: State
    }
  | { readonly _tag: "Observation"; readonly at: number; readonly entry: ObservationEntry }

/** How big the target is. */
export interface Cast {
  readonly targets: number
  readonly bdevs: number
  readonly hosts: number
  /** TCP port on 127.0.0.1; a target that is served from the log listens on it. */
  readonly port: number
}

const instanceId = Uuid.make("9b2c1f34-6a55-4d0e-8f0f-0123456789ab")
const startedAt = Date.UTC(2026, 0, 1) * 1000
/** The process starts again after about so many steps. */
const stepsPerEpoch = 60_000
const sessionsMax = 64

interface Session {
  readonly tsih: number
  readonly host: number
  readonly target: string
}

/** Names that the play uses: tests look for them. */
export const names = {
  target: (n: number) => `iqn.2026-01.org.example:store-${n}`,
  bdev: (n: number) => `disk-${n}`,
  initiator: (n: number) => `iqn.2026-01.org.example:host-${n}`,
  address: (n: number) => `192.0.2.${10 + n}`
}

const rpc = (method: string, id: number): Cause => ({ source: "rpc", actor: "local", method, requestId: `${id}` })
const dataplane: Cause = { source: "dataplane", actor: "local" }
const refusals = ["the initiator may not use this target", "CHAP: the response is wrong", "no such target"] as const
const failures = ["EIO", "ENOSPC", "ETIMEDOUT"] as const
const partings = ["logout", "connection lost: ECONNRESET", "no answer to a NOP-In within 20 s"] as const

/** The play: one instance, one run. */
export class LargeLogPlay {
  readonly #dice: Dice
  readonly #cast: Cast
  #state: State = initialState
  #at = startedAt
  #seq = 0
  #request = 0
  #nextTsih = 0
  #sessions: ReadonlyArray<Session> = []
  #ahead: Array<PlayStep> = []

  constructor(seed: number, cast: Cast) {
    this.#dice = diceOf(seed)
    this.#cast = cast
  }

  /** The steps without an end; take as many as are wanted. Step n has seq n. */
  *steps(): Generator<PlayStep, never> {
    this.#startEpoch()
    this.#build()
    for (;;) {
      for (const step of this.#ahead) yield step
      this.#ahead = []
      this.#act()
    }
  }

  #act(): void {
    const { roll } = this.#dice
    this.#at += roll(4_000_000)
    if (roll(stepsPerEpoch) === 0) return this.#startEpoch()
    const kind = roll(100)
    if (kind < 10) return this.#churnLun()
    if (kind < 14) return this.#limit()
    if (kind < 40) return this.#comeOrGo()
    if (kind < 55) return this.#refuse()
    if (kind < 80) return this.#fail()
    this.#seeProtocolError()
  }

  #startEpoch(): void {
    const mode = "resume"
    for (const session of this.#sessions) this.#leave(session, "the target ended")
    this.#sessions = []
    this.#nextTsih = 0
    this.#command({ _tag: "StartEpoch", mode, instanceId, version: "0.1.0" }, { source: "boot", actor: "local" })
  }

  #build(): void {
    const options = { observationsMax: 1_000_000_000, observationsMaxAgeMillis: 100 * 365 * 86_400_000 }
    this.#ask("lunlog_set_log_options", { _tag: "SetLogOptions", options })
    const portals = [{ host: "127.0.0.1", port: this.#cast.port }]
    this.#ask("iscsi_create_portal_group", { _tag: "CreatePortalGroup", tag: 1, portals, private: false, wait: false })
    const initiators = ["ANY"]
    const netmasks = ["192.0.2.0/24"]
    this.#ask("iscsi_create_initiator_group", { _tag: "CreateInitiatorGroup", tag: 1, initiators, netmasks })
    for (let n = 0; n < this.#cast.bdevs; n++) {
      const bdev = { _tag: "Null" as const, blockCount: 2048 * (n + 1), blockSize: 512, physicalBlockSize: 0 }
      this.#ask("bdev_null_create", { _tag: "CreateBdev", name: names.bdev(n), bdev })
    }
    for (let n = 0; n < this.#cast.targets; n++) {
      this.#ask("iscsi_create_target_node", {
        _tag: "CreateTargetNode",
        name: names.target(n),
        alias: `Store ${n}`,
        maps: [{ portalGroup: 1, initiatorGroup: 1 }],
        luns: [{ bdev: names.bdev(n % this.#cast.bdevs), lun: 0 }],
        queueDepth: 64,
        auth: noAuth,
        headerDigest: false,
        dataDigest: false,
        requireLunZero: true
      })
    }
  }

  /** A LUN is added, or drains and goes: two or three control records. */
  #churnLun(): void {
    const { roll } = this.#dice
    const target = names.target(roll(this.#cast.targets))
    const found = findTarget(this.#state, target)
    const luns = found === undefined ? [] : lunsOf(found).filter(({ phase }) => phase._tag === "Active")
    const last = luns.at(-1)
    if (last !== undefined && luns.length > 1 && (roll(2) === 0 || luns.length > 6)) {
      this.#ask("iscsi_target_node_remove_lun", { _tag: "RemoveLun", target, lun: last.lun })
      const name = found?.name
      if (name === undefined) return
      const [drained, durationMillis] = [roll(40), roll(900)]
      const { bdev, incarnation, lun } = last
      const cause = { ...dataplane, correlationId: this.#seq }
      const of = { targetName: target, lun, bdev: bdev.name }
      this.#note("LunDrainStarted", { ...of, inFlight: drained, deadlineMillis: 40_000 }, cause)
      this.#at += durationMillis * 1000
      this.#note("LunDrainEnded", { ...of, drained, aborted: 0, durationMillis }, cause)
      const fact = { target: name, lun, incarnation, drained, aborted: 0, durationMillis }
      this.#command({ _tag: "RecordLunDrained", ...fact }, cause)
      return
    }
    this.#ask("iscsi_target_node_add_lun", { _tag: "AddLun", target, bdev: names.bdev(roll(this.#cast.bdevs)) })
  }

  #limit(): void {
    const { roll } = this.#dice
    const name = names.bdev(roll(this.#cast.bdevs))
    this.#ask("bdev_set_qos_limit", { _tag: "SetBdevQos", name, readWriteIops: 1000 * (1 + roll(50)) })
  }

  #comeOrGo(): void {
    const { roll } = this.#dice
    const leaving = this.#sessions[roll(sessionsMax)]
    if (leaving !== undefined) {
      this.#sessions = this.#sessions.filter((session) => session !== leaving)
      this.#leave(leaving, this.#dice.pick(partings))
      return
    }
    this.#nextTsih = (this.#nextTsih % 65_535) + 1
    const session = {
      tsih: this.#nextTsih,
      host: roll(this.#cast.hosts),
      target: names.target(roll(this.#cast.targets))
    }
    this.#sessions = [...this.#sessions, session]
    const parameters = { maxBurstLength: 262_144, firstBurstLength: 8192, immediateData: true }
    this.#observe("SessionOpened", session, { isid: `00023d${session.tsih.toString(16)}`, parameters })
  }

  #leave(session: Session, reason: string): void {
    this.#observe("SessionClosed", session, { reason })
  }

  #refuse(): void {
    const { roll } = this.#dice
    const host = roll(this.#cast.hosts)
    const session = { tsih: 0, host, target: names.target(roll(this.#cast.targets)) }
    this.#observe("LoginRefused", session, {
      status: 0x0201,
      statusName: "authentication-failure",
      reason: this.#dice.pick(refusals)
    })
  }

  /** Mostly on disks that are going bad. */
  #fail(): void {
    const { pick, roll } = this.#dice
    const bdev = names.bdev(roll(8) === 0 ? roll(this.#cast.bdevs) : roll(Math.min(3, this.#cast.bdevs)))
    const operation = roll(2) === 0 ? "read" : "write"
    const block = roll(4096)
    if (roll(2) === 0) {
      return this.#note("BdevIoFailed", { bdev, operation, code: pick(failures), byteOffset: 512 * block }, dataplane)
    }
    const session = this.#sessions[roll(this.#sessions.length + 1)]
    if (session === undefined) return
    const { host, target: targetName, tsih } = session
    const on = { bdev, targetName, lun: 0, initiatorName: names.initiator(host), tsih, operation }
    const where = { logicalBlockAddress: block, blocks: 8 }
    if (roll(2) === 0) {
      return this.#note("SlowIo", { ...on, ...where, millis: 1000 + roll(4000), repeated: 1 }, dataplane)
    }
    const sense = { key: 3, asc: 0x11, ascq: 0, keyName: "MEDIUM ERROR", name: "UNRECOVERED READ ERROR" }
    this.#note("IoFailed", { ...on, ...where, status: "CHECK CONDITION", sense, repeated: 1 }, dataplane)
  }

  #seeProtocolError(): void {
    const session = this.#sessions[this.#dice.roll(this.#sessions.length + 1)]
    if (session === undefined) return this.#comeOrGo()
    this.#observe("ProtocolError", session, { reason: "a Data-Out PDU with a wrong DataSN" })
  }

  #observe(type: string, { host, target, tsih }: Session, payload: Readonly<Record<string, unknown>>): void {
    const initiatorAddress = names.address(host)
    const nexus = { initiatorName: names.initiator(host), initiatorAddress, targetName: target, portalGroupTag: 1 }
    const cause: Cause = { source: "initiator", actor: initiatorAddress }
    const of = tsih === 0 ? {} : { tsih }
    this.#note(type, { ...payload, ...of, ...nexus }, cause)
  }

  #note(type: string, payload: unknown, cause: Cause): void {
    this.#put({ _tag: "Observation", at: this.#at, entry: { type, v: 1, cause, payload } })
  }

  #ask(method: string, command: Command): void {
    this.#command(command, rpc(method, ++this.#request))
  }

  /** What is refused happens as little as it would. */
  #command(command: Command, cause: Cause): void {
    const decision = decide(this.#state, command)
    if (Result.isFailure(decision)) return
    for (const event of decision.success) {
      this.#state = evolve(this.#state, event, this.#seq + 1)
      this.#put({ _tag: "Control", at: this.#at, cause, event, state: this.#state })
    }
  }

  #put(step: PlayStep): void {
    this.#seq++
    this.#ahead.push(step)
  }
}

/** How many objects a state has: what a test of a large log compares. */
export const sizesOf = (state: State) => ({ targets: targetsOf(state).length, bdevs: bdevsOf(state).length })
