/** From what a user wants of a fork to a state directory that a server can be started on. */
import { randomUUID } from "node:crypto"
import { accessSync, constants } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { Effect, type Scope } from "effect"
import type { Portal } from "../../domain/group/PortalGroup.ts"
import { isUuid, type Uuid } from "../../domain/ids.ts"
import type { ForkData, ForkIdentity, ForkMapping } from "../../domain/replay/Fork.ts"
import { addressesOf, chooseRedirects, type PortalWish } from "../../history/fork/choose-mapping.ts"
import type { ReplayContent } from "../../history/replay/ReplayRecords.ts"
import { CliFailure } from "../CliFailure.ts"
import { copyRecords } from "../replay/copy-records.ts"
import { defaultStateDirectory } from "../serve/state-directory.ts"
import { type DiskPlan, planDisks } from "./disk-plan.ts"
import { isFile, makeDiskFiles } from "./fill-disks.ts"
import { claimForkDirectory, writeForkLog } from "./fork-directory.ts"
import { type ForkSource, openForkSource } from "./fork-source.ts"
import { findPortals, localHosts } from "./free-portals.ts"

/** What a user wants. */
export interface ForkWish {
  /** A place in the log, as `eventlog_fork_point` takes it. */
  readonly at: string
  /** The source: a directory, or else who serves the socket. */
  readonly source: string | undefined
  readonly socketPath: string
  /** Where the fork's state goes; undefined: a new directory beside the source's. */
  readonly directory: string | undefined
  readonly portals: PortalWish | undefined
  readonly keepIdentity: boolean
  /** Appended to names of targets, with a dash in front; undefined: one that no other fork has. */
  readonly suffix: string | undefined
  readonly data: ForkData
  /** Which of the source's later records are to be played; undefined: none. */
  readonly replay: { readonly until: string | undefined } | undefined
}

/** A fork that is there, and serves nobody yet. */
export interface MadeFork {
  readonly directory: string
  readonly mapping: ForkMapping
  readonly source: ForkSource
  readonly disks: ReadonlyArray<DiskPlan>
  readonly data: ForkData
  /** The records to be played. */
  readonly replay: ReplayContent | undefined
  /** Sentences for the user. */
  readonly warnings: ReadonlyArray<string>
}

const tagLength = 6

const newInstanceId: Effect.Effect<Uuid> = Effect.suspend(() => {
  const id = randomUUID()
  return isUuid(id) ? Effect.succeed(id) : Effect.die(new Error(`${id} is no UUID`))
})

const isWritable = (directory: string): boolean => {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Beside the source's directory, or, if this user may not write there, beside the one of a target of this user. */
const newDirectory = (stateDirectory: string, tag: string): string => {
  const parent = dirname(stateDirectory)
  const usable = isWritable(parent) ? parent : dirname(defaultStateDirectory())
  return join(usable, `${basename(stateDirectory)}-fork-${tag}`)
}

const identityOf = ({ keepIdentity, suffix }: ForkWish, tag: string): ForkIdentity =>
  keepIdentity ? { _tag: "Kept" } : { _tag: "New", suffix: `-${suffix ?? `fork-${tag}`}` }

const textOf = ({ host, port }: Portal): string => `${host}:${port}`

const foreignText = (foreign: ReadonlyArray<Portal>): ReadonlyArray<string> => {
  const addresses = foreign.map(textOf).join(", ")
  return foreign.length === 0
    ? []
    : [`redirects to ${addresses} lead to another server, and stay: who follows one leaves the fork`]
}

const keyText = ({ keyProblem }: ForkSource): ReadonlyArray<string> =>
  keyProblem === undefined
    ? []
    : [`${keyProblem}: nobody can open the fork's CHAP secrets until its state directory has that key`]

const mappingFor = (wish: ForkWish, source: ForkSource, tag: string, directory: string) =>
  Effect.gen(function* () {
    const { point, today } = source
    const addresses = addressesOf([point.state, today], source.later)
    const { portals, warnings } = yield* findPortals(addresses.portals, wish.portals)
    const kept = point.state.epoch?.instanceId
    const instanceId = wish.keepIdentity && kept !== undefined ? kept : yield* newInstanceId
    const identity = identityOf(wish, tag)
    const bare: ForkMapping = { instanceId, identity, portals, redirects: [], fileDirectory: join(directory, "disks") }
    const { foreign, mapped } = chooseRedirects(addresses, bare, localHosts())
    return {
      mapping: { ...bare, redirects: mapped },
      warnings: [...warnings, ...foreignText(foreign), ...keyText(source)]
    }
  })

const recordsToPlay = (wish: ForkWish, { point }: ForkSource, directory: string) => {
  if (wish.replay === undefined) return Effect.undefined
  const { source, socketPath } = wish
  const instanceId = point.state.epoch?.instanceId ?? ""
  const { until } = wish.replay
  return copyRecords({ source, socketPath, instanceId, from: point.controlSeq, seq: point.seq, until, directory })
}

/** Makes the fork; if it fails, nothing is left of it. The source may be closed afterwards. */
export const makeFork = (wish: ForkWish): Effect.Effect<MadeFork, CliFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const source = yield* openForkSource(wish.source, wish.socketPath, wish.at, wish.replay !== undefined)
    const tag = (yield* newInstanceId).slice(0, tagLength)
    const directory = resolve(wish.directory ?? newDirectory(source.stateDirectory, tag))
    if (`${directory}/`.startsWith(`${source.stateDirectory}/`)) {
      const what = directory === source.stateDirectory ? "is" : "is inside of"
      return yield* new CliFailure({ message: `${directory} ${what} the source's own; name another with --fork-state` })
    }
    const { mapping, warnings } = yield* mappingFor(wish, source, tag, directory)
    const { isRunning, point, today } = source
    const disks = planDisks({ state: point.state, today, isRunning, isFile }, mapping, wish.data)
    const plan = { directory, mapping, data: wish.data }
    let replay: ReplayContent | undefined
    const made = Effect.gen(function* () {
      yield* makeDiskFiles(disks, source)
      replay = yield* recordsToPlay(wish, source, directory)
      yield* writeForkLog(plan, source)
    })
    yield* claimForkDirectory(plan, made)
    return { directory, mapping, source, disks, data: wish.data, replay, warnings }
  })
