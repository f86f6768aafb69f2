/** Whether an export can be a disk, or this disk. */
import type { NbdSpec } from "../BdevSpec.ts"
import type { LostReason } from "./NbdConnections.ts"
import type { NbdExport } from "./NbdNegotiation.ts"
import { TransmissionFlag } from "./nbd-protocol.ts"

const problem = (code: string, detail: string): LostReason => ({ code, detail })

/**
 * Why not, as what goes on a sentence about the server. `blockCount` is what the disk has already, or 0. `ENODEV` is
 * the code of an export that is another now.
 */
export const exportProblem = (
  of: NbdExport,
  { blockSize, readOnly, wholeBlocks }: Pick<NbdSpec, "blockSize" | "readOnly" | "wholeBlocks">,
  blockCount: number
): LostReason | undefined => {
  const { blockBytesMin, byteLength } = of
  const isReadOnly = (of.flags & TransmissionFlag.readOnly) !== 0
  if (isReadOnly && !readOnly) {
    return problem("EROFS", "has the export read-only; use it read-only (read_only), or let the server write")
  }
  if (blockBytesMin > blockSize) {
    const hint = `use blocks of ${blockBytesMin} bytes`
    return problem(
      "EINVAL",
      `reads and writes nothing below ${blockBytesMin} bytes, and the disk has smaller blocks; ${hint}`
    )
  }
  if (byteLength > BigInt(Number.MAX_SAFE_INTEGER)) {
    return problem("EFBIG", `has an export of ${byteLength} bytes; disks here have less than 8 PiB`)
  }
  const blocks = Number(byteLength / BigInt(blockSize))
  if (blocks < blockCount) {
    return problem("ENODEV", `has an export of ${blocks} blocks now, where the disk has ${blockCount}`)
  }
  if (blocks === 0 || (wholeBlocks && blockCount === 0 && byteLength % BigInt(blockSize) !== 0n)) {
    return problem("EINVAL", `has an export of ${byteLength} bytes, no whole blocks of ${blockSize} bytes`)
  }
  return undefined
}
