/**
 * The target's side of one CHAP exchange (RFC 7143 section 12.1.3, RFC 1994): CHAP_A is answered with an algorithm, an
 * identifier and a challenge; CHAP_N and CHAP_R prove who the initiator is; CHAP_I and CHAP_C beside them ask the
 * target to prove itself.
 *
 * Whatever fails is one thing to the initiator, after the same steps and the same work: nothing tells whether there is
 * such a user, such a group, or any at all. Why it failed is for the target's own log, and has no secret in it.
 */
import { randomBytes, randomInt, timingSafeEqual } from "node:crypto"
import { parseNumber, type TextPairs } from "../text-keys.ts"
import type { AuthGroup, AuthUserView } from "./AuthGroupView.ts"
import type { AuthPolicy } from "./AuthPolicy.ts"
import { formatBinaryValue, parseBinaryValue } from "./binary-value.ts"
import { type ChapAlgorithm, chooseAlgorithm } from "./chap-algorithms.ts"

/** Bytes of a challenge: as long as the longest response, and as everybody takes them. */
export const challengeBytes = 32
/** Longest challenge that an initiator may send, RFC 7143 section 12.1.3. */
export const initiatorChallengeBytesMax = 1024
/** Characters of a user's name in reasons. */
const shownUserMax = 64

/** Why nobody was proven, for people. */
export interface ChapFailure {
  readonly _tag: "ChapFailure"
  readonly reason: string
}

/** Keys to answer. `isProven`: the exchange is over, and the initiator is who it says. */
export interface ChapAnswer {
  readonly _tag: "ChapAnswer"
  readonly keys: TextPairs
  readonly isProven: boolean
}

/** What an exchange goes by. */
export interface ChapSurroundings {
  readonly policy: AuthPolicy
  /** The group of the policy; undefined if there is none. */
  readonly group: () => AuthGroup | undefined
  /** Whether a challenge is one that another login of this target was sent: then somebody passes them on. */
  readonly isReflected: (challenge: Buffer) => boolean
}

/** Compared with where there is no such user. */
const nobodysSecret = randomBytes(16).toString("hex")

const failure = (reason: string): ChapFailure => ({ _tag: "ChapFailure", reason: `CHAP: ${reason}` })

/** The challenge that the target is to answer. */
interface MutualRequest {
  readonly identifier: number
  readonly challenge: Buffer
}

const mutualRequestOf = (keys: ReadonlyMap<string, string>): MutualRequest | string | undefined => {
  const [identifierText, challengeText] = [keys.get("CHAP_I"), keys.get("CHAP_C")]
  if (identifierText === undefined && challengeText === undefined) return undefined
  if (identifierText === undefined || challengeText === undefined) return "CHAP_I and CHAP_C go together"
  const identifier = parseNumber(identifierText)
  if (identifier === undefined || identifier > 255) return "CHAP_I is no number of 0 to 255"
  const challenge = parseBinaryValue(challengeText, initiatorChallengeBytesMax)
  if (challenge === undefined) return `CHAP_C is no binary value of 1 to ${initiatorChallengeBytesMax} bytes`
  return { identifier, challenge }
}

/** One per login that has agreed on CHAP. */
export class ChapExchange {
  readonly #of: ChapSurroundings
  readonly challenge = randomBytes(challengeBytes)
  readonly #identifier = randomInt(256)
  #algorithm: ChapAlgorithm | undefined

  constructor(surroundings: ChapSurroundings) {
    this.#of = surroundings
  }

  /** Answers the CHAP keys of one request. */
  step(keys: ReadonlyMap<string, string>): ChapAnswer | ChapFailure {
    const algorithm = this.#algorithm
    return algorithm === undefined ? this.#challenge(keys) : this.#verify(algorithm, keys)
  }

