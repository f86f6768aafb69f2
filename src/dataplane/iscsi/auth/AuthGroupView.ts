/**
 * Auth groups as a reactor has them: secrets in clear, in memory only. They are in no error, no observation, no report
 * and no dump.
 */

/** One user of a group. */
export interface AuthUserView {
  /** What CHAP_N carries. */
  readonly user: string
  /** Undefined if it cannot be opened, or the mutual one: then nobody is let in as this user. */
  readonly secret: string | undefined
  /** What the target answers with if it is asked to. */
  readonly mutual?: { readonly user: string; readonly secret: string }
}

/** What the control plane tells of a group. */
export interface AuthGroupView {
  readonly tag: number
  readonly users: ReadonlyArray<AuthUserView>
}

/** A group, ready for logins: users by name. */
export type AuthGroup = ReadonlyMap<string, AuthUserView>

/** By name, compared byte for byte as CHAP does. */
export const authGroupOf = ({ users }: AuthGroupView): AuthGroup => new Map(users.map((user) => [user.user, user]))
