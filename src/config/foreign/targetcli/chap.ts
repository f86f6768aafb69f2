/** LIO's CHAP settings: of the ACLs and TPGs of a target, and of discovery. */

import type { AuthSection } from "../../native/native-schema.ts"
import type { ConversionDraft } from "../Conversion.ts"
import { mutualChapOf, type PlacedSecret, type SecretPool } from "../shared-secrets.ts"
import type { JsonNode } from "./JsonNode.ts"

interface Reading {
  readonly draft: ConversionDraft
  readonly secrets: SecretPool
  readonly placeOf: (node: JsonNode) => string
}

/** The secret at an ACL, a TPG (`chap_…`) or a fabric module (`discovery_…`); none if it is not complete. */
const secretAt = ({ draft, placeOf }: Reading, node: JsonNode, prefix: "chap" | "discovery") => {
  const user = node.text(`${prefix}_userid`)
  const secret = node.text(`${prefix}_password`)
  if (user === undefined && secret === undefined) return []
  if (user === undefined || secret === undefined) {
    draft.warn(placeOf(node), `half of ${prefix}_userid and ${prefix}_password is there, and is left out`)
    return []
  }
  const mutualUser = node.text(`${prefix}_mutual_userid`)
  const mutualSecret = node.text(`${prefix}_mutual_password`)
  const mutual = mutualUser === undefined || mutualSecret === undefined ? {} : { mutualUser, mutualSecret }
  const placed: PlacedSecret = { place: placeOf(node), secret: { user, secret, ...mutual } }
  return [placed]
}

/** What a target requires, from its TPGs; undefined if that is nothing. */
export const readTargetAuth = (reading: Reading, target: JsonNode): AuthSection | undefined => {
  const { draft, placeOf } = reading
  const tpgs = target.list("tpgs")
  const acls = tpgs.flatMap((tpg) => tpg.list("node_acls"))
  const secrets = [...acls, ...tpgs].flatMap((node) => secretAt(reading, node, "chap"))
  const required = tpgs.map((tpg) => tpg.get("attributes").flag("authentication") === true)
  const requireChap = required.includes(true)
  if (requireChap && required.includes(false)) {
    draft.warn(placeOf(target), "requires CHAP in one TPG and not in another; in lunlog it does so in all")
  }
  for (const acl of acls) {
    const own = acl.get("attributes").number("authentication")
    if (own === undefined || own < 0 || own > 0 === requireChap) continue
    draft.warn(placeOf(acl), "has its own authentication, which is left out: that of the target counts")
  }
  const users = new Set(secrets.map(({ secret }) => secret.user))
  if (users.size > 1) {
    const why = "its CHAP users become one group: each of them may prove any of its initiators"
    draft.warn(placeOf(target), why)
  }
  const chapGroup = reading.secrets.tagOf(secrets, placeOf(target))
  if (chapGroup === undefined && !requireChap) return undefined
  const mutual = mutualChapOf(draft, secrets, placeOf(target), requireChap)
  return { ...(requireChap ? { requireChap } : {}), ...mutual, ...(chapGroup === undefined ? {} : { chapGroup }) }
}

/** CHAP of discovery, which LIO has once for all of iSCSI. */
export const readDiscoveryAuth = (reading: Reading, root: JsonNode): void => {
  const module = root.list("fabric_modules").find((node) => node.text("name") === "iscsi")
  if (module === undefined) return
  const place = reading.placeOf(module)
  const secrets = secretAt(reading, module, "discovery")
  const chapGroup = reading.secrets.tagOf(secrets, place)
  const requireChap = module.flag("discovery_enable_auth") === true
  if (chapGroup === undefined && !requireChap) return
  const mutual = mutualChapOf(reading.draft, secrets, place, requireChap)
  const group = chapGroup === undefined ? {} : { chapGroup }
  reading.draft.options({ discoveryAuth: { ...(requireChap ? { requireChap } : {}), ...mutual, ...group } }, place)
}
