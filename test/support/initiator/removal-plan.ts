/** What one round of hot removal does: drawn from a seed, so that a round that fails can be run again alone. */
import { makeRandom, type Random } from "./random.ts"

/** One round's choices. */
export interface RemovalPlan {
  readonly random: Random
  /** What the LUN is on: a disk, one behind a delay of 5 to 50 ms, or one that stops answering. */
  readonly kind: "plain" | "delay" | "hung"
  /** What that disk is. */
  readonly medium: "malloc" | "aio"
  /** Both targets map the same bdev; else the second has one of its own. */
  readonly shared: boolean
  /** The LUN is unmapped, its bdev is deleted, or the bdev below that one. */
  readonly removal: "lun" | "bdev" | "base"
  readonly ioBytes: number
  readonly queueDepth: number
  /** Share of reads in the load. */
  readonly reads: number
  /** Commands that end well before the removal, and milliseconds after them. */
  readonly warmUp: number
  readonly momentMillis: number
  readonly delayMicros: number
  /** Milliseconds that data for R2Ts may be late; undefined in half of the rounds. */
  readonly lateDataMillis: number | undefined
}

const large = 1024 * 1024
const small = 4096

/** The round's name in failures. */
export const planText = (plan: RemovalPlan): string =>
  `${plan.medium} ${plan.kind}, ${plan.shared ? "one bdev" : "two bdevs"}, removal of the ${plan.removal}, ` +
  `${plan.ioBytes} bytes at queue depth ${plan.queueDepth}, reads ${plan.reads}`

/** The plan of round `round`. One in ten hangs, half of the others drain slowly. */
export const makePlan = (seed: number, round: number): RemovalPlan => {
  const random = makeRandom(seed * 1_000_003 + round)
  const kind = random.chance(0.1) ? "hung" : random.pick<RemovalPlan["kind"]>(["plain", "delay"])
  const removal = random.pick<RemovalPlan["removal"]>(kind === "plain" ? ["lun", "bdev"] : ["lun", "bdev", "base"])
  const queueDepth = random.pick([8, 32])
  // What hangs keeps its buffers until the process ends, so that hung rounds are mostly small.
  const ioBytes = kind === "hung" && (queueDepth > 8 || random.chance(0.9)) ? small : random.pick([small, large])
  // A deadline of half a second is no time for much data on a slow disk.
  const medium = random.chance(0.3) && (ioBytes === small || queueDepth === 8) ? "aio" : "malloc"
  return {
    random,
    kind,
    medium,
    // Unmapping one of two LUNs on a hung bdev would leave the other one hanging for ever.
    shared: !(kind === "hung" && removal === "lun") && random.chance(0.5),
    removal,
    ioBytes,
    queueDepth,
    reads: random.pick([0, 0.5, 1]),
    warmUp: random.between(1, queueDepth),
    momentMillis: random.between(0, 10),
    delayMicros: random.between(5, 50) * 1000,
    // Commands that hang are those that have all their data.
    lateDataMillis: kind !== "hung" && random.chance(0.5) ? random.between(1, 20) : undefined
  }
}
