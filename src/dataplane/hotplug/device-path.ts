/** Where the device of a bdev is, if it is at a path. */
import type { BdevSpec } from "../../domain/bdev/BdevSpec.ts"

/** Absolute; undefined for what is nowhere in the file system: memory, a server, another bdev. */
export const devicePath = (spec: BdevSpec): string | undefined => {
  switch (spec._tag) {
    case "Aio":
      return spec.filename
    case "Nvme":
      return spec.device
    case "Malloc":
    case "Null":
    case "Nbd":
    case "Delay":
    case "Error":
    case "Passthru":
    case "Split":
    case "Overlay":
      return undefined
  }
}
