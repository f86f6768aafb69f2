/** Paths in a configuration are taken from where its file is, so that they mean the same whoever reads it. */
import { dirname, resolve } from "node:path"
import type { NativeConfig } from "./native-schema.ts"

/** `config` with every path absolute; `name` is the path of the file that it was read from. */
export const withAbsolutePaths = (config: NativeConfig, name: string): NativeConfig =>
  config.bdevs === undefined
    ? config
    : {
        ...config,
        bdevs: config.bdevs.map((bdev) =>
          "file" in bdev && bdev.file !== undefined ? { ...bdev, file: resolve(dirname(name), bdev.file) } : bdev
        )
      }
