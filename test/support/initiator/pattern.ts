/**
 * Block contents that tell where and when they were written: every logical block carries its address and the version of
 * its write at both ends, and a filler made of both between them. A torn or misplaced block matches no version.
 */

/** Version of blocks that were never written: all zeros. */
export const neverWritten = 0

/** Fills `target` with blocks `logicalBlockAddress`, `+1` ... of `version`. */
export const fillPattern = (target: Buffer, logicalBlockAddress: number, version: number, blockBytes: number): void => {
  if (version === neverWritten) {
    target.fill(0)
    return
  }
  for (let at = 0; at < target.length; at += blockBytes) {
    const address = logicalBlockAddress + at / blockBytes
    const end = at + blockBytes
    target.fill((Math.imul(address, 31) + Math.imul(version, 17)) & 0xff, at + 8, end - 8)
    target.writeUInt32LE(address >>> 0, at)
    target.writeUInt32LE(version >>> 0, at + 4)
    target.writeUInt32LE(address >>> 0, end - 8)
    target.writeUInt32LE(version >>> 0, end - 4)
  }
}

/** A new buffer of `blocks` blocks with the pattern. */
export const makePattern = (
  logicalBlockAddress: number,
  blocks: number,
  version: number,
  blockBytes: number
): Buffer => {
  const buffer = Buffer.allocUnsafe(blocks * blockBytes)
  fillPattern(buffer, logicalBlockAddress, version, blockBytes)
  return buffer
}

/**
 * For each block of `data`: which of `versions` it entirely is, or undefined when it is none of them (torn, misplaced,
 * or something else).
 */
export const versionsOf = (
  data: Buffer,
  logicalBlockAddress: number,
  versions: ReadonlyArray<number>,
  blockBytes: number
): ReadonlyArray<number | undefined> => {
  const expected = versions.map((version) =>
    makePattern(logicalBlockAddress, data.length / blockBytes, version, blockBytes)
  )
  return Array.from({ length: data.length / blockBytes }, (_, index) => {
    const start = index * blockBytes
    const block = data.subarray(start, start + blockBytes)
    const found = expected.findIndex((pattern) => block.equals(pattern.subarray(start, start + blockBytes)))
    return found < 0 ? undefined : versions[found]
  })
}
