/** Sessions that ended, logins and task management functions: each for a reason. */
import type { History, LoginDone, SessionSeen } from "../History.ts"
import type { States } from "./check-rpcs.ts"

/** Statuses of a login, RFC 7143 section 11.13.5. */
const success = 0
const authorizationFailure = 0x0202
const notFound = 0x0203
const targetRemoved = 0x0204

/** Portal group 1 is where initiators come in; every initiator group lets everybody in. */
const lets = (maps: ReadonlyArray<string>): boolean => maps.some((map) => map.startsWith("1:"))

/** Records at least this new, and at most: those of requests that were surely before, and possibly before. */
const statesAt = (history: History, states: States, login: LoginDone): States => {
  const seqs = (isOne: (rpc: History["rpcs"][number]) => boolean) => {
    const ids = new Set(history.rpcs.filter(isOne).map(({ id }) => id))
    return history.records.filter(({ action }) => action !== undefined && ids.has(action)).map(({ seq }) => seq)
  }
  const from = Math.max(0, ...seqs(({ end }) => end < login.begin))
  const to = Math.min(Number.POSITIVE_INFINITY, ...seqs(({ begin }) => begin > login.end))
  const inside = states.filter(({ seq }) => seq >= from && seq < to)
  const before = states.findLast(({ seq }) => seq < from)
  return before === undefined ? inside : [before, ...inside]
}

const checkLogin = (history: History, states: States, login: LoginDone, isKilled: boolean): string | undefined => {
  const { id, status, target } = login
  if (status === undefined) return isKilled ? undefined : `action ${id}: the login to ${target} got no answer`
  const allowed = new Set(
    statesAt(history, states, login).flatMap(({ targets }) => {
      const there = targets.get(target)
      if (there === undefined) return [notFound]
      if (there.isGoing) return [notFound, targetRemoved]
      return [lets(there.maps) ? success : authorizationFailure]
    })
  )
  if (allowed.has(status)) return undefined
  const expected = [...allowed].map((one) => one.toString(16)).join(" or ")
  return `action ${id}: the login to ${target} ended with ${status.toString(16)}, not ${expected}`
}

const checkSession = (session: SessionSeen, history: History): ReadonlyArray<string> => {
  const { endedBy, isClosed, messages, name, target, violations } = session
  const wrong = violations.map((violation) => `${name} at ${target}: ${violation}`)
  const targetGoes = history.records.some(
    ({ payload, type }) => type === "TargetNodeDeletionStarted" && payload["target"] === target
  )
  if (!isClosed || endedBy !== undefined || targetGoes) return wrong
  return [...wrong, `${name} at ${target} was closed for no reason (${messages.join(", ") || "without a word"})`]
}

/** What is wrong with them. */
export const checkSessions = (history: History, states: States, isKilled: boolean): ReadonlyArray<string> => [
  ...history.logins.flatMap((login) => checkLogin(history, states, login, isKilled) ?? []),
  ...history.sessions.flatMap((session) => checkSession(session, history)),
  ...history.manages.flatMap(({ function: asked, lun, response, session, target }) =>
    // 0 done, 2 LUN does not exist, RFC 7143 section 11.6.1; undefined when the session has ended.
    response === undefined || response === 0 || response === 2
      ? []
      : [`function ${asked} for LUN ${lun} of ${target} by ${session} was answered with ${response}`]
  )
]
