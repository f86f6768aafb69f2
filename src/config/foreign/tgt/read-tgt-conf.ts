/**
 * tgt's `targets.conf` (as tgt-admin reads it) as a native configuration. tgtd listens on port 3260 of every address
 * unless it was started otherwise; that is not in the file, and becomes the one portal group.
 */
import { parseIpv4, parseIpv6 } from "../../../domain/address.ts"
import type { TargetSection } from "../../native/native-schema.ts"
import { type Conversion, ConversionDraft } from "../Conversion.ts"
import { BdevNames, InitiatorPool } from "../shared-groups.ts"
import { SecretPool } from "../shared-secrets.ts"
import { readUsers } from "./chap.ts"
import { isStore, readStores, type StoreReading, storeKeys } from "./stores.ts"
import { type Include, readTgtText, type TgtNode } from "./TgtText.ts"

const portalGroup = 1

/** Negotiated with each initiator, or fixed: tgt's tuning of a target has no place. */
const tuning = new Set(
  [
    "MaxRecvDataSegmentLength MaxXmitDataSegmentLength InitialR2T MaxOutstandingR2T ImmediateData FirstBurstLength",
    "MaxBurstLength DataPDUInOrder DataSequenceInOrder ErrorRecoveryLevel IFMarker OFMarker DefaultTime2Wait",
    "DefaultTime2Retain OFMarkInt IFMarkInt MaxConnections nop_count nop_interval"
  ].flatMap((names) => names.toLowerCase().split(" "))
)

/** Of the way tgt-admin works; nothing of the target. */
const silent = new Set(["ignore-errors", "control-port", "controller_tid", "allow-in-use", "driver"])

/** Outside of targets, and read. */
const topLevel = new Set(["default-driver", "incomingdiscoveryuser", "outgoingdiscoveryuser"])

interface Reading extends StoreReading {
  readonly initiators: InitiatorPool
  readonly secrets: SecretPool
  readonly driver: string
}

const warn = ({ draft }: { readonly draft: ConversionDraft }, node: TgtNode, why: string): void =>
  draft.warn(`${node.place} ${node.word}`, why)

const values = (nodes: ReadonlyArray<TgtNode>, key: string): ReadonlyArray<TgtNode> =>
  nodes.filter((node) => node.key === key)

/** `ALL`, an address or a network; IPv6 gets its brackets. */
const netmaskOf = (reading: Reading, node: TgtNode): ReadonlyArray<string> => {
  const [address = "", prefix] = node.value.split("/")
  if (/^all$/iu.test(address)) return ["ANY"]
  if (parseIpv4(address) !== undefined) return [node.value]
  if (parseIpv6(address) !== undefined) return [prefix === undefined ? `[${address}]` : `[${address}]/${prefix}`]
  warn(reading, node, `"${node.value}" is no address and is left out`)
  return []
}

/** Name and address must both match, as in tgt; what is not restricted is open. */
const initiatorGroupOf = (reading: Reading, body: ReadonlyArray<TgtNode>): number => {
  const addresses = values(body, "initiator-address")
  const names = values(body, "initiator-name")
  const netmasks = addresses.flatMap((node) => netmaskOf(reading, node))
  // None of the addresses could be read: nobody, rather than everybody.
  if (addresses.length > 0 && netmasks.length === 0) {
    return reading.initiators.tagOf({ initiators: ["!ANY"], netmasks: ["ANY"] })
  }
  return reading.initiators.tagOf({
    initiators: names.length === 0 ? ["ANY"] : names.map(({ value }) => value),
    netmasks: netmasks.length === 0 ? ["ANY"] : netmasks
  })
}

const isCrc = (node: TgtNode | undefined): boolean => node !== undefined && /^crc32c$/iu.test(node.value)

/** Keys of a target that make nothing of it. */
const warnOfRest = (reading: Reading, body: ReadonlyArray<TgtNode>): void => {
  const known = new Set([
    ..."initiator-address initiator-name incominguser outgoinguser headerdigest datadigest".split(" "),
    ...storeKeys,
    ...silent
  ])
  for (const node of body) {
    if (known.has(node.key) || isStore(node)) continue
    if (tuning.has(node.key))
      warn(reading, node, "is left out: lunlog negotiates it, or has it for all targets (options)")
    else warn(reading, node, "is not known and is left out")
  }
}

const readTarget = (reading: Reading, node: TgtNode): void => {
  const body = node.body ?? []
  const driver = values(body, "driver")[0]
  if (!["iscsi", "iser"].includes(driver?.value ?? reading.driver)) {
    warn(reading, driver ?? node, `${node.value} is left out: lunlog has no driver but iscsi`)
    return
  }
  if ((driver?.value ?? reading.driver) === "iser") warn(reading, driver ?? node, "iSER is left out: iSCSI over TCP")
  warnOfRest(reading, body)
  const auth = readUsers(reading, body, { incoming: "incominguser", outgoing: "outgoinguser" })
  const section: TargetSection = {
    name: node.value,
    maps: [{ portalGroup, initiatorGroup: initiatorGroupOf(reading, body) }],
    luns: readStores(reading, body),
    ...(auth === undefined ? {} : { auth }),
    ...(isCrc(values(body, "headerdigest")[0]) ? { headerDigest: true } : {}),
    ...(isCrc(values(body, "datadigest")[0]) ? { dataDigest: true } : {})
  }
  reading.draft.target(section, `${node.place} <target ${node.value}>`)
}

/** Config::General joins blocks of one name. */
const joined = (targets: ReadonlyArray<TgtNode>): ReadonlyArray<TgtNode> => {
  const byName = new Map<string, TgtNode>()
  for (const node of targets) {
    const before = byName.get(node.value)
    const body = [...(before?.body ?? []), ...(node.body ?? [])]
    byName.set(node.value, { ...(before ?? node), body })
  }
  return [...byName.values()]
}

/** Reads a file; `include` gives the files that it names. Never fails: what cannot be read is a warning. */
export const readTgtConf = (name: string, source: string, include: Include): Conversion => {
  const draft = new ConversionDraft()
  const { nodes, problems } = readTgtText({ name, source }, include)
  for (const problem of problems) draft.warn(...splitProblem(problem))
  const initiators = new InitiatorPool((group) => draft.initiatorGroup(group, `${name} initiator-address`))
  const driver = values(nodes, "default-driver")[0]?.value ?? "iscsi"
  const secrets = new SecretPool(draft)
  const reading: Reading = { draft, names: new BdevNames(), made: new Map(), initiators, secrets, driver }
  const discoveryKeys = { incoming: "incomingdiscoveryuser", outgoing: "outgoingdiscoveryuser" }
  const discoveryAuth = readUsers(reading, nodes, discoveryKeys)
  if (discoveryAuth !== undefined) draft.options({ discoveryAuth }, `${name} ${discoveryKeys.incoming}`)
  draft.portalGroup({ tag: portalGroup, portals: ["*:3260", "[*]:3260"] }, name)
  const targets = nodes.filter(({ body, key }) => key === "target" && body !== undefined)
  for (const target of joined(targets)) readTarget(reading, target)
  for (const node of nodes) {
    if (targets.includes(node) || silent.has(node.key) || topLevel.has(node.key)) continue
    const isIsns = node.key.startsWith("isns")
    warn(reading, node, isIsns ? "is left out: lunlog speaks no iSNS" : "is not known and is left out")
  }
  return draft.finish()
}

const splitProblem = (problem: string): [string, string] => {
  const at = problem.indexOf(": ")
  return [problem.slice(0, at), problem.slice(at + 2)]
}
