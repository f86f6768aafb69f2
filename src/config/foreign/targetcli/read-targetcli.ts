/**
 * LIO's saved configuration (`/etc/target/saveconfig.json` of targetcli) as a native one. A TPG's addresses become
 * portal groups, its ACLs initiator groups, its LUNs those of the target. LIO's kernel devices are named by path.
 */
import { Result } from "effect"
import { LUN_MAX } from "../../../domain/ids.ts"
import type { TargetSection } from "../../native/native-schema.ts"
import { type Conversion, ConversionDraft } from "../Conversion.ts"
import { BdevNames, InitiatorPool, PortalPool } from "../shared-groups.ts"
import { SecretPool } from "../shared-secrets.ts"
import { type AccessRule, readAccessRules } from "./access-rules.ts"
import { readDiscoveryAuth, readTargetAuth } from "./chap.ts"
import { JsonNode } from "./JsonNode.ts"
import { readStorageObjects } from "./storage-objects.ts"

interface Reading {
  readonly draft: ConversionDraft
  readonly placeOf: (node: JsonNode) => string
  readonly bdevs: ReadonlyMap<string, string>
  readonly portals: PortalPool
  readonly secrets: SecretPool
}

interface Tpg {
  readonly key: string
  readonly luns: ReadonlyMap<number, string>
  readonly rules: ReadonlyArray<AccessRule>
}

/** `[::]` of LIO is for IPv4 too. */
const addressesOf = (node: JsonNode): ReadonlyArray<string> => {
  const address = node.text("ip_address") ?? "0.0.0.0"
  const port = node.number("port") ?? 3260
  const hosts = /^\[?::\]?$/u.test(address) ? ["[*]", "*"] : address === "0.0.0.0" ? ["*"] : [address]
  return hosts.map((host) => `${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`)
}

const readPortals = ({ draft, placeOf }: Reading, tpg: JsonNode): ReadonlyArray<string> =>
  tpg.list("portals").flatMap((portal) => {
    if (portal.flag("iser") === true) draft.warn(placeOf(portal), "iSER is left out: the portal speaks iSCSI over TCP")
    if (portal.flag("offload") === true) draft.warn(placeOf(portal), "offload is left out")
    return addressesOf(portal)
  })

const readLuns = ({ bdevs, draft, placeOf }: Reading, tpg: JsonNode): ReadonlyMap<number, string> => {
  const luns = new Map<number, string>()
  for (const node of tpg.list("luns")) {
    const lun = node.number("index") ?? -1
    const path = node.text("storage_object") ?? ""
    const bdev = bdevs.get(path)
    if (bdev === undefined) draft.warn(placeOf(node), `is left out: ${path || "its storage object"} was left out`)
    else if (lun < 0 || lun > LUN_MAX) draft.warn(placeOf(node), `LUN ${lun} is left out: ids are 0 to ${LUN_MAX}`)
    else luns.set(lun, bdev)
  }
  return luns
}

const readTpg = (reading: Reading, tpg: JsonNode): Tpg => {
  const key = tpg.path
  const luns = readLuns(reading, tpg)
  if (tpg.flag("enable") === false) {
    reading.draft.warn(reading.placeOf(tpg), "is disabled: nobody may log in over it")
    return { key, luns, rules: [] }
  }
  reading.portals.use(key, readPortals(reading, tpg))
  return { key, luns, rules: readAccessRules(reading, tpg, new Set(luns.keys())) }
}

/** The LUNs of all TPGs as those of one target; a number that means two disks is the first one. */
const mergedLuns = ({ draft, placeOf }: Reading, target: JsonNode, tpgs: ReadonlyArray<Tpg>) => {
  const luns = new Map<number, string>()
  for (const tpg of tpgs) {
    for (const [lun, bdev] of tpg.luns) {
      const taken = luns.get(lun)
      if (taken === undefined) luns.set(lun, bdev)
      else if (taken !== bdev) {
        const why = `LUN ${lun} is ${taken} in one TPG and ${bdev} in another; lunlog's target has one, ${taken}`
        draft.warn(placeOf(target), why)
      }
    }
  }
  return luns
}

/** What of a TPG's LUNs is the target's LUN of that number. */
const ownLuns = (tpg: Tpg, luns: ReadonlyMap<number, string>): ReadonlySet<number> =>
  new Set([...tpg.luns].flatMap(([lun, bdev]) => (luns.get(lun) === bdev ? [lun] : [])))

const digest = (target: JsonNode, name: string): boolean => {
  const values = target.list("tpgs").map((tpg) => tpg.get("parameters").text(name) ?? "None")
  return values.length > 0 && values.every((value) => /crc32c/iu.test(value) && !/none/iu.test(value))
}

