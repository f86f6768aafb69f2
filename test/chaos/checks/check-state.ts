/** What the server says there is, against what its log tells; and the log itself, folded by another process. */
import { join } from "node:path"
import { runCommand } from "../../support/child-process.ts"
import type { Lunlog } from "../../support/initiator/lunlog.ts"
import { projectDirectory } from "../../support/target-process.ts"
import type { There } from "../model/ControlModel.ts"

type Listed = ReadonlyArray<Readonly<Record<string, unknown>>>

const listed = async (lunlog: Lunlog, method: string): Promise<Listed> => {
  const answer = await lunlog.call(method)
  return Array.isArray(answer) ? answer : []
}

const texts = (list: unknown, text: (item: Readonly<Record<string, unknown>>) => string): ReadonlyArray<string> =>
  Array.isArray(list) ? list.map(text).toSorted() : []

/** One line for each object. */
const linesOfModel = (there: There): ReadonlyArray<string> =>
  [
    ...[...there.bdevs.values()].filter(({ isGoing }) => !isGoing).map(({ name }) => `bdev ${name}`),
    ...[...there.portalGroups].map(([tag, portals]) => `portal group ${tag}: ${portals.toSorted().join(" ")}`),
    ...[...there.initiatorGroups].map(
      ([tag, initiators]) => `initiator group ${tag}: ${initiators.toSorted().join(" ")}`
    ),
    ...[...there.targets.values()]
      .filter(({ isGoing }) => !isGoing)
      .map(({ luns, maps, name }) => {
        const active = [...luns].filter(([, lun]) => !lun.isGoing).map(([id, { bdev }]) => `${id}=${bdev}`)
        return `target ${name}: ${maps.toSorted().join(" ")}; ${active.toSorted().join(" ")}`
      })
  ].toSorted()

const linesOfServer = async (lunlog: Lunlog): Promise<ReadonlyArray<string>> => {
  const [bdevs, portalGroups, initiatorGroups, targets] = await Promise.all(
    ["bdev_get_bdevs", "iscsi_get_portal_groups", "iscsi_get_initiator_groups", "iscsi_get_target_nodes"].map(
      (method) => listed(lunlog, method)
    )
  )
  return [
    ...texts(bdevs, ({ name }) => `bdev ${name}`),
    ...texts(portalGroups, ({ portals, tag }) => {
      return `portal group ${tag}: ${texts(portals, ({ host, port }) => `${host}:${port}`).join(" ")}`
    }),
    ...texts(initiatorGroups, ({ initiators, tag }) => {
      const names = Array.isArray(initiators) ? initiators.map(String).toSorted() : []
      return `initiator group ${tag}: ${names.join(" ")}`
    }),
    ...texts(targets, ({ luns, name, pg_ig_maps }) => {
      const maps = texts(pg_ig_maps, ({ ig_tag, pg_tag }) => `${pg_tag}:${ig_tag}`)
      const active = texts(luns, ({ bdev_name, lun_id }) => `${lun_id}=${bdev_name}`)
      return `target ${name}: ${maps.join(" ")}; ${active.join(" ")}`
    })
  ].toSorted()
}

const differences = (
  what: string,
  left: ReadonlyArray<string>,
  right: ReadonlyArray<string>
): ReadonlyArray<string> => [
  ...left.filter((line) => !right.includes(line)).map((line) => `${what}: only in the log: ${line}`),
  ...right.filter((line) => !left.includes(line)).map((line) => `${what}: only in the server: ${line}`)
]

/** What is wrong with what the server says of itself. */
export const checkState = async (lunlog: Lunlog, there: There): Promise<ReadonlyArray<string>> =>
  differences("what is there", linesOfModel(there), await linesOfServer(lunlog))

const textOf = (answer: unknown): string => String(new Map(Object.entries(Object(answer))).get("text"))

const withoutComments = (text: string): string => text.replace(/^#.*\n/gm, "")

/** What a server that runs works with: its configuration, and the state of its log. */
export interface Running {
  readonly exported: string
  readonly raw: string
}

/** Asks for that; nothing may be recorded from now on until it has ended. */
export const runningState = async (lunlog: Lunlog): Promise<Running> => ({
  exported: textOf(await lunlog.call("lunlog_export")),
  raw: textOf(await lunlog.call("eventlog_state", { raw: true }))
})

const lunlogLog = async (stateDirectory: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const program = join(projectDirectory, "bin/lunlog.js")
  const run = { command: process.execPath, args: [program, "log", ...args, "--state", stateDirectory] }
  const { code, stderr, stdout } = await runCommand(run, 60_000)
  return code === 0 ? stdout : `exit code ${code}: ${stderr}${stdout}`
}

/** The log of a server that has ended is whole. */
export const checkVerify = async (stateDirectory: string): Promise<ReadonlyArray<string>> => {
  const verdict = await lunlogLog(stateDirectory, "verify")
  return verdict.startsWith("clean") ? [] : [`lunlog log verify: ${verdict.slice(0, 1000)}`]
}

/** Folded by another process, the log gives what the server worked with, byte for byte. */
export const checkFold = async (stateDirectory: string, running: Running): Promise<ReadonlyArray<string>> => {
  const folded = withoutComments(await lunlogLog(stateDirectory, "state"))
  const raw = (await lunlogLog(stateDirectory, "state", "--raw")).trimEnd()
  return [
    ...(folded === withoutComments(running.exported)
      ? []
      : [`the folded log is\n${folded}\nand what the server exported is\n${running.exported}`]),
    ...(raw === running.raw ? [] : [`the state of the folded log is\n${raw}\nand the server's was\n${running.raw}`])
  ]
}
