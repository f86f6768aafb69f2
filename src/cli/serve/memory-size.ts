/** How much memory a server may take: `--mem-size`, as SPDK's `-s`: a plain number is of MiB. */
import { Option } from "effect"
import { Flag } from "effect/cli"
import { parseSize } from "../../config/size.ts"

const mebibyte = 1024 * 1024
/** Less is not enough for the answers to a few commands. */
const bytesMin = 32 * mebibyte

/** How it is written, for messages. */
export const memorySizeForm = `write MiB (512) or a number with K, M, G or T, of ${bytesMin / mebibyte}M at least`

/** Bytes; undefined if `text` is no size, or too small. */
export const parseMemorySize = (text: string): number | undefined => {
  const bytes = parseSize(/^\d+$/u.test(text) ? `${text}M` : text)
  return bytes === undefined || bytes < bytesMin ? undefined : bytes
}

/** `--mem-size SIZE`. */
export const memorySizeFlag = Flag.String("mem-size").pipe(
  Flag.withMetavar("SIZE"),
  Flag.withDescription(
    "Memory for disks, sessions and commands together, such as 512M (default: the machine's less 512 MiB)"
  ),
  Flag.filterMap(
    (text) => Option.fromUndefinedOr(parseMemorySize(text)),
    (text) => `"${text}" is no size of memory; ${memorySizeForm}`
  ),
  Flag.optional
)
