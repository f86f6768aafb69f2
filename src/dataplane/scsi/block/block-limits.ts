/**
 * Limits of block commands: what VPD pages B0h and B2h say (SBC-3 6.6.3, 6.6.4), and what the commands check. A limit
 * of 0 blocks says that a unit does not have the command.
 */
import type { LogicalUnit } from "../LogicalUnit.ts"

/** Longest data of one command that is gathered before it is done, in bytes: a buffer of the pools. */
const gatheredBytesMax = 4 * 1024 * 1024
/** NUMBER OF LOGICAL BLOCKS of COMPARE AND WRITE has one byte. */
const compareBlocksMax = 255
/** Blocks of one UNMAP, over all its descriptors: 512 MiB of 512-byte blocks. */
export const unmapBlocksMax = 1024 * 1024
/** Descriptors of one UNMAP. */
export const unmapDescriptorsMax = 256
/** MAXIMUM WRITE SAME LENGTH: what its 10-byte form can say. They are written step by step, for as long as it takes. */
export const writeSameBlocksMax = 0xffff

/** MAXIMUM COMPARE AND WRITE LENGTH: both halves of its data fit one buffer. */
export const compareAndWriteBlocks = ({ bdev }: LogicalUnit): number =>
  Math.min(compareBlocksMax, Math.floor(gatheredBytesMax / (2 * bdev.blockSize)))

/** MAXIMUM ATOMIC TRANSFER LENGTH: none where a part of a write may be there after the power has failed. */
export const atomicBlocks = ({ bdev, maxTransferBlocks }: LogicalUnit): number =>
  bdev.atomicWrites === true ? Math.min(0xffff, maxTransferBlocks) : 0

/** Whether the unit can unmap blocks (LBPME). */
export const isThin = ({ bdev }: LogicalUnit): boolean => bdev.thin

/** OPTIMAL UNMAP GRANULARITY in blocks: smaller pieces are unmapped as well, but give nothing back. */
const unmapGranularity = ({ bdev }: LogicalUnit): number => {
  const bytes = bdev.provisioning?.granuleBytes ?? bdev.unmapGranuleBytes ?? bdev.blockSize
  return Math.max(1, Math.floor(bytes / bdev.blockSize))
}

/** The fields of page B0h that are about these commands; `body` begins at byte 4 of the page. WSNZ is 0. */
export const writeCommandLimits = (body: Buffer, unit: LogicalUnit): void => {
  body[1] = compareAndWriteBlocks(unit)
  if (isThin(unit)) {
    body.writeUInt32BE(unmapBlocksMax, 16)
    body.writeUInt32BE(unmapDescriptorsMax, 20)
    body.writeUInt32BE(unmapGranularity(unit), 24)
    // UGAVALID, and an alignment of 0.
    body.writeUInt32BE(0x8000_0000, 28)
  }
  body.writeBigUInt64BE(BigInt(writeSameBlocksMax), 32)
  body.writeUInt32BE(atomicBlocks(unit), 40)
}

/** LBPU, LBPWS, LBPWS10, and LBPRZ 001b: unmapped blocks read as zeros. No ANC_SUP, no DP. */
const thinFlags = 0xe4
const thinProvisioned = 0x02

/** Page B2h from byte 4 on, without a threshold: what a thin unit can do, or zeros. */
export const writeProvisioning = (body: Buffer, unit: LogicalUnit): void => {
  if (!isThin(unit)) return
  body[1] = thinFlags
  body[2] = thinProvisioned
}
