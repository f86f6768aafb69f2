/** `[AuthGroupN]`: of the auth file, and of `iscsi.conf` itself. */
import type { SecretSection } from "../../native/native-schema.ts"
import type { SectionReader } from "./SectionReader.ts"

/** `Auth "user" "secret" ["muser" "msecret"]`; SPDK refuses a file with anything else. */
const secretOf = (values: ReadonlyArray<string>): SecretSection | undefined => {
  const [user, secret, mutualUser, mutualSecret] = values
  if (user === undefined || secret === undefined || values.length > 4) return undefined
  if (values.length === 2) return { user, secret }
  return mutualUser === undefined || mutualSecret === undefined ? undefined : { user, secret, mutualUser, mutualSecret }
}

/** The section as an auth group. */
export const readAuthGroup = (reader: SectionReader): void => {
  const secrets = reader.all("Auth").flatMap((key) => {
    const secret = secretOf(key.values)
    if (secret === undefined) reader.warn(key, "is left out; write USER SECRET, or USER SECRET MUSER MSECRET")
    return secret ?? []
  })
  reader.ignore("Comment")
  reader.draft.authGroup({ tag: reader.section.number, secrets }, reader.place())
}
