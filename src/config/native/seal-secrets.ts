/** Secrets of a configuration, sealed before they become part of a command. */
import { Effect } from "effect"
import { type AuthGroup, type SealedSecret, type SecretRequest, sealingContext } from "../../domain/auth/AuthGroup.ts"
import { checkSecretText } from "../../domain/auth/auth-group-decide.ts"
import { Secrets } from "../../domain/Secrets.ts"
import type { Mistake } from "./check-declarations.ts"
import type { ConfigPath } from "./NativeFile.ts"
import type { SecretSection } from "./native-schema.ts"

/** What became of a section's secrets. */
export interface SealedSecrets {
  readonly secrets: ReadonlyArray<SecretRequest>
  readonly mistakes: ReadonlyArray<Mistake>
}

/** Sealing gives other bytes each time: a secret that has not changed keeps those that it has. */
const kept = (present: SealedSecret | undefined, sealed: SealedSecret): SealedSecret =>
  present?.fingerprint === sealed.fingerprint ? present : sealed

const sealText = (
  tag: number,
  user: string,
  direction: "secret" | "msecret",
  text: string,
  present: SealedSecret | undefined
) =>
  Effect.flatMap(Secrets, ({ seal }) => {
    const wrong = checkSecretText(tag, user, text)
    if (wrong !== undefined) return Effect.fail(wrong.message)
    return Effect.map(seal(sealingContext(tag, user, direction), text), (sealed) => kept(present, sealed))
  })

const sealSection = (tag: number, section: SecretSection, running: AuthGroup | undefined) =>
  Effect.gen(function* () {
    const { mutualSecret, mutualUser, user } = section
    if ((mutualSecret === undefined) !== (mutualUser === undefined)) {
      const [there, missing] =
        mutualSecret === undefined ? ["mutualUser", "mutualSecret"] : ["mutualSecret", "mutualUser"]
      const what = `user ${JSON.stringify(user)} of auth group ${tag} has ${there} without ${missing}`
      return yield* Effect.fail(`${what}; give both for mutual CHAP, or none of them`)
    }
    const present = running?.secrets.find((secret) => secret.user === user)
    const secret = yield* sealText(tag, user, "secret", section.secret, present?.secret)
    const msecret =
      mutualSecret === undefined
        ? {}
        : { msecret: yield* sealText(tag, user, "msecret", mutualSecret, present?.mutual?.secret) }
    return { user, secret, ...(mutualUser === undefined ? {} : { muser: mutualUser }), ...msecret }
  })

/** Every secret of the group at `path`, or why it cannot be one. `running` is the group of that tag, if any. */
export const sealSecrets = (
  tag: number,
  sections: ReadonlyArray<SecretSection>,
  running: AuthGroup | undefined,
  path: ConfigPath
): Effect.Effect<SealedSecrets, never, Secrets> =>
  Effect.gen(function* () {
    const secrets: Array<SecretRequest> = []
    const mistakes: Array<Mistake> = []
    for (const [index, section] of sections.entries()) {
      const sealed = yield* Effect.result(sealSection(tag, section, running))
      if (sealed._tag === "Success") secrets.push(sealed.success)
      else mistakes.push({ path: [...path, "secrets", index], message: sealed.failure })
    }
    return { secrets, mistakes }
  })
