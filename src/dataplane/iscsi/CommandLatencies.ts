/**
 * How long the commands of a target took, by what they do: histograms of few buckets that are always kept. Counted for
 * each command: one look-up of its operation code, a scan of the bounds up to its latency, and three additions.
 */
import { latencyBoundsMillis, latencyClasses } from "../../domain/latency-classes.ts"

type LatencyClass = (typeof latencyClasses)[number]

/** Of commands, all forms of which count as one. */
const opcodes: Readonly<Record<Exclude<LatencyClass, "other">, ReadonlyArray<number>>> = {
  // (6), (10), (12), (16)
  READ: [0x08, 0x28, 0xa8, 0x88],
  // and WRITE ATOMIC(16)
  WRITE: [0x0a, 0x2a, 0xaa, 0x8a, 0x9c],
  // (10), (16)
  "SYNCHRONIZE CACHE": [0x35, 0x91],
  UNMAP: [0x42],
  "COMPARE AND WRITE": [0x89]
}

const opcodeCount = 256
const other = latencyClasses.indexOf("other")

/** By operation code. */
const classOf = new Uint8Array(opcodeCount).fill(other)
for (const [at, name] of latencyClasses.entries()) {
  if (name !== "other") for (const opcode of opcodes[name]) classOf[opcode] = at
}

/** A scan ends at the last of them. */
const bounds = new Float64Array([...latencyBoundsMillis, Number.POSITIVE_INFINITY])
/** Of a class: the sum of latencies in milliseconds, then the counts of the buckets. */
const stride = 1 + bounds.length

/** Of one target. */
export class CommandLatencies {
  /** Made by the first command: there may be thousands of targets that nobody uses. */
  #numbers: Float64Array | undefined

  /** A command with this operation code (byte 0 of its CDB) has ended. */
  count(opcode: number, millis: number): void {
    this.#numbers ??= new Float64Array(latencyClasses.length * stride)
    const numbers = this.#numbers
    const start = (classOf[opcode] ?? other) * stride
    let at = 0
    while (millis > (bounds[at] ?? 0)) at++
    numbers[start] = (numbers[start] ?? 0) + millis
    numbers[start + 1 + at] = (numbers[start + 1 + at] ?? 0) + 1
  }

  /** Of each class that has counted something, as plain values. */
  report() {
    const numbers = this.#numbers
    if (numbers === undefined) return []
    return latencyClasses.flatMap((name, index) => {
      const [sumMillis = 0, ...counts] = numbers.subarray(index * stride, (index + 1) * stride)
      return counts.every((count) => count === 0) ? [] : [{ name, sumMillis, counts }]
    })
  }
}
