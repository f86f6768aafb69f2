/**
 * What a block holds, in a word: which write it is of, or zeros, or neither. A run knows no more of a block than that.
 */
import { fillPattern, makePattern } from "../../support/initiator/pattern.ts"

/**
 * `ADDRESS:VERSION`: a pattern (see `pattern.ts`), whole. `zeros`. `ADDRESS:VERSION^OFFSET^VALUE`: with one byte
 * changed. Anything else is nothing that was ever written.
 */
export type Content = string

/** Never written, or unmapped. */
export const zeros: Content = "zeros"

/** What a write of `version` leaves in a block; `address` is of the pattern. */
export const contentOf = (address: number, version: number): Content => `${address}:${version}`

/** The same with the byte at `offset` XORed with `value`. */
export const corrupted = (content: Content, offset: number, value: number): Content => `${content}^${offset}^${value}`

const zeroBlocks = new Map<number, Buffer>()

const zeroBlock = (bytes: number): Buffer => {
  const known = zeroBlocks.get(bytes)
  if (known !== undefined) return known
  const block = Buffer.alloc(bytes)
  zeroBlocks.set(bytes, block)
  return block
}

/** The block itself, as `content` describes it. */
export const blockOf = (content: Content, blockBytes: number): Buffer => {
  if (content === zeros) return Buffer.alloc(blockBytes)
  const [pattern = "", offset, value] = content.split("^")
  const [address = 0, version = 0] = pattern.split(":").map(Number)
  const block = makePattern(address, 1, version, blockBytes)
  if (offset !== undefined) block[Number(offset)] = (block[Number(offset)] ?? 0) ^ Number(value)
  return block
}

const wholeContent = (block: Buffer): Content | undefined => {
  if (block.equals(zeroBlock(block.length))) return zeros
  const address = block.readUInt32LE(0)
  const version = block.readUInt32LE(4)
  const expected = Buffer.allocUnsafe(block.length)
  fillPattern(expected, address, version, block.length)
  return version !== 0 && block.equals(expected) ? contentOf(address, version) : undefined
}

/** What a block is found to hold. `flip`: a byte that may have been changed on its way. */
export const readContent = (block: Buffer, flips: ReadonlyArray<readonly [offset: number, value: number]>): Content => {
  const whole = wholeContent(block)
  if (whole !== undefined) return whole
  for (const [offset, value] of flips) {
    const undone = Buffer.from(block)
    undone[offset] = (undone[offset] ?? 0) ^ value
    const content = wholeContent(undone)
    if (content !== undefined) return corrupted(content, offset, value)
  }
  return `bytes ${block.subarray(0, 16).toString("hex")} ... ${block.subarray(-8).toString("hex")}`
}
