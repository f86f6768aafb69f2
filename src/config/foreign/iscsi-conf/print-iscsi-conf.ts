/**
 * The state as SPDK's old `iscsi.conf`, as far as that can say it. What it cannot say is a warning; where leaving a
 * part out would give more access than there is, the whole thing is left out.
 */
import { Equal } from "effect"
import type { InitiatorGroup } from "../../../domain/group/InitiatorGroup.ts"
import type { PortalGroup } from "../../../domain/group/PortalGroup.ts"
import { type Auth, defaultIscsiOptions, type IscsiOptions, noAuth } from "../../../domain/options/IscsiOptions.ts"
import { areDefaultLogOptions } from "../../../domain/options/LogOptions.ts"
import {
  activeBdevsOf,
  activeLunsOf,
  activeTargetsOf,
  authGroupsOf,
  initiatorGroupsOf,
  portalGroupsOf,
  type State
} from "../../../domain/State.ts"
import type { TargetNode } from "../../../domain/target/TargetNode.ts"
import type { Exported } from "../../ExportFormat.ts"
import { type IniLine, IniWriter } from "./IniWriter.ts"
import { numberOptions } from "./options-section.ts"
import { bdevLines } from "./print-bdevs.ts"

/** A secret in clear, as the file holds it. */
export interface PlainSecret {
  readonly user: string
  readonly secret: string
  readonly muser?: string | undefined
  readonly msecret?: string | undefined
}

type Warn = (object: string, why: string) => void

const yesNo = (value: boolean): string => (value ? "Yes" : "No")

/** `AuthMethod` and its words; undefined if no words say it. */
const methodOf = ({ disableChap, mutualChap, requireChap }: Auth): ReadonlyArray<string> | undefined => {
  if (disableChap) return requireChap || mutualChap ? undefined : ["None"]
  if (requireChap) return mutualChap ? ["CHAP", "Mutual"] : ["CHAP"]
  return mutualChap ? undefined : ["Auto"]
}

const authLines = (auth: Auth, prefix: string, object: string, warn: Warn): ReadonlyArray<IniLine> => {
  const method = methodOf(auth)
  if (method === undefined) warn(object, "its combination of CHAP flags has no word; CHAP is required instead")
  return [
    [`${prefix}AuthMethod`, ...(method ?? ["CHAP", "Mutual"])],
    [`${prefix}AuthGroup`, auth.chapGroup === 0 ? "None" : `AuthGroup${auth.chapGroup}`]
  ]
}

const poolOptions = ["pduPoolSize", "immediateDataPoolSize", "dataOutPoolSize"] as const

const optionLines = (options: IscsiOptions, warn: Warn): ReadonlyArray<IniLine> => {
  for (const name of poolOptions) {
    if (options[name] !== defaultIscsiOptions[name]) warn("options", `${name} has no key`)
  }
  return [
    ["NodeBase", options.nodeBase],
    ...(options.authFile === undefined ? [] : ([["AuthFile", options.authFile]] as const)),
    ...Object.entries(numberOptions).map(([key, name]): IniLine => [key, String(options[name])]),
    ["ImmediateData", yesNo(options.immediateData)],
    ["AllowDuplicateIsid", yesNo(options.allowDuplicatedIsid)],
    ...authLines(options.auth, "Discovery", "options", warn)
  ]
}

const portalGroupLines = (group: PortalGroup, warn: Warn): ReadonlyArray<IniLine> => {
  const object = `portal group ${group.tag}`
  if (group.private) warn(object, "private has no key: discovery tells of its portals")
  if (group.wait) warn(object, "wait has no key: its portals accept from the start")
  if (!Equal.equals(group.auth, noAuth)) warn(object, "CHAP of one group has no key: that of discovery holds")
  if (group.name !== undefined) warn(object, `the name ${group.name} has no key`)
  return group.portals.map(({ host, port }, index): IniLine => ["Portal", `DA${index + 1}`, `${host}:${port}`])
}

const initiatorGroupLines = (group: InitiatorGroup, warn: Warn): ReadonlyArray<IniLine> => {
  const object = `initiator group ${group.tag}`
  if (group.name !== undefined) warn(object, `the name ${group.name} has no key`)
  return [
    ...group.initiators.map((name): IniLine => ["InitiatorName", name]),
    ...group.netmasks.map((netmask): IniLine => ["Netmask", netmask])
  ]
}

/** A group that has lost its last names or netmasks lets nobody in, and cannot be written: so its maps go too. */
const isWritable = ({ initiators, netmasks }: InitiatorGroup): boolean => initiators.length > 0 && netmasks.length > 0

interface Known {
  readonly bdevs: ReadonlySet<string>
  readonly portalGroups: ReadonlySet<number>
  readonly initiatorGroups: ReadonlySet<number>
}

const mapLines = ({ name, pgIgMaps }: TargetNode, known: Known, warn: Warn): ReadonlyArray<IniLine> =>
  pgIgMaps.flatMap((map): ReadonlyArray<IniLine> => {
    const words = [`PortalGroup${map.portalGroup}`, `InitiatorGroup${map.initiatorGroup}`] as const
    const isNarrow = map.luns !== undefined || map.readOnly === true
    if (isNarrow) warn(`target ${name}`, `the map ${words.join(" ")} is narrowed to some LUNs or to reading; left out`)
    const isWhole = known.portalGroups.has(map.portalGroup) && known.initiatorGroups.has(map.initiatorGroup)
    return isNarrow || !isWhole ? [] : [["Mapping", ...words]]
  })

