/** What `lunlog status` prints, from the answers of five methods. */
import { Schema } from "effect"
import { durationText } from "../../config/duration.ts"
import { defaultLogOptions } from "../../domain/options/LogOptions.ts"
import { originText } from "../../history/fork/origin-text.ts"
import { printable, printableLines } from "../printable.ts"
import { byteText, table } from "../table.ts"

const Portal = Schema.Struct({
  tag: Schema.Number,
  host: Schema.String,
  port: Schema.Number,
  state: Schema.String,
  code: Schema.optional(Schema.NullOr(Schema.String)),
  /** Of its group, if that has one. */
  group_name: Schema.optionalKey(Schema.String)
})

const Drain = Schema.Struct({ target: Schema.String, lun_id: Schema.Number, commands_left: Schema.Number })

/** The fields that are printed; there may be more. */
export const StatusView = Schema.Struct({
  status: Schema.Struct({
    version: Schema.String,
    pid: Schema.Number,
    state: Schema.String,
    started_at: Schema.Number,
    /** Of a fork: where it is from. */
    fork: Schema.optionalKey(
      Schema.Struct({
        source_instance_id: Schema.String,
        source_seq: Schema.Number,
        source_at: Schema.Number,
        data: Schema.String
      })
    ),
    /** What is played into a fork, or was. */
    replay: Schema.optionalKey(
      Schema.Struct({
        through: Schema.Number,
        position: Schema.Number,
        skipped: Schema.Number,
        ended: Schema.NullOr(Schema.String)
      })
    ),
    epoch: Schema.NullOr(Schema.Struct({ number: Schema.Number, mode: Schema.String })),
    log: Schema.Struct({
      durable_seq: Schema.Number,
      tip_seq: Schema.Number,
      control_no: Schema.Number,
      dropped_observations: Schema.Number,
      slow_io_ms: Schema.optionalKey(Schema.Number),
      keep_count: Schema.optionalKey(Schema.Number),
      keep_age_ms: Schema.optionalKey(Schema.Number)
    }),
    portals: Schema.Array(Portal),
    bdevs: Schema.Array(
      Schema.Struct({
        name: Schema.String,
        state: Schema.String,
        detail: Schema.optional(Schema.NullOr(Schema.String)),
        /** Of bdevs with rate limits. */
        limited: Schema.optionalKey(Schema.Struct({ waiting_ios: Schema.Number, delayed_ios: Schema.Number }))
      })
    ),
    lun_drains: Schema.Array(Drain),
    suppressed_observations: Schema.optionalKey(Schema.Number),
    /** In bytes. */
    memory: Schema.optionalKey(
      Schema.Struct({
        limit: Schema.Number,
        used: Schema.Number,
        connections: Schema.Number,
        commands: Schema.Number,
        output: Schema.Number,
        disks: Schema.Number,
        process: Schema.Struct({ resident: Schema.Number })
      })
    ),
    /** If there are several. */
    reactors: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          index: Schema.Number,
          state: Schema.String,
          targets: Schema.Array(Schema.String),
          bdevs: Schema.Number,
          connections: Schema.Number,
          failures: Schema.Number
        })
      )
    ),
    config: Schema.optionalKey(Schema.NullOr(Schema.Struct({ name: Schema.String }))),
    drift_count: Schema.optionalKey(Schema.Number),
    /** What is not as the file says that was applied last; the first of them. */
    drift: Schema.optionalKey(Schema.Array(Schema.Struct({ message: Schema.String }))),
    /** Settings that were taken and have no effect. */
    inert: Schema.optionalKey(Schema.Array(Schema.Struct({ method: Schema.String, object: Schema.String }))),
    warnings: Schema.Array(Schema.String)
  }),
  targets: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      alias_name: Schema.optional(Schema.String),
      pg_ig_maps: Schema.optional(Schema.Array(Schema.Unknown)),
      luns: Schema.Array(Schema.Struct({ lun_id: Schema.Number, bdev_name: Schema.String }))
    })
  ),
  bdevs: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      product_name: Schema.String,
      block_size: Schema.Number,
      num_blocks: Schema.Union([Schema.Number, Schema.BigInt]),
      uuid: Schema.optional(Schema.String)
    })
  ),
  connections: Schema.Array(
    Schema.Struct({
      initiator_addr: Schema.String,
      target_node_name: Schema.String,
      state: Schema.optional(Schema.String),
      login_phase: Schema.optional(Schema.String)
    })
  )
})
export type StatusView = typeof StatusView.Type

