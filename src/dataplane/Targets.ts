/**
 * Reconciles target nodes and LUNs: tells the reactor what there is, drains what goes, and reports what came of it. The
 * reports are commands to the control plane, which ignores those that are stale.
 */
import { Effect, FiberSet, HashMap, Option } from "effect"
import type { Command } from "../domain/Command.ts"
import type { ControlPlane } from "../domain/ControlPlane.ts"
import type { EventOf } from "../domain/Event.ts"
import type { Incarnation, IscsiName, Lun } from "../domain/ids.ts"
import { activeLunsOf, findBdev, findTarget, type State, targetsOf } from "../domain/State.ts"
import type { LunMapping, PgIgMap, TargetNode } from "../domain/target/TargetNode.ts"
import { annotate, traced } from "../domain/tracing.ts"
import type { Bdevs } from "./Bdevs.ts"
import { Gone } from "./Gone.ts"
import type { TargetMap, TargetPort, TargetSpec } from "./iscsi/Target.ts"
import type { ReactorClient } from "./ReactorClient.ts"
import { reportFact } from "./report-fact.ts"

const lunKey = (target: string, lun: number, incarnation: number): string => `${target}/${lun}#${incarnation}`
const targetKey = (name: string, incarnation: number): string => `${name}#${incarnation}`

const redirectOf = (target: TargetNode, portalGroupTag: number): Pick<TargetPort, "redirect"> => {
  const redirect = target.redirects.find(({ portalGroup }) => portalGroup === portalGroupTag)
  if (redirect === undefined) return {}
  const { host, permanent = false, port } = redirect
  return { redirect: { address: `${host}:${port}`, permanent } }
}

const mapOf = ({ initiatorGroup, luns, readOnly }: PgIgMap): TargetMap => ({
  initiatorGroup,
  readOnly: readOnly ?? false,
  ...(luns === undefined ? {} : { luns })
})

const portsOf = (target: TargetNode): ReadonlyArray<TargetPort> => {
  const tags = [...new Set(target.pgIgMaps.map((map) => map.portalGroup))]
  return tags.map((portalGroupTag) => ({
    portalGroupTag,
    relativePortId: Option.getOrElse(HashMap.get(target.relativePortIds, portalGroupTag), () => 0),
    maps: target.pgIgMaps.filter((map) => map.portalGroup === portalGroupTag).map(mapOf),
    ...redirectOf(target, portalGroupTag)
  }))
}

const specOf = (target: TargetNode): TargetSpec => ({
  name: target.name,
  incarnation: target.incarnation,
  alias: target.alias,
  queueDepth: target.queueDepth,
  auth: target.auth,
  headerDigest: target.headerDigest,
  dataDigest: target.dataDigest,
  deleting: target.phase._tag === "Deleting",
  keepsHistogram: target.histogram,
  ports: portsOf(target)
})

/** A LUN whose removal has begun. */
interface Removal {
  readonly target: IscsiName
  readonly lun: Lun
  readonly incarnation: Incarnation
}

/** The record that a removal has begun with. */
export interface Begun {
  readonly seq: number
  /** It is a replay's, and so will be its end. */
  readonly isReplayed: boolean
}

/** What a target needs of its surroundings. */
export interface TargetsSurroundings {
  readonly client: ReactorClient
  readonly bdevs: Bdevs
  readonly controlPlane: ControlPlane["Service"]
  /** Drains and logouts run here; they end with the data plane. */
  readonly running: FiberSet.FiberSet<void>
  /** From the start of a removal until what is left is aborted, in milliseconds. */
  readonly removalDeadlineMillis: number
  /** What sessions that are asked to log out have for it, in milliseconds. */
  readonly logoutLimitMillis: number
}

/** All target nodes and their LUNs. */
export class Targets {
  readonly #of: TargetsSurroundings
  readonly #luns = new Gone()
  readonly #targets = new Gone()

  constructor(surroundings: TargetsSurroundings) {
    this.#of = surroundings
  }

  /** Tells the reactor of a target as it is in `state`. */
  put(state: State, name: string): void {
    const target = findTarget(state, name)
    if (target === undefined) return
    this.#targets.add(targetKey(target.name, target.incarnation))
    this.#of.client.send({ _tag: "PutTarget", target: specOf(target) })
  }

  /** A LUN is there; it is mapped once its bdev is up. */
  addLun(target: IscsiName, mapping: LunMapping): void {
    this.#luns.add(lunKey(target, mapping.lun, mapping.incarnation))
    this.#map(target, mapping)
  }