  #challenge(keys: ReadonlyMap<string, string>): ChapAnswer | ChapFailure {
    const offered = keys.get("CHAP_A")
    if (offered === undefined || keys.size > 1) return failure("CHAP_A was expected, and no other key of CHAP")
    const algorithm = chooseAlgorithm(offered)
    if (algorithm === undefined) return failure(`none of the algorithms CHAP_A=${offered} is offered here`)
    this.#algorithm = algorithm
    return {
      _tag: "ChapAnswer",
      isProven: false,
      keys: [
        ["CHAP_A", String(algorithm.number)],
        ["CHAP_I", String(this.#identifier)],
        ["CHAP_C", formatBinaryValue(this.challenge)]
      ]
    }
  }

  #verify(algorithm: ChapAlgorithm, keys: ReadonlyMap<string, string>): ChapAnswer | ChapFailure {
    const [name, responseText] = [keys.get("CHAP_N"), keys.get("CHAP_R")]
    if (name === undefined || responseText === undefined || keys.has("CHAP_A")) {
      return failure("CHAP_N and CHAP_R were expected")
    }
    const mutual = mutualRequestOf(keys)
    const group = this.#of.group()
    const user = group?.get(name)
    const expected = algorithm.response(this.#identifier, user?.secret ?? nobodysSecret, this.challenge)
    const response = parseBinaryValue(responseText, algorithm.responseBytes) ?? Buffer.alloc(0)
    const isEqual = response.length === expected.length && timingSafeEqual(response, expected)
    const unknown = this.#unknown(group, user, name)
    if (unknown !== undefined) return failure(unknown)
    if (user === undefined || !isEqual) {
      return failure(`the response of ${this.#userText(name)} is wrong: it has another secret`)
    }
    // RFC 7143 section 9.2.1: a secret that both sides use would let each pass for the other.
    if (user.mutual !== undefined && user.mutual.secret === user.secret) {
      return failure(`${this.#userText(name)} has the same secret for both directions; give it two`)
    }
    return this.#prove(algorithm, user, mutual)
  }

  /** Proves the target if it is asked to, which it must be where mutual CHAP is set, and only there. */
  #prove(
    algorithm: ChapAlgorithm,
    { mutual, user }: AuthUserView,
    request: MutualRequest | string | undefined
  ): ChapAnswer | ChapFailure {
    const { isReflected, policy } = this.#of
    if (typeof request === "string") return failure(request)
    if (request === undefined) {
      if (policy.mutualChap) return failure(`${this.#userText(user)} did not ask for mutual CHAP, which is required`)
      return { _tag: "ChapAnswer", isProven: true, keys: [] }
    }
    if (!policy.mutualChap) return failure(`${this.#userText(user)} asks for mutual CHAP, which is not set here`)
    if (mutual === undefined) return failure(`${this.#userText(user)} asks for mutual CHAP and has no mutual secret`)
    const { challenge, identifier } = request
    if (challenge.equals(this.challenge) || isReflected(challenge)) {
      return failure(`${this.#userText(user)} sent the target's own challenge back to it`)
    }
    const response = algorithm.response(identifier, mutual.secret, challenge)
    return {
      _tag: "ChapAnswer",
      isProven: true,
      keys: [
        ["CHAP_N", mutual.user],
        ["CHAP_R", formatBinaryValue(response)]
      ]
    }
  }

  /** Why nobody can be this user, whatever the response. */
  #unknown(group: AuthGroup | undefined, user: AuthUserView | undefined, name: string): string | undefined {
    const { chapGroup } = this.#of.policy
    if (chapGroup === 0) return "no auth group is set, so nobody can authenticate"
    if (group === undefined) return `auth group ${chapGroup} does not exist`
    if (user === undefined) return `auth group ${chapGroup} has no user ${JSON.stringify(name.slice(0, shownUserMax))}`
    return user.secret === undefined ? `the secret of ${this.#userText(name)} cannot be opened` : undefined
  }

  #userText(name: string): string {
    return `user ${JSON.stringify(name.slice(0, shownUserMax))} of auth group ${this.#of.policy.chapGroup}`
  }
}
