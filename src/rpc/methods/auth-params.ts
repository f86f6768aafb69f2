/** The four CHAP parameters that targets and options share, and their form in results. */
import { Schema } from "effect"
import type { Auth } from "../../domain/options/IscsiOptions.ts"
import { Int32, optional } from "../param.ts"

/** All optional. */
export const authParams = {
  disable_chap: optional(Schema.Boolean),
  require_chap: optional(Schema.Boolean),
  mutual_chap: optional(Schema.Boolean),
  chap_group: optional(Int32)
}

/** What is left out is off. */
export const authOf = (params: {
  readonly disable_chap?: boolean
  readonly require_chap?: boolean
  readonly mutual_chap?: boolean
  readonly chap_group?: number
}): Auth => ({
  disableChap: params.disable_chap ?? false,
  requireChap: params.require_chap ?? false,
  mutualChap: params.mutual_chap ?? false,
  chapGroup: params.chap_group ?? 0
})

/** In SPDK's names. */
export const authView = (auth: Auth) => ({
  disable_chap: auth.disableChap,
  require_chap: auth.requireChap,
  mutual_chap: auth.mutualChap,
  chap_group: auth.chapGroup
})
