/**
 * Copies headers out of buffers, word by word: a third of what `Buffer.copy` costs for so few bytes, if the buffer is
 * the same as the last time. So it mostly is: all connections of a reactor receive into one, and their output buffers
 * come from a pool that gives the last one first.
 */

const headerWords = 12
/** PDUs of another buffer in a row, after which that is the one: a view of it is garbage afterwards. */
const changesAfter = 16

/** For headers of one direction; it keeps the buffer alive that it has seen last. */
export class HeaderCopier {
  #buffer: Buffer | undefined
  #view: DataView = new DataView(new ArrayBuffer(0))
  #others = 0

  /** The 48 bytes of `b` from `at` on, as twelve little-endian words, from `words[word]` on. */
  copy(b: Buffer, at: number, words: Int32Array, word: number): void {
    if (b !== this.#buffer && !this.#turnsTo(b)) return copyBytes(b, at, words, word)
    const from = this.#view
    words[word] = from.getInt32(at, true)
    words[word + 1] = from.getInt32(at + 4, true)
    words[word + 2] = from.getInt32(at + 8, true)
    words[word + 3] = from.getInt32(at + 12, true)
    words[word + 4] = from.getInt32(at + 16, true)
    words[word + 5] = from.getInt32(at + 20, true)
    words[word + 6] = from.getInt32(at + 24, true)
    words[word + 7] = from.getInt32(at + 28, true)
    words[word + 8] = from.getInt32(at + 32, true)
    words[word + 9] = from.getInt32(at + 36, true)
    words[word + 10] = from.getInt32(at + 40, true)
    words[word + 11] = from.getInt32(at + 44, true)
  }

  #turnsTo(b: Buffer): boolean {
    this.#others++
    if (this.#others < changesAfter) return false
    this.#others = 0
    this.#buffer = b
    this.#view = new DataView(b.buffer, b.byteOffset, b.length)
    return true
  }
}

const copyBytes = (b: Buffer, at: number, words: Int32Array, word: number): void => {
  for (let index = 0; index < headerWords; index++) {
    const from = at + index * 4
    const low = (b[from] ?? 0) | ((b[from + 1] ?? 0) << 8)
    words[word + index] = low | ((b[from + 2] ?? 0) << 16) | ((b[from + 3] ?? 0) << 24)
  }
}
