/**
 * The hash algorithms of CHAP by the numbers of CHAP_A (RFC 7143 section 12.1.3, IANA's "PPP Authentication
 * Algorithms"): MD5 is what every implementation has; the others came with RFC 7143's registry. SHA-1 is among them for
 * initiators that have nothing newer: keyed by a secret it is no weaker than MD5.
 */
import { createHash } from "node:crypto"

/** One algorithm. */
export interface ChapAlgorithm {
  /** In CHAP_A. */
  readonly number: number
  /** For people. */
  readonly name: string
  /** Length of a response, in bytes. */
  readonly responseBytes: number
  /** RFC 1994 section 4.1: the hash over the identifier, the secret and the challenge. */
  readonly response: (identifier: number, secret: string, challenge: Buffer) => Buffer
}

const algorithm = (number: number, name: string, hash: string, responseBytes: number): ChapAlgorithm => ({
  number,
  name,
  responseBytes,
  response: (identifier, secret, challenge) =>
    createHash(hash)
      .update(Buffer.from([identifier]))
      .update(secret, "utf8")
      .update(challenge)
      .digest()
})

/** A policy of the operating system (FIPS 140) may forbid some of them, which shows only when they are used. */
const isUsable = ({ response }: ChapAlgorithm): boolean => {
  try {
    return response(0, "", Buffer.alloc(0)).length > 0
  } catch {
    return false
  }
}

/** What the target agrees to, best first. */
export const chapAlgorithms: ReadonlyArray<ChapAlgorithm> = [
  algorithm(8, "SHA3-256", "sha3-256", 32),
  algorithm(7, "SHA-256", "sha256", 32),
  algorithm(6, "SHA-1", "sha1", 20),
  algorithm(5, "MD5", "md5", 16)
].filter(isUsable)

/** The best algorithm of a CHAP_A list, in whatever order it offers them; undefined if there is none. */
export const chooseAlgorithm = (offered: string): ChapAlgorithm | undefined => {
  const numbers = offered.split(",")
  return chapAlgorithms.find(({ number }) => numbers.includes(String(number)))
}
