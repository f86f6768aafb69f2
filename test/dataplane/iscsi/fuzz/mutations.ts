/** Ways to make PDUs wrong: fields at their edges, flipped bits, lengths that lie, bytes too few or too many. */
import { crc32c } from "../../../support/initiator/crc32c.ts"
import { type Digests, encodePdu, headerBytes, Pdu } from "../../../support/initiator/pdu.ts"
import type { Random } from "../../../support/initiator/random.ts"

const edges = [
  0, 1, 2, 3, 4, 511, 512, 4095, 4096, 8192, 0xffff, 0x10000, 0x40000, 0xffffff, 0x7fffffff, 0x80000000, 0xfffffffe,
  0xffffffff
] as const

/** A number at which lengths, offsets and tags go wrong. */
export const edge = (random: Random): number => random.pick([...edges])

const flipBits = (random: Random, bytes: Buffer): void => {
  if (bytes.length === 0) return
  for (let count = random.between(1, 6); count > 0; count--) {
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
  }
}

const resized = (random: Random, bytes: Buffer, max: number): Buffer => {
  const length = random.below(max + 1)
  return Buffer.concat([bytes.subarray(0, length), random.bytes(Math.max(0, length - bytes.length))])
}

const copyOf = (pdu: Pdu): Pdu =>
  new Pdu(Buffer.from(pdu.header), Buffer.from(pdu.data), Buffer.from(pdu.additionalHeader))

/** A wrong copy of a PDU whose lengths and digests will still be right. */
export const mutatePdu = (random: Random, original: Pdu): Pdu => {
  const pdu = copyOf(original)
  switch (random.below(8)) {
    case 0:
      flipBits(random, pdu.header)
      return pdu
    case 1:
      pdu.header.writeUInt32BE(edge(random), 8 + 4 * random.below(10))
      return pdu
    case 2:
      pdu.header[random.below(4)] = random.below(256)
      return pdu
    case 3:
      flipBits(random, pdu.data)
      return pdu
    case 4:
      return new Pdu(pdu.header, resized(random, pdu.data, random.pick([8, 600, 5000])), pdu.additionalHeader)
    case 5:
      return new Pdu(pdu.header, pdu.data, random.bytes(4 * random.between(1, random.pick([3, 255]))))
    case 6:
      // The CDB of a command; what belongs to the opcode of another PDU.
      pdu.header.fill(random.bytes(16), 32, headerBytes)
      return pdu
    default:
      return pdu
  }
}

/** Lengths in the header that are not the PDU's; half of the time the header digest covers the lie. */
const lie = (random: Random, bytes: Buffer, digests: Digests): Buffer => {
  if (random.chance(0.5)) bytes[4] = random.pick([1, 2, 63, 255])
  else bytes.writeUIntBE(edge(random) & 0xffffff, 5, 3)
  if (digests.header && random.chance(0.5) && bytes.length >= headerBytes + 4) {
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, headerBytes)), headerBytes)
  }
  return bytes
}

/** The bytes of a PDU, wrong in a way that no length or digest covers for. */
export const mutateBytes = (random: Random, pdu: Pdu, digests: Digests): Buffer => {
  const bytes = Buffer.concat(encodePdu(copyOf(pdu), digests))
  switch (random.below(5)) {
    case 0:
      flipBits(random, bytes)
      return bytes
    case 1:
      return bytes.subarray(0, random.below(bytes.length))
    case 2:
      return Buffer.concat([bytes, random.bytes(random.between(1, 60))])
    case 3:
      return random.bytes(random.between(1, 200))
    default:
      return lie(random, bytes, digests)
  }
}
