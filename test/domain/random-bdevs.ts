/** Random requests for bdevs, of few names, so that they meet. */
import type { BdevRequest, NbdServer } from "../../src/domain/bdev/BdevSpec.ts"
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

export const nbdServers: readonly [NbdServer, NbdServer, NbdServer] = [
  { path: "/run/nbd.sock" },
  { path: "nbd.sock" },
  { host: "10.0.0.5", port: 10_809 }
]

export const nbdRequest = {
  _tag: "Nbd",
  exportName: "disk",
  blockSize: 512,
  readOnly: false,
  reconnectSeconds: 30,
  replySeconds: 60,
  giveUpSeconds: 0
} as const

type FileRequest = Extract<BdevRequest, { readonly _tag: "Aio" }>

/** A file with any options. */
const randomFile = ({ pick, roll }: Dice): BdevRequest => ({
  _tag: "Aio",
  filename: "/tmp",
  blockSize: 512,
  readOnly: roll(2) === 0,
  blockCount: 8,
  ...pick<Partial<FileRequest>>([
    {},
    {},
    { fallocate: true },
    { direct: true, dsync: true },
    { filename: "/dev/null", ownBlockSize: true, nowait: true },
    { ownBlockSize: true },
    { uring: true },
    { createBytes: 4096, fallocate: true },
    { createBytes: 4096, mustBeNew: true }
  ])
})

export const randomBdev = (dice: Dice): BdevRequest => {
  const { pick, roll } = dice
  const kind = roll(7)
  if (kind === 6) return { ...nbdRequest, server: pick(nbdServers), connections: roll(18), blockCount: 8 }
  if (kind === 5) return randomStacked(dice)
  if (kind === 4) return randomFile(dice)
  if (kind === 0) return malloc
  if (kind === 1) return { _tag: "Null", blockCount: 8, blockSize: 512, physicalBlockSize: 0 }
  return kind === 2 ? delayOn(pick(bdevs)) : { _tag: "Error", base: pick(bdevs) }
}
