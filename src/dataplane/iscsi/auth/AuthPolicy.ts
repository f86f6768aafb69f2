/** What a login must prove, as the control plane says it of a target, a portal group or discovery. */

/**
 * No flag: CHAP if the initiator asks for it. The flags exclude each other as SPDK has it: `disableChap` stands alone,
 * `mutualChap` needs `requireChap`.
 */
export interface AuthPolicy {
  readonly disableChap: boolean
  readonly requireChap: boolean
  readonly mutualChap: boolean
  /** Tag of the auth group whose secrets count; 0 is none. */
  readonly chapGroup: number
}

/** CHAP if the initiator asks for it, and no secrets. */
export const noAuthPolicy: AuthPolicy = { disableChap: false, requireChap: false, mutualChap: false, chapGroup: 0 }
