/**
 * Auth groups made of secrets that other targets keep at a target or at an initiator: lunlog has them in groups, and a
 * target's group counts for whoever may log in to it.
 */

import type { SecretSection } from "../native/native-schema.ts"
import type { ConversionDraft } from "./Conversion.ts"

/** A secret, and where it comes from. */
export interface PlacedSecret {
  readonly place: string
  readonly secret: SecretSection
}

/**
 * Whether a login has to be mutual. Elsewhere the target proves itself to whoever asks for it; in lunlog all initiators
 * of a target ask for it, or none may.
 */
export const mutualChapOf = (
  draft: ConversionDraft,
  secrets: ReadonlyArray<PlacedSecret>,
  place: string,
  requireChap: boolean
): { readonly mutualChap?: true } => {
  const mutual = secrets.filter(({ secret }) => secret.mutualSecret !== undefined)
  if (mutual.length === 0) return {}
  if (requireChap && mutual.length === secrets.length) {
    draft.warn(place, "has mutual CHAP: now every initiator has to ask for it; take mutualChap out if none does")
    return { mutualChap: true }
  }
  draft.warn(place, "has mutual secrets beside others: who asks for mutual CHAP is refused; set mutualChap if all ask")
  return {}
}

const sameSecret = (a: SecretSection, b: SecretSection): boolean =>
  a.secret === b.secret && a.mutualUser === b.mutualUser && a.mutualSecret === b.mutualSecret

/** Makes auth groups, one for each set of secrets, with tags from 1. */
export class SecretPool {
  readonly #draft: ConversionDraft
  readonly #tags = new Map<string, number>()

  constructor(draft: ConversionDraft) {
    this.#draft = draft
  }

  /** The tag of a group with these secrets; undefined if there are none. A user has one secret: the first. */
  tagOf(secrets: ReadonlyArray<PlacedSecret>, place: string): number | undefined {
    const kept = new Map<string, SecretSection>()
    for (const { place: at, secret } of secrets) {
      const before = kept.get(secret.user)
      if (before === undefined) kept.set(secret.user, secret)
      else if (!sameSecret(before, secret)) {
        this.#draft.warn(at, `another secret of user ${secret.user} is left out: a user has one at a target`)
      }
    }
    if (kept.size === 0) return undefined
    const key = JSON.stringify([...kept.values()])
    const known = this.#tags.get(key)
    if (known !== undefined) return known
    const tag = this.#tags.size + 1
    this.#tags.set(key, tag)
    this.#draft.authGroup({ tag, secrets: [...kept.values()] }, place)
    return tag
  }
}