const section = (title: string, heads: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  rows.length === 0 ? `${title}: none` : table([title, ...heads], rows)

const portalRows = ({ status }: StatusView) =>
  status.portals.map(({ code, group_name, host, port, state, tag }) => [
    `${host}:${port}`,
    group_name === undefined ? String(tag) : `${group_name} (${tag})`,
    typeof code === "string" ? `${state} (${code})` : state
  ])

type Drains = StatusView["status"]["lun_drains"]

const drainRows = (drains: Drains) =>
  drains.map(({ commands_left, lun_id }) => [
    String(lun_id),
    "",
    `draining, ${commands_left} command${commands_left === 1 ? "" : "s"} left`
  ])

const labelled = (label: string, rows: ReadonlyArray<ReadonlyArray<string>>) =>
  rows.map((row, index) => [index === 0 ? label : "", ...row])

/** Targets that are being deleted are in no list: what they wait for is all that shows of them. */
const deletedRows = ({ status, targets }: StatusView) => {
  const known = new Set(targets.map(({ name }) => name))
  const names = new Set(status.lun_drains.map(({ target }) => target).filter((name) => !known.has(name)))
  return [...names].flatMap((name) => {
    const drains = status.lun_drains.filter(({ target }) => target === name)
    return labelled(`${name} (being deleted)`, drainRows(drains))
  })
}

/** LUNs that take commands, and those that drain. */
const lunRows = (view: StatusView) => {
  const { status, targets } = view
  const present = targets.flatMap(({ alias_name, luns, name }) => {
    const label = alias_name === undefined ? name : `${name} (${printable(alias_name)})`
    const rows = [
      ...luns.map(({ bdev_name, lun_id }) => [String(lun_id), bdev_name, "active"]),
      ...drainRows(status.lun_drains.filter(({ target }) => target === name))
    ]
    return rows.length === 0 ? [[label, "-", "", "no LUN"]] : labelled(label, rows)
  })
  return [...present, ...deletedRows(view)]
}

const bdevRows = ({ bdevs, status }: StatusView) =>
  bdevs.map(({ block_size, name, num_blocks, product_name, uuid }) => {
    const found = status.bdevs.find((one) => one.name === name)
    const state = found === undefined ? "" : found.state
    const detail = typeof found?.detail === "string" ? `: ${found.detail}` : ""
    const limited = found?.limited === undefined ? "" : `, limited (${found.limited.waiting_ios} IOs wait)`
    return [
      name,
      product_name,
      byteText(block_size * Number(num_blocks)),
      String(block_size),
      state + limited + detail,
      uuid ?? ""
    ]
  })

/** They are in no list of bdevs. */
const detachedRows = ({ status }: StatusView) =>
  status.bdevs
    .filter(({ state }) => state === "detached")
    .map(({ detail, name }) => [name, "", "", "", `detached: ${detail ?? "its base is"}`, ""])

const connectionRows = ({ connections }: StatusView) =>
  connections.map(({ initiator_addr, login_phase, state, target_node_name }) => [
    printable(initiator_addr),
    target_node_name === "" ? "(discovery)" : target_node_name,
    login_phase ?? state ?? ""
  ])

const logLine = ({ log, suppressed_observations: suppressed = 0 }: StatusView["status"]): string => {
  const waiting = log.tip_seq - log.durable_seq
  const parts = [
    `event log: ${log.durable_seq} records, ${log.control_no} of them control`,
    ...(waiting > 0 ? [`${waiting} on their way to the disk`] : []),
    ...(log.dropped_observations > 0 ? [`${log.dropped_observations} observations dropped`] : []),
    ...(suppressed > 0 ? [`${suppressed} observations left out, too many at once`] : [])
  ]
  return parts.join(", ")
}

/** Options of the log that are not the defaults. */
const logOptionLines = ({ log }: StatusView["status"]): ReadonlyArray<string> => {
  const { observationsMax, observationsMaxAgeMillis, slowIoMillis } = defaultLogOptions
  const { keep_age_ms = observationsMaxAgeMillis, keep_count = observationsMax, slow_io_ms = slowIoMillis } = log
  const slow = slow_io_ms === 0 ? "slow IO is not recorded" : `slow IO from ${durationText(slow_io_ms * 1000)} on`
  const kept = `${keep_count} observations kept, for ${durationText(keep_age_ms * 1000)}`
  return [
    ...(slow_io_ms === slowIoMillis ? [] : [slow]),
    ...(keep_count === observationsMax && keep_age_ms === observationsMaxAgeMillis ? [] : [kept])
  ]
}

const memoryLines = ({ memory }: StatusView["status"]): ReadonlyArray<string> => {
  if (memory === undefined) return []
  const { commands, connections, disks, limit, output, used } = memory
  const parts = Object.entries({ disks, connections, commands, output })
  const whom = parts.map(([name, bytes]) => `${name} ${byteText(bytes)}`).join(", ")
  return [
    `memory: ${byteText(used)} of ${byteText(limit)} (${whom}); the process has ${byteText(memory.process.resident)}`
  ]
}

/** Targets that one line names. */
const targetsShown = 4

const reactorLines = ({ reactors = [] }: StatusView["status"]): ReadonlyArray<string> =>
  reactors
    .filter(({ index }) => index > 0)
    .map(({ bdevs, connections, failures, index, state, targets }) => {
      const names = targets.slice(0, targetsShown).join(", ")
      const more = targets.length > targetsShown ? ` and ${targets.length - targetsShown} more` : ""
      const has = targets.length === 0 ? "no targets" : `${names}${more}`
      const failed = failures === 0 ? "" : `, has failed ${failures === 1 ? "once" : `${failures} times`}`
      return `reactor ${index} is ${state}: ${has}; ${connections} connections, ${bdevs} bdevs${failed}`
    })

const forkLines = ({ fork }: StatusView["status"]): ReadonlyArray<string> => {
  if (fork === undefined) return []
  const { data, source_at: sourceAt, source_instance_id: sourceInstanceId, source_seq: sourceSeq } = fork
  const disks = data === "snapshot" ? "copies of the source's content" : "empty disks"
  return [`${originText({ sourceAt, sourceInstanceId, sourceSeq })}, begun with ${disks}`]
}

const replayLines = ({ replay }: StatusView["status"]): ReadonlyArray<string> => {
  if (replay === undefined) return []
  const { ended, position, skipped, through } = replay
  const left = skipped === 0 ? "" : `, ${skipped} skipped`
  return [`replay of its source: ${ended ?? "not at its end"}, at record ${position} of ${through}${left}`]
}

/** Settings without effect: each method once, with what it was about. */
const inertLines = ({ inert = [] }: StatusView["status"]): ReadonlyArray<string> => {
  if (inert.length === 0) return []
  const objects = new Map<string, Array<string>>()
  for (const { method, object } of inert) {
    objects.set(method, [...(objects.get(method) ?? []), ...(object === "" ? [] : [printable(object)])])
  }
  const texts = [...objects].map(([method, names]) => `${method}${names.length === 0 ? "" : ` (${names.join(", ")})`}`)
  return ["", `set, without effect here: ${texts.join(", ")}`]
}

/** Targets that take LUNs and yet nobody can reach, failed portals and bdevs, and what the target warns of itself. */
const problemLines = ({ status, targets }: StatusView): ReadonlyArray<string> => {
  const portals = status.portals.filter(({ state }) => state === "failed")
  const bdevs = status.bdevs.filter(({ state }) => state === "failed")
  const unreachable = targets.filter(({ pg_ig_maps }) => pg_ig_maps?.length === 0)
  const problems = [
    ...portals.map(
      ({ code, host, port }) => `portal ${host}:${port} is not listened on (${code ?? "no reason known"})`
    ),
    ...bdevs.map(({ detail, name }) => `bdev ${name} is not there: ${detail ?? "no reason known"}`),
    ...status.bdevs.flatMap(({ detail, name, state }) =>
      state === "detached" || state === "degraded" ? [`bdev ${name} is ${state}: ${detail ?? "its base is"}`] : []
    ),
    ...unreachable.map(({ name }) => `nobody can reach target ${name}: it has no map`),
    ...status.warnings
  ]
  return problems.length === 0 ? [] : [...problems.map((problem) => `warning: ${printable(problem)}`), ""]
}

/** Differences that are shown. */
const driftMax = 10

/** What was changed since the file was applied. */
const driftLines = ({
  config,
  drift = [],
  drift_count = drift.length
}: StatusView["status"]): ReadonlyArray<string> => {
  if (drift.length === 0) return []
  const shown = drift.slice(0, driftMax)
  const file = `lunlog plan ${config?.name ?? "FILE"} shows all`
  const more = drift_count - shown.length
  return [
    ...shown.map(({ message }) => `drift: ${printable(message)}`),
    ...(more > 0 ? [`drift: and ${more} more; ${printable(file)}`] : []),
    ""
  ]
}

/** The whole page, problems first. */
export const statusText = (view: StatusView): string => {
  const { epoch, pid, started_at, state, version } = view.status
  const since = new Date(started_at).toISOString()
  const start = epoch === null ? "" : `, epoch ${epoch.number} (${epoch.mode})`
  const lines = [
    ...problemLines(view),
    ...driftLines(view.status),
    `lunlog ${version}, process ${pid}, ${state} since ${since}${start}`,
    [logLine(view.status), ...logOptionLines(view.status)].join("; "),
    ...memoryLines(view.status),
    ...reactorLines(view.status),
    ...forkLines(view.status),
    ...replayLines(view.status),
    "",
    section("PORTAL", ["GROUP", "STATE"], portalRows(view)),
    "",
    section("TARGET", ["LUN", "BDEV", "STATE"], lunRows(view)),
    "",
    section("BDEV", ["TYPE", "SIZE", "BLOCK", "STATE", "UUID"], [...bdevRows(view), ...detachedRows(view)]),
    "",
    section("INITIATOR", ["TARGET", "PHASE"], connectionRows(view)),
    ...inertLines(view.status)
  ]
  return printableLines(lines.join("\n"))
}
