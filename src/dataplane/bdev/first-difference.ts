/** Where two pieces of memory begin to differ. */

/** Index of the first byte that differs in `length` bytes of each; -1 when none does. Halves by native comparison. */
export const firstDifference = (a: Buffer, aStart: number, b: Buffer, bStart: number, length: number): number => {
  const differs = (from: number, bytes: number): boolean =>
    a.compare(b, bStart + from, bStart + from + bytes, aStart + from, aStart + from + bytes) !== 0
  if (length === 0 || !differs(0, length)) return -1
  let from = 0
  let left = length
  while (left > 1) {
    const half = left >> 1
    if (differs(from, half)) left = half
    else {
      from += half
      left -= half
    }
  }
  return from
}
