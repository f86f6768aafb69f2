/** Which variable of the environment each secret of an exported configuration is taken from. */
import type { AuthGroup } from "../../domain/auth/AuthGroup.ts"

const upper = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9]+/gu, "_")

/** What a secret is looked up by: a user of a group, and in which direction it proves. */
export const secretKey = (tag: number, user: string, direction: "secret" | "msecret"): string =>
  JSON.stringify([tag, user, direction])

/** Longest part of a user's name in a variable. */
const userLengthMax = 100

/** By `secretKey`: `LUNLOG_SECRET_<GROUP>_<USER>`, with a number behind it where two would be the same. */
export const secretVariables = (groups: ReadonlyArray<AuthGroup>): ReadonlyMap<string, string> => {
  const variables = new Map<string, string>()
  const taken = new Set<string>()
  const add = (key: string, wanted: string): void => {
    let name = wanted
    for (let number = 2; taken.has(name); number++) name = `${wanted}_${number}`
    taken.add(name)
    variables.set(key, name)
  }
  for (const { name, secrets, tag } of groups) {
    for (const { mutual, user } of secrets) {
      const rest = `${upper(name ?? String(tag))}_${upper(user.slice(0, userLengthMax))}`
      add(secretKey(tag, user, "secret"), `LUNLOG_SECRET_${rest}`)
      if (mutual !== undefined) add(secretKey(tag, user, "msecret"), `LUNLOG_MUTUAL_SECRET_${rest}`)
    }
  }
  return variables
}
