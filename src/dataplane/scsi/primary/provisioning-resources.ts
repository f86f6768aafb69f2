/**
 * How much of a thin disk is used, as SBC-3 4.7.3.8 counts it: in threshold sets of 2^exponent logical blocks. The VPD
 * page B2h says the exponent, the log page 0Ch the counts, and the mode page 1Ch/02h sets thresholds in them.
 */
import type { Bdev } from "../../bdev/Bdev.ts"

/** LBA mapping resources (SBC-3 6.4.5, 6.5.9). */
export const Resource = { available: 0x01, used: 0x02 } as const

const countMax = 0xffff_ffff

/** THRESHOLD EXPONENT: a set is about what is allocated at once. 0: the disk doesn't know what it has allocated. */
export const thresholdExponent = ({ blockSize, provisioning }: Bdev): number =>
  provisioning === undefined ? 0 : Math.max(1, Math.ceil(Math.log2(provisioning.granuleBytes / blockSize)))

/** Threshold sets that can still be allocated, and those that are, of a disk that knows it; zeros of any other. */
export const resourceCounts = (bdev: Bdev): { readonly available: number; readonly used: number } => {
  const { blockSize, provisioning } = bdev
  if (provisioning === undefined) return { available: 0, used: 0 }
  const setBytes = 2 ** thresholdExponent(bdev) * blockSize
  const { allocatedBytes, totalBytes } = provisioning
  return {
    available: Math.min(countMax, Math.floor((totalBytes - allocatedBytes) / setBytes)),
    used: Math.min(countMax, Math.ceil(allocatedBytes / setBytes))
  }
}