const lunLines = (target: TargetNode, bdevs: ReadonlySet<string>, warn: Warn): ReadonlyArray<IniLine> =>
  activeLunsOf(target).flatMap(({ bdev, lun }): ReadonlyArray<IniLine> => {
    if (bdevs.has(bdev.name)) return [[`LUN${lun}`, bdev.name]]
    warn(`target ${target.name}`, `LUN ${lun} is left out with its bdev ${bdev.name}`)
    return []
  })

const digestWords = ({ dataDigest, headerDigest }: TargetNode): ReadonlyArray<string> => {
  const words = [...(headerDigest ? ["Header"] : []), ...(dataDigest ? ["Data"] : [])]
  return words.length === 0 ? ["Auto"] : words
}

/** Undefined if SPDK would refuse the whole file for it. */
const targetLines = (target: TargetNode, known: Known, warn: Warn): ReadonlyArray<IniLine> | undefined => {
  const object = `target ${target.name}`
  if (target.redirects.length > 0) warn(object, "redirects have no key")
  if (target.histogram) warn(object, "its histogram has no key")
  const maps = mapLines(target, known, warn)
  const luns = lunLines(target, known.bdevs, warn)
  const missing = [...(maps.length === 0 ? ["a map"] : []), ...(luns.some(([key]) => key === "LUN0") ? [] : ["LUN 0"])]
  if (missing.length > 0) {
    warn(object, `is left out: SPDK makes no target without ${missing.join(" and ")}`)
    return undefined
  }
  return [
    ["TargetName", target.name],
    ...(target.alias === "" ? [] : ([["TargetAlias", target.alias]] as const)),
    ...maps,
    ...authLines(target.auth, "", object, warn),
    ["UseDigest", ...digestWords(target)],
    ...luns,
    ["QueueDepth", String(target.queueDepth)]
  ]
}

/** Of groups that SPDK cannot have. */
const warnOfGroups = (
  state: State,
  portalGroups: ReadonlyArray<PortalGroup>,
  initiatorGroups: ReadonlyArray<InitiatorGroup>,
  warn: Warn
): void => {
  for (const group of portalGroupsOf(state).filter((one) => !portalGroups.includes(one))) {
    warn(`portal group ${group.tag}`, "is left out with its maps: it has no portals")
  }
  for (const group of initiatorGroupsOf(state).filter((one) => !initiatorGroups.includes(one))) {
    warn(`initiator group ${group.tag}`, "is left out with its maps: it has no names or no netmasks")
  }
}

const authGroupLines = (secrets: ReadonlyArray<PlainSecret>): ReadonlyArray<IniLine> =>
  secrets.map(
    ({ msecret, muser, secret, user }): IniLine =>
      muser === undefined || msecret === undefined ? ["Auth", user, secret] : ["Auth", user, secret, muser, msecret]
  )

/**
 * The file, in sections that SPDK reads in any order. `secrets` are those of auth groups by tag, in clear; without
 * them the groups are left out.
 */
export const printIscsiConf = (
  state: State,
  secrets: ReadonlyMap<number, ReadonlyArray<PlainSecret>> | undefined
): Exported => {
  const warnings: Array<string> = []
  const warn: Warn = (object, why) => warnings.push(`${object}: ${why}`)
  const writer = new IniWriter((section, key) => warn(`[${section}]`, `${key} has a value that no line can hold`))
  writer.section("iSCSI", optionLines(state.options, warn))
  if (!areDefaultLogOptions(state.logOptions)) warn("the event log", "its options have no place in this format")
  const bdevs = bdevLines(activeBdevsOf(state), warn)
  for (const [name, lines] of bdevs.sections) writer.section(name, lines)
  for (const { tag } of secrets === undefined ? authGroupsOf(state) : []) {
    warn(`auth group ${tag}`, "is left out: this format has secrets in clear; --with-secrets writes them")
  }
  for (const [tag, list] of secrets ?? []) {
    warn(`auth group ${tag}`, "SPDK reads it from a file of its own, which AuthFile names")
    writer.section(`AuthGroup${tag}`, authGroupLines(list))
  }
  const portalGroups = portalGroupsOf(state).filter(({ portals }) => portals.length > 0)
  const initiatorGroups = initiatorGroupsOf(state).filter(isWritable)
  warnOfGroups(state, portalGroups, initiatorGroups, warn)
  for (const group of portalGroups) writer.section(`PortalGroup${group.tag}`, portalGroupLines(group, warn))
  for (const group of initiatorGroups) writer.section(`InitiatorGroup${group.tag}`, initiatorGroupLines(group, warn))
  const known = {
    bdevs: bdevs.written,
    portalGroups: new Set<number>(portalGroups.map(({ tag }) => tag)),
    initiatorGroups: new Set<number>(initiatorGroups.map(({ tag }) => tag))
  }
  const targets = activeTargetsOf(state).flatMap((target) => {
    const lines = targetLines(target, known, warn)
    return lines === undefined ? [] : [lines]
  })
  for (const [index, lines] of targets.entries()) writer.section(`TargetNode${index + 1}`, lines)
  return { text: writer.text(), warnings }
}
