/** tgt's users: `incominguser` of a target proves an initiator, `outgoinguser` the target. */

import type { AuthSection } from "../../native/native-schema.ts"
import type { ConversionDraft } from "../Conversion.ts"
import { mutualChapOf, type SecretPool } from "../shared-secrets.ts"
import type { TgtNode } from "./TgtText.ts"

interface Reading {
  readonly draft: ConversionDraft
  readonly secrets: SecretPool
}

interface User {
  readonly node: TgtNode
  readonly user: string
  readonly secret: string
}

const usersOf = ({ draft }: Reading, nodes: ReadonlyArray<TgtNode>, key: string): ReadonlyArray<User> =>
  nodes
    .filter((node) => node.key === key)
    .flatMap((node) => {
      // tgt-admin hands them to a shell, which takes quotes away.
      const [user, secret] = node.value.split(/\s+/u).map((word) => word.replace(/^(["'])(.*)\1$/u, "$2"))
      if (user !== undefined && secret !== undefined) return [{ node, user, secret }]
      draft.warn(`${node.place} ${node.word}`, "is left out; write a user and a password")
      return []
    })

/** What `nodes` (of a target, or of the file for discovery) require; undefined if they name no incoming user. */
export const readUsers = (
  reading: Reading,
  nodes: ReadonlyArray<TgtNode>,
  keys: { readonly incoming: string; readonly outgoing: string }
): AuthSection | undefined => {
  const incoming = usersOf(reading, nodes, keys.incoming)
  const [outgoing, ...more] = usersOf(reading, nodes, keys.outgoing)
  for (const { node } of more) {
    reading.draft.warn(`${node.place} ${node.word}`, "is left out: the first one counts, as in tgt-admin")
  }
  const [first] = incoming
  if (first === undefined) {
    if (outgoing === undefined) return undefined
    const { node } = outgoing
    reading.draft.warn(`${node.place} ${node.word}`, `is left out: without ${keys.incoming} there is no CHAP`)
    return undefined
  }
  const mutual = outgoing === undefined ? {} : { mutualUser: outgoing.user, mutualSecret: outgoing.secret }
  const secrets = incoming.map(({ node, secret, user }) => ({ place: node.place, secret: { user, secret, ...mutual } }))
  const chapGroup = reading.secrets.tagOf(secrets, first.node.place)
  const node = outgoing?.node ?? first.node
  const required = mutualChapOf(reading.draft, secrets, `${node.place} ${node.word}`, true)
  return { requireChap: true, ...required, ...(chapGroup === undefined ? {} : { chapGroup }) }
}
