/** Who is refused whatever the initiator does, because it requires what lunlog does not have yet: CHAP and digests. */
import type { PortalGroup } from "./PortalGroup.ts"
import { activeTargetsOf, portalGroupsOf, type State } from "./State.ts"
import type { TargetNode } from "./TargetNode.ts"

/** Objects in one sentence. */
const namesMax = 20

const hurdleOf = ({ auth, dataDigest, headerDigest }: TargetNode): string | undefined => {
  if (auth.requireChap) return "CHAP"
  return headerDigest || dataDigest ? "digests" : undefined
}

const listed = (names: ReadonlyArray<string>): string =>
  names.length > namesMax
    ? `${names.slice(0, namesMax).join(", ")} and ${names.length - namesMax} more`
    : names.join(", ")

const discoveryOf = (groups: ReadonlyArray<PortalGroup>): string =>
  `discovery over portal group ${listed(groups.map(({ tag }) => String(tag)))}`

/** One sentence for each thing that is required in vain; empty if nothing is. */
export const refusedLogins = (state: State): ReadonlyArray<string> => {
  const targets = activeTargetsOf(state)
  const groups = portalGroupsOf(state).filter(({ auth }) => auth.requireChap)
  const everywhere = state.options.auth.requireChap
  const requiring = (hurdle: string) => targets.filter((target) => hurdleOf(target) === hurdle).map(({ name }) => name)
  const [chap, digests] = [requiring("CHAP"), requiring("digests")]
  return [
    ...(chap.length === 0
      ? []
      : [`every login is refused, as there is no CHAP yet and it is required: ${listed(chap)}`]),
    ...(digests.length === 0
      ? []
      : [`every login is refused, as there are no digests yet and they are required: ${listed(digests)}`]),
    ...(everywhere ? ["every discovery is refused, as there is no CHAP yet and it is required"] : []),
    ...(groups.length === 0 || everywhere
      ? []
      : [`${discoveryOf(groups)} is refused, as there is no CHAP yet and it is required`])
  ]
}
