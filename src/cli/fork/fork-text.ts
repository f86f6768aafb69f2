/** What `lunlog fork` tells its user when initiators are let in. */
import { HashMap } from "effect"
import { nbdServerText } from "../../domain/bdev/bdev-nbd-decide.ts"
import type { PortalStatus } from "../../domain/DataPlane.ts"
import type { ForkOrigin } from "../../domain/replay/Fork.ts"
import { activeLunsOf, activeTargetsOf, bdevsOf, portalGroupsOf, type State, targetsOf } from "../../domain/State.ts"
import { originText } from "../../history/fork/origin-text.ts"
import { printable } from "../printable.ts"
import type { DiskPlan } from "./disk-plan.ts"
import type { MadeFork } from "./make-fork.ts"

/** Lists beyond this are cut. */
const namesMax = 12

const listed = (names: ReadonlyArray<string>): string => {
  const more = names.length > namesMax ? ` and ${names.length - namesMax} more` : ""
  return `${names.slice(0, namesMax).map(printable).join(", ")}${more}`
}

const targetLines = (state: State): ReadonlyArray<string> => {
  const targets = activeTargetsOf(state)
  const lines = targets.slice(0, namesMax).map((target) => {
    const count = activeLunsOf(target).length
    return `  ${printable(target.name)} with ${count} LUN${count === 1 ? "" : "s"}`
  })
  if (lines.length === 0) return ["It has no target."]
  const more = targets.length > namesMax ? [`  and ${targets.length - namesMax} more`] : []
  return ["Targets:", ...lines, ...more]
}

const portalLine = (state: State): string => {
  const portals = portalGroupsOf(state).flatMap((group) => group.portals.map(({ host, port }) => `${host}:${port}`))
  return portals.length === 0 ? "It has no portal." : `Portals: ${listed(portals)}`
}

const emptyLines = (disks: ReadonlyArray<DiskPlan>): ReadonlyArray<string> => {
  const reasons = new Map<string, Array<string>>()
  for (const { empty, name } of disks) {
    if (empty !== undefined) reasons.set(empty, [...(reasons.get(empty) ?? []), name])
  }
  return [...reasons].map(([why, names]) => `Empty disks, ${why}: ${listed(names)}`)
}

/** What was copied is of now: of the moment that is forked only the log knows. */
const diskLines = ({ disks, source }: MadeFork): ReadonlyArray<string> => {
  const filled = disks.filter(({ empty }) => empty === undefined).map(({ name }) => name)
  const torn = source.isRunning
    ? ", one after the other while IO went on: what hosts had under way may be in one and not in another"
    : ""
  return [
    ...(filled.length === 0
      ? []
      : [`Disks with the source's content of now, not of that moment${torn}: ${listed(filled)}`]),
    ...emptyLines(disks)
  ]
}

/** Disks of the source that are at NBD servers: a fork never goes there. `state` is the fork's. */
export const serverLines = (state: State): ReadonlyArray<string> =>
  bdevsOf(state).flatMap(({ name, spec }) => {
    if (spec._tag !== "Nbd") return []
    const place = `its source's NBD server is not touched; it waits for one of its own at ${nbdServerText(spec.server)}`
    return [`Disk ${printable(name)}: ${place}`]
  })

/** What was under way at the moment of the fork: no process is left that could end it, so the start does. */
const interruptedLines = (state: State): ReadonlyArray<string> => {
  const luns = targetsOf(state).flatMap((target) =>
    [...HashMap.values(target.luns)].filter(({ phase }) => phase._tag === "Draining")
  ).length
  const targets = targetsOf(state).filter(({ phase }) => phase._tag === "Deleting").length
  const bdevs = bdevsOf(state).filter(({ phase }) => phase._tag === "Removing").length
  const parts = [
    ...(luns === 0 ? [] : [`${luns} LUN${luns === 1 ? "" : "s"}`]),
    ...(targets === 0 ? [] : [`${targets} target${targets === 1 ? "" : "s"}`]),
    ...(bdevs === 0 ? [] : [`${bdevs} disk${bdevs === 1 ? "" : "s"}`])
  ]
  if (parts.length === 0) return []
  return [`Removals that were under way at that moment are finished, as by a restart: ${parts.join(", ")}`]
}

/** Addresses that somebody has taken since the fork was made; of those that this host has not got it was told then. */
export const takenNotes = (portals: ReadonlyArray<Omit<PortalStatus, "tag">>): ReadonlyArray<string> =>
  portals
    .filter(({ code, state }) => state === "failed" && code !== "EADDRNOTAVAIL")
    .map(({ code, host, port }) => `the fork does not listen on ${host}:${port} (${code ?? "unknown reason"}) yet`)

/** The same for programs. Times are microseconds since 1970. */
export const forkJson = (fork: MadeFork, state: State, origin: ForkOrigin, socketPath: string) => ({
  source: { instance_id: origin.sourceInstanceId, seq: origin.sourceSeq, at: origin.sourceAt },
  instance_id: fork.mapping.instanceId,
  identity: fork.mapping.identity._tag === "Kept" ? "kept" : "new",
  targets: activeTargetsOf(state).map((target) => ({ name: target.name, luns: activeLunsOf(target).length })),
  portals: portalGroupsOf(state).flatMap(({ portals, tag }) => portals.map(({ host, port }) => ({ tag, host, port }))),
  disks: fork.disks.map(({ empty, name }) => ({ name, ...(empty === undefined ? { copied: true } : { empty }) })),
  finished_removals: interruptedLines(fork.source.point.state).length > 0,
  ...(fork.replay === undefined
    ? {}
    : { replay: { records: fork.replay.records, from: fork.replay.from, through: fork.replay.through } }),
  notes: fork.warnings,
  socket: socketPath,
  state: fork.directory
})

const replayLines = ({ replay }: MadeFork, socketPath: string): ReadonlyArray<string> => {
  if (replay === undefined) return []
  const { records, through } = replay
  const what = records === 1 ? "1 record" : `${records} records`
  return [`Replay: ${what} of its source to play, up to ${through}; lunlog replay --help, with -r ${socketPath}`]
}

/** The lines on stdout; `state` is the fork's, `origin` what its log begins with. */
export const forkText = (fork: MadeFork, state: State, origin: ForkOrigin, socketPath: string): string => {
  const { directory, mapping, source } = fork
  const text = originText(origin)
  return [
    `${text.charAt(0).toUpperCase()}${text.slice(1)}, ready.`,
    ...(mapping.identity._tag === "Kept"
      ? ["It has its source's names and disk ids: no host may be connected to both."]
      : []),
    ...targetLines(state),
    portalLine(state),
    ...diskLines(fork),
    ...serverLines(state),
    ...interruptedLines(source.point.state),
    ...replayLines(fork, socketPath),
    ...fork.warnings.map((warning) => `Note: ${warning}`),
    `Its control socket: ${socketPath}`,
    `Its state: ${directory}`,
    `Ctrl-C ends it; lunlog serve --state ${directory} goes on with it; remove the directory to be rid of it.`
  ].join("\n")
}
