/** Who is refused whatever the initiator does: by CHAP that nobody can pass. */
import { discoveryAuth } from "../access.ts"
import type { PortalGroup } from "../group/PortalGroup.ts"
import type { Auth } from "../options/IscsiOptions.ts"
import { activeTargetsOf, findAuthGroup, portalGroupsOf, type State } from "../State.ts"

/** Objects in one sentence. */
const namesMax = 20

/** Why nobody can prove what is required; undefined if somebody can, or nothing is. */
const chapObstacle = (state: State, { chapGroup, mutualChap, requireChap }: Auth): string | undefined => {
  if (!requireChap) return undefined
  if (chapGroup === 0) return "CHAP is required and no auth group is set"
  const group = findAuthGroup(state, chapGroup)
  if (group === undefined) return `CHAP is required and auth group ${chapGroup} does not exist`
  if (group.secrets.length === 0) return `CHAP is required and auth group ${chapGroup} has no user`
  if (!mutualChap || group.secrets.some(({ mutual }) => mutual !== undefined)) return undefined
  return `mutual CHAP is required and no user of auth group ${chapGroup} has a mutual secret`
}

const listed = (names: ReadonlyArray<string>): string =>
  names.length > namesMax
    ? `${names.slice(0, namesMax).join(", ")} and ${names.length - namesMax} more`
    : names.join(", ")

/** Names by what stands in their way, in the order in which that is met first. */
const byObstacle = <Thing>(
  things: ReadonlyArray<Thing>,
  nameOf: (thing: Thing) => string,
  obstacleOf: (thing: Thing) => string | undefined
): ReadonlyMap<string, ReadonlyArray<string>> => {
  const found = new Map<string, Array<string>>()
  for (const thing of things) {
    const obstacle = obstacleOf(thing)
    if (obstacle === undefined) continue
    const names = found.get(obstacle)
    if (names === undefined) found.set(obstacle, [nameOf(thing)])
    else names.push(nameOf(thing))
  }
  return found
}

const refusedDiscovery = (state: State): ReadonlyArray<string> => {
  const groups = portalGroupsOf(state)
  const everywhere = chapObstacle(state, state.options.auth)
  const obstacleOf = ({ auth }: PortalGroup) => chapObstacle(state, discoveryAuth(state.options.auth, auth))
  if (everywhere !== undefined && groups.every((group) => obstacleOf(group) === everywhere)) {
    return [`every discovery is refused, as ${everywhere}`]
  }
  const found = byObstacle(groups, ({ tag }) => String(tag), obstacleOf)
  return [...found].map(([obstacle, tags]) => `discovery over portal group ${listed(tags)} is refused, as ${obstacle}`)
}

/** One sentence for each thing that is required in vain; empty if nothing is. */
export const refusedLogins = (state: State): ReadonlyArray<string> => {
  const targets = byObstacle(
    activeTargetsOf(state),
    ({ name }) => name,
    ({ auth }) => chapObstacle(state, auth)
  )
  return [
    ...[...targets].map(([obstacle, names]) => `every login is refused, as ${obstacle}: ${listed(names)}`),
    ...refusedDiscovery(state)
  ]
}
