/**
 * What a logical unit says it is, in INQUIRY and the VPD pages 80h and 83h. Hosts name and recognise disks by it, so it
 * must stay the same over restarts and be different for any two disks.
 *
 * Style `uuid` derives it from the bdev's UUID. lunlog owns no IEEE company id, so the NAA designator is of type 3h,
 * locally assigned (SPC-4 7.8.6.6.4): 60 bits of SHA-256 over the UUID. The T10 designator carries the whole UUID.
 * Style `spdk` derives it from the bdev's name exactly as SPDK does (vendor INTEL, NAA type 2h), so that hosts
 * recognise a disk that has moved here from an SPDK target.
 */
import { createHash } from "node:crypto"

/** What an identity is derived from: see above. */
export type IdentityStyle = "uuid" | "spdk"

/** Ready to be copied into responses; ASCII fields are blank-padded to their width. */
export interface UnitIdentity {
  /** T10 VENDOR IDENTIFICATION, 8 bytes. */
  readonly vendor: Buffer
  /** PRODUCT IDENTIFICATION, 16 bytes: the bdev's product name. */
  readonly product: Buffer
  /** PRODUCT REVISION LEVEL, 4 bytes. */
  readonly revision: Buffer
  /** PRODUCT SERIAL NUMBER of VPD page 80h. */
  readonly serial: Buffer
  /** NAA designator, 8 bytes. */
  readonly naa: Buffer
  /** T10 vendor id based designator: vendor and vendor specific part. */
  readonly t10: Buffer
}

const padded = (text: string, width: number): Buffer => {
  const field = Buffer.alloc(width, 0x20)
  for (let at = 0; at < Math.min(width, text.length); at++) {
    const code = text.charCodeAt(at)
    field[at] = code >= 0x20 && code <= 0x7e ? code : 0x3f
  }
  return field
}

/** SPC-4 7.8.6.6.4: `3` and 60 bits that only have to be unique here. */
const locallyAssignedNaa = (uuid: string): Buffer => {
  const naa = Buffer.from(createHash("sha256").update(`lunlog ${uuid}`).digest().subarray(0, 8))
  naa[0] = 0x30 | ((naa[0] ?? 0) & 0x0f)
  return naa
}

/** SPDK's `2 xxx 000347 yyyyyy`: x and y are bits 24-35 and 0-23 of a polynomial hash over the name. */
const spdkNaa = (name: string): Buffer => {
  let hash = 0n
  for (const byte of Buffer.from(name)) hash = BigInt.asUintN(64, hash * 131n + BigInt(byte))
  const value = (0x2n << 60n) | (((hash >> 24n) & 0xfffn) << 48n) | (0x000347n << 24n) | (hash & 0xffffffn)
  const naa = Buffer.alloc(8)
  naa.writeBigUInt64BE(value)
  return naa
}

/** The identity of the logical unit of a bdev with this name and UUID. */
export const unitIdentity = (
  bdev: { readonly name: string; readonly uuid: string; readonly productName: string },
  style: IdentityStyle
): UnitIdentity => {
  const product = padded(bdev.productName, 16)
  const revision = padded("0001", 4)
  if (style === "spdk") {
    const vendor = padded("INTEL", 8)
    // SPDK counts a terminating NUL in the serial number's length.
    const serial = Buffer.concat([padded(bdev.name, Math.min(31, bdev.name.length)), Buffer.alloc(1)])
    const t10 = Buffer.concat([vendor, product, padded(bdev.name, 32)])
    return { vendor, product, revision, serial, naa: spdkNaa(bdev.name), t10 }
  }
  const uuid = bdev.uuid.toLowerCase()
  const vendor = padded("LUNLOG", 8)
  const serial = padded(uuid.replaceAll("-", ""), 32)
  const t10 = Buffer.concat([vendor, padded(uuid, 36)])
  return { vendor, product, revision, serial, naa: locallyAssignedNaa(uuid), t10 }
}
