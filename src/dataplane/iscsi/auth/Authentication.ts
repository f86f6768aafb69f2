/**
 * The security negotiation of one login (RFC 7143 sections 6.3.2 and 12): which method is agreed on, by what the target
 * or discovery demands now, and whether the initiator has proven what it must. Fails closed.
 */
import type { TextPairs } from "../text-keys.ts"
import type { AuthGroup } from "./AuthGroupView.ts"
import type { AuthPolicy } from "./AuthPolicy.ts"
import { ChapExchange } from "./ChapExchange.ts"

/** Keys of security negotiation; they belong into its stage alone. */
export const securityKeys: ReadonlySet<string> = new Set([
  "AuthMethod",
  "CHAP_A",
  "CHAP_I",
  "CHAP_C",
  "CHAP_N",
  "CHAP_R"
])

/** A refusal: of the initiator's proof, or of a request that breaks the protocol. */
export interface SecurityRefusal {
  readonly _tag: "NotProven" | "Misplaced"
  readonly reason: string
}

/** Keys to answer. `isOver`: nothing keeps the login in the security stage. */
export interface SecurityAnswer {
  readonly _tag: "Answered"
  readonly keys: TextPairs
  readonly isOver: boolean
}

/** Where secrets and the challenges of other logins are. */
export interface SecuritySurroundings {
  readonly authGroup: (tag: number) => AuthGroup | undefined
  /** Whether another login of this target was sent that challenge. */
  readonly isReflected: (challenge: Buffer) => boolean
}

const notProven = (reason: string): SecurityRefusal => ({ _tag: "NotProven", reason })
const misplaced = (reason: string): SecurityRefusal => ({ _tag: "Misplaced", reason })

/** The method for what an initiator offers, in the order of its preference; undefined if there is none. */
const chooseMethod = (offered: ReadonlyArray<string>, policy: AuthPolicy): "CHAP" | "None" | undefined => {
  const isAllowed = (method: string): method is "CHAP" | "None" =>
    (method === "CHAP" && !policy.disableChap) || (method === "None" && !policy.requireChap)
  const allowed = offered.filter(isAllowed)
  // Without a group CHAP could only fail, and here nobody demands it.
  return policy.chapGroup === 0 && allowed.includes("None") ? "None" : allowed[0]
}

const offeredByTarget = ({ disableChap, requireChap }: AuthPolicy): string => {
  if (disableChap) return "None"
  return requireChap ? "CHAP" : "CHAP and None"
}

/** One per login. */
export class Authentication {
  readonly #of: SecuritySurroundings
  #method: "CHAP" | "None" | undefined
  #exchange: ChapExchange | undefined
  #isProven = false
  /** Whom the initiator has proven to be; undefined as long as it has not. */
  user: string | undefined

  constructor(surroundings: SecuritySurroundings) {
    this.#of = surroundings
  }

  /** What the initiator was sent to prove itself by; undefined without CHAP. */
  get challenge(): Buffer | undefined {
    return this.#exchange?.challenge
  }

  /** Answers the security keys of a request in the security stage. */
  step(policy: AuthPolicy, pairs: TextPairs): SecurityAnswer | SecurityRefusal {
    const keys = new Map(pairs)
    const offered = keys.get("AuthMethod")
    const answers: Array<readonly [string, string]> = []
    if (offered !== undefined) {
      const method = this.#choose(policy, offered)
      if (typeof method !== "string") return method
      keys.delete("AuthMethod")
      answers.push(["AuthMethod", method])
    }
    const exchange = this.#exchange
    const isOpen = exchange !== undefined && !this.#isProven
    // The choice of the method is answered before CHAP begins, which some begin at once.
    const isAsked = keys.size > 0 || (isOpen && offered === undefined)
    if (!isAsked) return { _tag: "Answered", keys: answers, isOver: !isOpen }
    if (!isOpen) return misplaced(`${[...keys.keys()].join(", ")} where no CHAP is under way`)
    const answer = exchange.step(keys)
    if (answer._tag === "ChapFailure") return notProven(answer.reason)
    this.#isProven = answer.isProven
    if (answer.isProven) this.user = keys.get("CHAP_N")
    return { _tag: "Answered", keys: [...answers, ...answer.keys], isOver: answer.isProven }
  }

  /** Why the login may not leave the security stage, or go on outside of it; undefined if it may. */
  unmet(policy: AuthPolicy): SecurityRefusal | undefined {
    if (!policy.requireChap || this.#isProven) return undefined
    return notProven("CHAP is required, and the login goes on without it")
  }

  #choose(policy: AuthPolicy, offered: string): string | SecurityRefusal {
    if (this.#method !== undefined) return misplaced("AuthMethod was negotiated already in this login")
    const method = chooseMethod(offered.split(","), policy)
    if (method === undefined) {
      const required = policy.requireChap ? "; CHAP is required" : ""
      return notProven(`AuthMethod=${offered}, and ${offeredByTarget(policy)} is offered${required}`)
    }
    this.#method = method
    if (method === "CHAP") {
      const { authGroup, isReflected } = this.#of
      this.#exchange = new ChapExchange({ policy, group: () => authGroup(policy.chapGroup), isReflected })
    }
    return method
  }
}
