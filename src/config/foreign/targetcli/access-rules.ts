/**
 * The node ACLs of a TPG as initiator groups with what each may see. LIO maps LUNs one by one and numbers them anew for
 * each initiator; lunlog narrows a rule to some LUNs, all of them read-only or none.
 */
import type { ConversionDraft } from "../Conversion.ts"
import type { JsonNode } from "./JsonNode.ts"

/** Initiators with equal rights. */
export interface AccessRule {
  readonly initiators: ReadonlyArray<string>
  /** LUN ids that they see. */
  readonly luns: ReadonlyArray<number>
  readonly readOnly: boolean
}

interface Reading {
  readonly draft: ConversionDraft
  readonly placeOf: (node: JsonNode) => string
}

/** LUNs of one ACL that can be seen under their own number, with whether they may be written. */
const mappedLuns = ({ draft, placeOf }: Reading, acl: JsonNode, known: ReadonlySet<number>) =>
  acl.list("mapped_luns").flatMap((mapped) => {
    const index = mapped.number("index") ?? -1
    const lun = mapped.number("tpg_lun") ?? index
    if (index === lun && known.has(lun)) return [{ lun, isReadOnly: mapped.flag("write_protect") === true, mapped }]
    const why =
      index === lun
        ? `there is no LUN ${lun}`
        : `LUN ${lun} has the number ${index} for this initiator, and one number for all in lunlog`
    draft.warn(placeOf(mapped), `is left out: ${why}`)
    return []
  })

const ruleOf = (reading: Reading, acl: JsonNode, known: ReadonlySet<number>) => {
  const mapped = mappedLuns(reading, acl, known)
  const writable = mapped.filter(({ isReadOnly }) => !isReadOnly)
  const kept = writable.length === 0 ? mapped : writable
  for (const left of mapped.filter(({ isReadOnly }) => isReadOnly && writable.length > 0)) {
    const why = "is left out: a rule is read-only as a whole, and the other LUNs may be written"
    reading.draft.warn(reading.placeOf(left.mapped), why)
  }
  const luns = kept.map(({ lun }) => lun).sort((a, b) => a - b)
  return { luns, readOnly: writable.length === 0 && mapped.length > 0 }
}

/** Rules of a TPG in order: its ACLs, then everyone in demo mode. `known` are the LUNs that the TPG has. */
export const readAccessRules = (
  reading: Reading,
  tpg: JsonNode,
  known: ReadonlySet<number>
): ReadonlyArray<AccessRule> => {
  const rules = new Map<
    string,
    { readonly initiators: Array<string>; luns: ReadonlyArray<number>; readOnly: boolean }
  >()
  for (const acl of tpg.list("node_acls")) {
    const name = acl.text("node_wwn")
    if (name === undefined) {
      reading.draft.warn(reading.placeOf(acl), "has no node_wwn and is left out")
      continue
    }
    const rule = ruleOf(reading, acl, known)
    const key = JSON.stringify(rule)
    const found = rules.get(key) ?? { initiators: [], ...rule }
    found.initiators.push(name)
    rules.set(key, found)
  }
  const seeing = [...rules.values()].filter(({ luns }) => luns.length > 0)
  const blind = [...rules.values()].filter(({ luns }) => luns.length === 0).flatMap(({ initiators }) => initiators)
  if (blind.length > 0) {
    reading.draft.warn(reading.placeOf(tpg.get("node_acls")), `${blind.join(", ")} see no LUN, and may not log in`)
  }
  const attributes = tpg.get("attributes")
  if (attributes.flag("generate_node_acls") !== true || known.size === 0) return seeing
  const readOnly = attributes.flag("demo_mode_write_protect") !== false
  // An ACL without LUNs shuts its initiator out of what everybody else may see.
  return [...seeing, { initiators: [...blind.map((name) => `!${name}`), "ANY"], luns: [...known], readOnly }]
}