/** What LIO negotiates at each TPG and lunlog once for all: taken over where all agree. */
const readCommonParameters = ({ draft, placeOf }: Reading, root: JsonNode): void => {
  const tpgs = root.list("targets").flatMap((target) => target.list("tpgs"))
  const lengths = new Set(tpgs.flatMap((tpg) => tpg.get("parameters").number("FirstBurstLength") ?? []))
  const immediate = new Set(tpgs.flatMap((tpg) => tpg.get("parameters").flag("ImmediateData") ?? []))
  const [firstBurstLength] = lengths
  const [immediateData] = immediate
  const place = placeOf(root.get("targets"))
  if (lengths.size > 1 || immediate.size > 1) {
    draft.warn(place, "FirstBurstLength or ImmediateData are not the same everywhere, and keep lunlog's defaults")
  } else if (firstBurstLength !== undefined || immediateData !== undefined) {
    draft.options(
      {
        ...(firstBurstLength === undefined ? {} : { firstBurstLength }),
        ...(immediateData === undefined ? {} : { immediateData })
      },
      place
    )
  }
}

interface ReadTarget {
  readonly node: JsonNode
  readonly name: string
  readonly tpgs: ReadonlyArray<Tpg>
}

const mapsOf = (
  { tpgs }: ReadTarget,
  luns: ReadonlyMap<number, string>,
  tags: { readonly portalGroups: (key: string) => ReadonlyArray<number>; readonly initiators: InitiatorPool }
): TargetSection["maps"] =>
  tpgs.flatMap((tpg) => {
    const own = ownLuns(tpg, luns)
    return tags.portalGroups(tpg.key).flatMap((portalGroup) =>
      tpg.rules.map((rule) => {
        const seen = rule.luns.filter((lun) => own.has(lun))
        const initiatorGroup = tags.initiators.tagOf({ initiators: rule.initiators, netmasks: ["ANY"] })
        return {
          portalGroup,
          initiatorGroup,
          ...(seen.length === luns.size ? {} : { luns: seen }),
          ...(rule.readOnly ? { readOnly: true } : {})
        }
      })
    )
  })

const sectionOf = (reading: Reading, target: ReadTarget, tags: Parameters<typeof mapsOf>[2]): TargetSection => {
  const { name, node } = target
  const [first] = node.list("tpgs")
  const alias = first?.get("parameters").text("TargetAlias")
  const queueDepth = first?.get("attributes").number("default_cmdsn_depth")
  const luns = mergedLuns(reading, node, target.tpgs)
  const auth = readTargetAuth(reading, node)
  return {
    name,
    ...(alias === undefined ? {} : { alias }),
    maps: mapsOf(target, luns, tags),
    luns: [...luns].sort(([a], [b]) => a - b).map(([lun, bdev]) => ({ lun, bdev })),
    ...(queueDepth === undefined ? {} : { queueDepth }),
    ...(auth === undefined ? {} : { auth }),
    ...(digest(node, "HeaderDigest") ? { headerDigest: true } : {}),
    ...(digest(node, "DataDigest") ? { dataDigest: true } : {})
  }
}

const readTargets = (reading: Reading, root: JsonNode): ReadonlyArray<ReadTarget> =>
  root.list("targets").flatMap((node) => {
    const name = node.text("wwn")
    const fabric = node.text("fabric") ?? "iscsi"
    if (fabric === "iscsi" && name !== undefined) {
      return [{ node, name, tpgs: node.list("tpgs").map((tpg) => readTpg(reading, tpg)) }]
    }
    const why = name === undefined ? "has no wwn" : `lunlog has no fabric but iscsi, and this is ${fabric}`
    reading.draft.warn(reading.placeOf(node), `is left out: ${why}`)
    return []
  })

const readRoot = (name: string, root: JsonNode): Conversion => {
  const draft = new ConversionDraft()
  const placeOf = (node: JsonNode): string => `${name} ${node.path}`
  const bdevs = readStorageObjects({ draft, names: new BdevNames(), placeOf }, root)
  const reading = { draft, placeOf, bdevs, portals: new PortalPool(), secrets: new SecretPool(draft) }
  readDiscoveryAuth(reading, root)
  readCommonParameters(reading, root)
  const targets = readTargets(reading, root)
  const groups = reading.portals.groups()
  for (const { portals, tag, users } of groups) {
    draft.portalGroup({ tag, portals }, `${name} ${[...users][0] ?? ""}.portals`)
  }
  const initiators = new InitiatorPool((group) => draft.initiatorGroup(group, `${name} node_acls`))
  const portalGroups = (key: string) => groups.filter(({ users }) => users.has(key)).map(({ tag }) => tag)
  for (const target of targets) {
    draft.target(sectionOf(reading, target, { portalGroups, initiators }), placeOf(target.node))
  }
  return draft.finish()
}

/** Reads a file; fails with a message if it is no JSON object. `name` is how messages call it. */
export const readTargetcli = (name: string, source: string): Result.Result<Conversion, string> => {
  try {
    const value: unknown = JSON.parse(source.replace(/^\u{feff}/u, ""))
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return Result.succeed(readRoot(name, new JsonNode(value)))
    }
    return Result.fail(`${name}: an object is expected`)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return Result.fail(`${name}: ${error.message}`)
  }
}
