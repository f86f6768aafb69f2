/**
 * Who may log in to a target, who may see it, and what discovery must prove. Pure functions over plain values, called
 * by the data plane per login.
 *
 * The rules are SPDK's: within an initiator group the first name that matches decides, and a name that is denied
 * there is denied at once; a name that is accepted from an address that no netmask covers goes on to the next group.
 */
import { Result } from "effect"
import { parsePeerAddress } from "./address.ts"
import { compileNetmask, type NetmaskMatcher, netmaskMatches } from "./netmask.ts"
import type { Auth } from "./options/IscsiOptions.ts"

interface InitiatorMatcher {
  readonly denies: boolean
  /** In lower case; undefined matches every name. */
  readonly name: string | undefined
}

/** An initiator group, ready to decide. */
export interface AccessList {
  readonly initiators: ReadonlyArray<InitiatorMatcher>
  readonly netmasks: ReadonlyArray<NetmaskMatcher>
}

const compileInitiator = (pattern: string): InitiatorMatcher => {
  const denies = pattern.startsWith("!")
  const name = (denies ? pattern.slice(1) : pattern).toLowerCase()
  return { denies, name: name === "any" || name === "all" ? undefined : name }
}

/** Netmasks that cannot be read never match: the rules of today may be stricter than those of an old log. */
export const compileAccessList = (group: {
  readonly initiators: ReadonlyArray<string>
  readonly netmasks: ReadonlyArray<string>
}): AccessList => ({
  initiators: group.initiators.map(compileInitiator),
  netmasks: group.netmasks.flatMap((text) => {
    const matcher = compileNetmask(text)
    return Result.isSuccess(matcher) ? [matcher.success] : []
  })
})

const decideName = (list: AccessList, nameKey: string): "allow" | "deny" | "unknown" => {
  for (const initiator of list.initiators) {
    if (initiator.name === undefined || initiator.name === nameKey) return initiator.denies ? "deny" : "allow"
  }
  return "unknown"
}

/**
 * The rule that lets the initiator log in from this address; undefined if none does. `rules` are the initiator groups
 * that are mapped to the portal group of the connection, in order; none means no. IPv4 addresses of dual-stack sockets
 * (`::ffff:a.b.c.d`) count as IPv4.
 */
export const admittingRule = <Rule extends { readonly list: AccessList }>(
  rules: ReadonlyArray<Rule>,
  initiatorName: string,
  remoteAddress: string
): Rule | undefined => {
  const nameKey = initiatorName.toLowerCase()
  const address = parsePeerAddress(remoteAddress)
  for (const rule of rules) {
    const verdict = decideName(rule.list, nameKey)
    if (verdict === "deny") return undefined
    if (verdict === "unknown") continue
    const covered = rule.list.netmasks.some(
      (matcher) => matcher._tag === "Any" || (address !== undefined && netmaskMatches(matcher, address))
    )
    if (covered) return rule
  }
  return undefined
}

/**
 * Whether SendTargets tells the initiator of a target. `lists` are all its initiator groups in order; addresses do
 * not count.
 */
export const discoverable = (lists: ReadonlyArray<AccessList>, initiatorName: string): boolean => {
  const nameKey = initiatorName.toLowerCase()
  for (const list of lists) {
    const verdict = decideName(list, nameKey)
    if (verdict !== "unknown") return verdict === "allow"
  }
  return false
}

const isUnset = ({ chapGroup, disableChap, requireChap }: Auth): boolean =>
  !disableChap && !requireChap && chapGroup === 0

/**
 * What a discovery session over a portal group must prove: what the group says, unless it says nothing, or what all
 * discovery needs is more. Neither weakens the other.
 */
export const discoveryAuth = (everywhere: Auth, ofGroup: Auth | undefined): Auth => {
  if (ofGroup === undefined || isUnset(ofGroup)) return everywhere
  if (!everywhere.requireChap) return ofGroup
  return {
    disableChap: false,
    requireChap: true,
    mutualChap: everywhere.mutualChap || ofGroup.mutualChap,
    chapGroup: ofGroup.chapGroup === 0 ? everywhere.chapGroup : ofGroup.chapGroup
  }
}
