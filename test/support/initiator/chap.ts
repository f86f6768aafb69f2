/**
 * The initiator's side of CHAP (RFC 7143 section 12.1.3, RFC 1994): the answer to a challenge, and the check of the
 * target's own answer in mutual CHAP.
 */
import { createHash, randomBytes } from "node:crypto"
import type { KeyList } from "./text-keys.ts"

/** What to authenticate with. */
export interface Credentials {
  readonly user: string
  readonly secret: string
  /** What the target must prove itself with: it is asked to if this is here. */
  readonly mutual?: { readonly user: string; readonly secret: string }
  /** CHAP_A; MD5 alone if absent. */
  readonly algorithms?: string
  /** How binary values are written; hexadecimal if absent. */
  readonly encoding?: "hex" | "base64"
  /** In place of a random one. */
  readonly challenge?: Buffer
}

/** The target has not proven who it is, or answered what nobody can use. */
export class TargetNotProven extends Error {
  constructor(why: string) {
    super(`the target's side of CHAP: ${why}`)
    this.name = "TargetNotProven"
  }
}

const hashes: Readonly<Record<string, string>> = { "5": "md5", "6": "sha1", "7": "sha256", "8": "sha3-256" }

/** The response to a challenge by an algorithm as CHAP_A numbers it. */
export const chapResponse = (algorithm: string, identifier: number, secret: string, challenge: Buffer): Buffer => {
  const hash = hashes[algorithm]
  if (hash === undefined) throw new TargetNotProven(`CHAP_A=${algorithm} was never offered`)
  return createHash(hash)
    .update(Buffer.concat([Buffer.from([identifier]), Buffer.from(secret, "utf8"), challenge]))
    .digest()
}

/** A binary value as text. */
export const encodeBinary = (bytes: Buffer, encoding: "hex" | "base64" = "hex"): string =>
  encoding === "hex" ? `0x${bytes.toString("hex")}` : `0b${bytes.toString("base64")}`

const decodeHex = (value: string): Buffer => {
  if (!/^0x([0-9a-f]{2})+$/.test(value)) throw new TargetNotProven(`${value} is no hexadecimal value`)
  return Buffer.from(value.slice(2), "hex")
}

const valueFor = (keys: KeyList, key: string): string => {
  const value = keys.find(([name]) => name === key)?.[1]
  if (value === undefined) throw new TargetNotProven(`${key} is missing`)
  return value
}

/** The keys that answer a challenge, and the check of what the target answers to them. */
export const provenBy = (
  credentials: Credentials,
  challenged: KeyList
): { readonly keys: KeyList; readonly check: (answer: KeyList) => void } => {
  const { encoding, mutual, secret, user } = credentials
  const algorithm = valueFor(challenged, "CHAP_A")
  const challenge = decodeHex(valueFor(challenged, "CHAP_C"))
  const response = chapResponse(algorithm, Number(valueFor(challenged, "CHAP_I")), secret, challenge)
  const own: KeyList = [
    ["CHAP_N", user],
    ["CHAP_R", encodeBinary(response, encoding)]
  ]
  if (mutual === undefined) return { keys: own, check: () => undefined }
  const [identifier = 0, ...asked] = randomBytes(17)
  const question = credentials.challenge ?? Buffer.from(asked)
  const expected = chapResponse(algorithm, identifier, mutual.secret, question)
  return {
    keys: [...own, ["CHAP_I", String(identifier)], ["CHAP_C", encodeBinary(question, encoding)]],
    check: (answer) => {
      if (valueFor(answer, "CHAP_N") !== mutual.user) throw new TargetNotProven("it has another name")
      if (!decodeHex(valueFor(answer, "CHAP_R")).equals(expected)) throw new TargetNotProven("it has another secret")
    }
  }
}
