/** Seeded random commands and events of auth groups, authentication, redirects and logout requests. */
import { AuthUser, type SealedSecret } from "../../src/domain/auth/AuthGroup.ts"
import type { Command } from "../../src/domain/Command.ts"
import type { Event } from "../../src/domain/Event.ts"
import { AuthGroupTag } from "../../src/domain/ids.ts"
import { type Auth, noAuth } from "../../src/domain/options/IscsiOptions.ts"
import { authGroupsOf, findTarget, type State, targetsOf } from "../../src/domain/State.ts"
import { at, disk1, disk2, pgTag } from "./examples.ts"
import { type Dice, presentOr } from "./random.ts"

const targets = [disk1, disk2] as const
const groupNames = ["front", "back"] as const
const users = ["anna", "bert"] as const
const hosts = ["127.0.0.1", "127.0.0.3", "10.0.0.1", "10.0.0.2", "[::1]", "*", "localhost"] as const

const sealedSecret = ({ roll }: Dice): SealedSecret => ({ sealed: `sealed${roll(9)}`, fingerprint: `print${roll(3)}` })

const randomAuth = ({ roll }: Dice): Auth => ({
  ...noAuth,
  requireChap: roll(2) === 0,
  mutualChap: roll(3) === 0,
  chapGroup: roll(3)
})

/** A command that may well be refused. */
export const authCommand = (dice: Dice, state: State): Command => {
  const { pick, roll, some } = dice
  const tag = presentOr<number>(
    dice,
    authGroupsOf(state).map((group) => group.tag),
    roll(3)
  )
  const secretOf = (user: string) => ({ user, secret: sealedSecret(dice) })
  const mutual = { ...secretOf(pick(users)), muser: "target", msecret: sealedSecret(dice) }
  const target = pick(targets)
  const mapped = findTarget(state, target)?.pgIgMaps.map(({ portalGroup }) => portalGroup) ?? []
  const redirect = { target, portalGroup: presentOr<number>(dice, mapped, 1 + roll(2)) }
  const [held = { tag, user: pick(users) }] = authGroupsOf(state).flatMap((group) =>
    group.secrets.map(({ user }) => ({ tag: group.tag, user }))
  )
  const [redirected = redirect] = targetsOf(state).flatMap(({ name, redirects }) =>
    redirects.map(({ portalGroup }) => ({ target: name, portalGroup }))
  )
  return pick<Command>([
    { _tag: "CreateAuthGroup", tag: roll(3), secrets: some(() => secretOf(pick(users))) },
    { _tag: "CreateAuthGroup", tag: roll(3), name: pick(groupNames), secrets: [] },
    { _tag: "AddAuthGroupSecret", tag, secret: mutual },
    { _tag: "AddAuthGroupSecret", tag, secret: { ...secretOf(pick(users)), muser: "half" } },
    { _tag: "AddAuthGroupSecret", tag, secret: secretOf(pick(users)) },
    { _tag: "RemoveAuthGroupSecret", tag, user: pick(users) },
    { _tag: "RemoveAuthGroupSecret", ...held },
    { _tag: "DeleteAuthGroup", tag },
    { _tag: "SetDiscoveryAuth", auth: randomAuth(dice) },
    { _tag: "SetPortalGroupAuth", tag: 1 + roll(2), auth: randomAuth(dice) },
    { _tag: "SetTargetNodeAuth", target: pick(targets), auth: randomAuth(dice) },
    { _tag: "SetTargetNodeRedirect", ...redirect, host: pick(hosts), port: 3260 + roll(2) },
    { _tag: "SetTargetNodeRedirect", ...redirect, host: pick(hosts), port: 3262, permanent: true },
    { _tag: "SetTargetNodeRedirect", ...redirect, host: "10.0.0.1", port: 3263 },
    { _tag: "SetTargetNodeRedirect", ...redirected },
    { _tag: "SetTargetNodeRedirect", ...redirected },
    { _tag: "RequestTargetNodeLogout", target: pick(targets) },
    { _tag: "RequestTargetNodeLogout", target: pick(targets), portalGroup: roll(2) }
  ])
}

/** An event that no `decide` has seen. */
export const authEvent = (dice: Dice, seq: number): Event => {
  const { pick, roll, some } = dice
  const tag = AuthGroupTag.make(1 + roll(2))
  const incarnation = at(roll(seq + 1))
  const user = AuthUser.make(pick(users))
  const secret = { user, secret: sealedSecret(dice) }
  const redirect = { target: pick(targets), portalGroup: pgTag(1 + roll(3)) }
  return pick<Event>([
    { _tag: "AuthGroupCreated", tag, secrets: some(() => secret) },
    { _tag: "AuthGroupSecretAdded", tag, secret },
    { _tag: "AuthGroupSecretRemoved", tag, user },
    { _tag: "AuthGroupDeleted", tag, incarnation },
    { _tag: "DiscoveryAuthSet", auth: randomAuth(dice) },
    { _tag: "PortalGroupAuthSet", tag: pgTag(1 + roll(3)), auth: randomAuth(dice) },
    { _tag: "TargetNodeAuthSet", target: pick(targets), auth: randomAuth(dice) },
    { _tag: "TargetNodeRedirectSet", ...redirect, host: "127.0.0.3", port: 3260 + roll(3) },
    { _tag: "TargetNodeRedirectCleared", ...redirect },
    { _tag: "TargetNodeLogoutRequested", target: pick(targets), incarnation }
  ])
}
