/**
 * UUIDs from names (RFC 9562 section 5.5), so that a bdev without one of its own has the same identity after a restart.
 * SHA-1 is written out because the domain uses no Node API and must not wait.
 */
import { Brand } from "effect"
import type { Uuid } from "./ids.ts"

const rotateLeft = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits))

/** FIPS 180-4 section 5.1.1: a 1 bit, zeroes, and the length in bits. */
const pad = (message: Uint8Array): DataView => {
  const view = new DataView(new ArrayBuffer(Math.ceil((message.length + 9) / 64) * 64))
  new Uint8Array(view.buffer).set(message)
  view.setUint8(message.length, 0x80)
  view.setUint32(view.byteLength - 4, message.length * 8)
  return view
}

const roundFunction = (round: number, b: number, c: number, d: number): number => {
  if (round < 20) return ((b & c) | (~b & d)) + 0x5a827999
  if (round < 40) return (b ^ c ^ d) + 0x6ed9eba1
  if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
  return (b ^ c ^ d) + 0xca62c1d6
}

type Digest = readonly [number, number, number, number, number]

const compress = (state: Digest, block: DataView, offset: number): Digest => {
  const words = new Int32Array(80)
  for (let i = 0; i < 16; i++) words[i] = block.getInt32(offset + i * 4)
  const word = (i: number): number => words[i] ?? 0
  for (let i = 16; i < 80; i++) words[i] = rotateLeft(word(i - 3) ^ word(i - 8) ^ word(i - 14) ^ word(i - 16), 1)
  let [a, b, c, d, e] = state
  for (let i = 0; i < 80; i++) {
    const next = (rotateLeft(a, 5) + roundFunction(i, b, c, d) + e + word(i)) | 0
    e = d
    d = c
    c = rotateLeft(b, 30)
    b = a
    a = next
  }
  return [(state[0] + a) | 0, (state[1] + b) | 0, (state[2] + c) | 0, (state[3] + d) | 0, (state[4] + e) | 0]
}

/** SHA-1 in hexadecimal. */
export const sha1 = (message: Uint8Array): string => {
  const block = pad(message)
  let digest: Digest = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476, 0xc3d2e1f0 | 0]
  for (let offset = 0; offset < block.byteLength; offset += 64) digest = compress(digest, block, offset)
  return digest.map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("")
}

const encoder = new TextEncoder()
const uuidOf = Brand.nominal<Uuid>()

/** The fields of RFC 9562 section 4 are a UUID by their making: no check. */
const derive = (namespace: Uint8Array, name: string): Uuid => {
  const own = encoder.encode(name)
  const message = new Uint8Array(namespace.length + own.length)
  message.set(namespace)
  message.set(own, namespace.length)
  const hash = sha1(message)
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 0x3) | 0x8).toString(16)
  const field = (from: number, to: number) => hash.slice(from, to)
  return uuidOf(`${field(0, 8)}-${field(8, 12)}-5${field(13, 16)}-${variant}${field(17, 20)}-${field(20, 32)}`)
}

/** A plan of many disks decides each of them several times; the hash is most of what that costs. */
interface Known {
  readonly namespace: Uuid
  readonly bytes: Uint8Array
  readonly uuids: Map<string, Uuid>
}

const knownMax = 32_768

const knownOf = (namespace: Uuid): Known => {
  const bytes = (namespace.replaceAll("-", "").match(/../gu) ?? []).map((byte) => Number.parseInt(byte, 16))
  return { namespace, bytes: Uint8Array.from(bytes), uuids: new Map() }
}

/** Of the namespace that was asked for last: a target has one. */
let known: Known | undefined

/** The UUID of `name` within `namespace`. */
export const uuidV5 = (namespace: Uuid, name: string): Uuid => {
  if (known?.namespace !== namespace || known.uuids.size >= knownMax) known = knownOf(namespace)
  const before = known.uuids.get(name)
  if (before !== undefined) return before
  const uuid = derive(known.bytes, name)
  known.uuids.set(name, uuid)
  return uuid
}
