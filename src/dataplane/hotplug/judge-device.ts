/** What it means for an open bdev that something is at its path now. */
import type { BdevNews } from "../bdev/BdevNews.ts"
import type { Seen } from "./Seen.ts"

/** What is known of the device that is open. */
export interface KnownDevice {
  readonly path: string
  /** Of the file or device that the descriptor is of, as `Seen` has it; undefined if the driver does not say. */
  readonly identity: string | undefined
  /** Of a block device, when it was first seen. */
  readonly sequence: string | undefined
  /** Bytes. */
  readonly blockSize: number
  readonly blockCount: number
}

const gone = (detail: string): BdevNews => ({ _tag: "Gone", detail })

/**
 * The name is the device: a file that is open goes on to take IO when its name is gone, but what is written then is
 * lost with the last descriptor. So a name that leads nowhere, or elsewhere, ends the bdev. What cannot be looked at is
 * no reason: IO may well go on. Undefined: nothing is to be told.
 */
export const judgeDevice = ({ blockCount, path, ...known }: KnownDevice, seen: Seen): BdevNews | undefined => {
  if (seen._tag === "Unclear") {
    return { _tag: "Health", health: "degraded", detail: `${path} cannot be looked at (${seen.code})` }
  }
  if (seen._tag === "Absent") return gone(`${path} is gone (${seen.code})`)
  if (known.identity !== undefined && seen.identity !== known.identity) {
    return gone(`${path} is another ${seen.kind === "block" ? "device" : "file"} now`)
  }
  if (known.sequence !== undefined && seen.sequence !== known.sequence) return gone(`${path} has another medium now`)
  if (seen.kind === "other") return undefined
  const blocks = Math.floor(seen.byteLength / known.blockSize)
  if (blocks === 0) return gone(`${path} is empty now`)
  return blocks === blockCount ? undefined : { _tag: "Resized", blockCount: blocks }
}
