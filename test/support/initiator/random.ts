/**
 * Seeded pseudo-random numbers, so that a failed run can be run again (xorshift32; quality is enough for choosing
 * tests).
 */
export interface Random {
  /** An integer from 0 up to, not including, `bound`. */
  readonly below: (bound: number) => number
  /** An integer of `from..to`, both included. */
  readonly between: (from: number, to: number) => number
  /** One of `choices`. */
  readonly pick: <A>(choices: readonly [A, ...ReadonlyArray<A>]) => A
  /** True with a chance of `share` (0 to 1). */
  readonly chance: (share: number) => boolean
  /** `length` bytes. */
  readonly bytes: (length: number) => Buffer
}

/** A generator; equal seeds give equal sequences. */
export const makeRandom = (seed: number): Random => {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
  const below = (bound: number): number => Math.floor((next() / 0x1_0000_0000) * bound)
  return {
    below,
    between: (from, to) => from + below(to - from + 1),
    pick: (choices) => choices[below(choices.length)] ?? choices[0],
    chance: (share) => next() / 0x1_0000_0000 < share,
    bytes: (length) => {
      const bytes = Buffer.alloc(length)
      for (let at = 0; at < length; at++) bytes[at] = next() >>> 24
      return bytes
    }
  }
}

/** The seed of this run: `LUNLOG_TEST_SEED`, or `fallback`. */
export const runSeed = (fallback: number): number => {
  const given = Number(process.env["LUNLOG_TEST_SEED"])
  return Number.isSafeInteger(given) && given > 0 ? given : fallback
}
