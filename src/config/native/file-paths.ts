/** Paths in a configuration are taken from where its file is, so that they mean the same whoever reads it. */
import { dirname, resolve } from "node:path"
import type { BdevSection, NativeConfig, NbdTlsSection } from "./native-schema.ts"

type ToAbsolute = (path: string) => string

const absoluteTls = (absolute: ToAbsolute, { ca, certificate, key, ...rest }: NbdTlsSection): NbdTlsSection => ({
  ...rest,
  ...(ca === undefined ? {} : { ca: absolute(ca) }),
  ...(certificate === undefined ? {} : { certificate: absolute(certificate) }),
  ...(key === undefined ? {} : { key: absolute(key) })
})

const absoluteBdev = (absolute: ToAbsolute, bdev: BdevSection): BdevSection => {
  if ("file" in bdev && bdev.file !== undefined) return { ...bdev, file: absolute(bdev.file) }
  return bdev.type === "nbd" && bdev.tls !== undefined ? { ...bdev, tls: absoluteTls(absolute, bdev.tls) } : bdev
}

/** `config` with every path absolute; `name` is the path of the file that it was read from. */
export const withAbsolutePaths = (config: NativeConfig, name: string): NativeConfig => {
  const absolute: ToAbsolute = (path) => resolve(dirname(name), path)
  if (config.bdevs === undefined) return config
  return { ...config, bdevs: config.bdevs.map((bdev) => absoluteBdev(absolute, bdev)) }
}