  /** A bdev is up: maps every active LUN that it backs. */
  bdevUp(state: State, name: string): void {
    const bdev = findBdev(state, name)
    if (bdev === undefined) return
    for (const target of targetsOf(state)) {
      for (const mapping of activeLunsOf(target)) {
        if (mapping.bdev.name === bdev.name && mapping.bdev.incarnation === bdev.incarnation) {
          this.#map(target.name, mapping)
        }
      }
    }
  }

  /** A removal has begun: drains the LUN, and reports when nothing of it is in flight. */
  drainLun(removal: Removal, begun: Begun): Effect.Effect<void> {
    const { client, removalDeadlineMillis } = this.#of
    const { incarnation, lun, target } = removal
    const deadlineMillis = removalDeadlineMillis
    return Effect.gen({ self: this }, function* () {
      const answer = yield* client.request({
        _tag: "DrainLun",
        target,
        lun,
        incarnation,
        deadlineMillis,
        correlationId: begun.seq
      })
      if (answer._tag !== "Drained") return
      const { aborted, drained } = answer.outcome
      yield* annotate(() => ({ "lunlog.drained": drained, "lunlog.aborted": aborted }))
      yield* this.#report({ _tag: "RecordLunDrained", ...removal, ...answer.outcome }, begun)
    }).pipe(
      traced("drain LUN", () => ({
        attributes: { "lunlog.target": target, "lunlog.lun": lun, "lunlog.cause.seq": begun.seq }
      })),
      this.#run
    )
  }

  /** A LUN is gone. */
  removeLun({ incarnation, lun, target }: Removal): void {
    this.#of.client.send({ _tag: "UnmapLun", target, lun, incarnation })
    this.#luns.delete(lunKey(target, lun, incarnation))
  }

  /** A target is to go: asks its sessions to log out, and reports when none is left. */
  closeSessions(name: IscsiName, incarnation: Incarnation, begun: Begun): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const answer = yield* this.#of.client.request({
        _tag: "CloseSessions",
        name,
        incarnation,
        correlationId: begun.seq
      })
      if (answer._tag !== "SessionsClosed") return
      const { closed, cut } = answer
      const command = { _tag: "RecordTargetSessionsClosed", target: name, incarnation, closed, cut } as const
      yield* this.#report(command, begun)
    }).pipe(
      traced("close sessions", () => ({ attributes: { "lunlog.target": name, "lunlog.cause.seq": begun.seq } })),
      this.#run
    )
  }

  /** A user asks sessions (over one portal group, if it is named) to log out. */
  requestLogout(event: EventOf<"TargetNodeLogoutRequested">, correlationId: number): void {
    const { incarnation, portalGroup: portalGroupTag, target: name } = event
    const { client, logoutLimitMillis: limitMillis } = this.#of
    client.send({ _tag: "RequestLogout", name, incarnation, portalGroupTag, limitMillis, correlationId })
  }

  /** A target is gone. */
  remove(name: string, incarnation: number): void {
    this.#of.client.send({ _tag: "DeleteTarget", name, incarnation })
    this.#targets.delete(targetKey(name, incarnation))
  }

  /** Forgets a target and its LUNs without a drain: the record says that their process has ended. */
  drop(target: TargetNode): void {
    for (const { incarnation, lun } of HashMap.values(target.luns)) {
      this.removeLun({ target: target.name, lun, incarnation })
    }
    this.remove(target.name, target.incarnation)
  }

  /** Resumes when the LUN is unmapped. */
  awaitLunGone(target: string, lun: number, incarnation: number): Effect.Effect<void> {
    return this.#luns.wait(lunKey(target, lun, incarnation))
  }

  /** Resumes when the target has no session and no LUN. */
  awaitGone(name: string, incarnation: number): Effect.Effect<void> {
    return this.#targets.wait(targetKey(name, incarnation))
  }

  #map(target: IscsiName, mapping: LunMapping): void {
    const bdev = this.#of.bdevs.idOf(mapping.bdev)
    if (bdev === undefined) return
    this.#of.client.send({ _tag: "MapLun", target, lun: mapping.lun, incarnation: mapping.incarnation, bdev })
  }

  readonly #run = (work: Effect.Effect<void>): Effect.Effect<void> =>
    Effect.asVoid(FiberSet.run(this.#of.running, work))

  #report(command: Command, { isReplayed, seq }: Begun): Effect.Effect<void> {
    return reportFact(this.#of.controlPlane, command, seq, { isReplayed })
  }
}
