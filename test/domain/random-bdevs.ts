/** Random requests for bdevs, of few names, so that they meet. */
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import { delayOn, malloc } from "./examples.ts"
import type { Dice } from "./random.ts"

export const bdevs = ["Malloc0", "Malloc1", "a", "b", "EE_a"] as const

const randomStacked = ({ pick, roll }: Dice): BdevRequest => {
  const base = pick(bdevs)
  const kind = roll(3)
  if (kind === 0) return { _tag: "Passthru", base }
  if (kind === 1) return { _tag: "Split", base, part: roll(3), parts: 2, partMebibytes: 0 }
  return roll(2) === 0 ? { _tag: "Overlay", base, filename: "/tmp/o" } : { _tag: "Overlay", base }
}

export const randomBdev = (dice: Dice): BdevRequest => {
  const { pick, roll } = dice
  const kind = roll(6)
  if (kind === 5) return randomStacked(dice)
  if (kind === 4) return { _tag: "Aio", filename: "/tmp", blockSize: 512, readOnly: roll(2) === 0, blockCount: 8 }
  if (kind === 0) return malloc
  if (kind === 1) return { _tag: "Null", blockCount: 8, blockSize: 512, physicalBlockSize: 0 }
  return kind === 2 ? delayOn(pick(bdevs)) : { _tag: "Error", base: pick(bdevs) }
}
