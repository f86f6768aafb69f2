/**
 * An incident bundle's files, in memory. Whoever sends one may want to do harm: what is unpacked is counted while it
 * comes, nothing is written anywhere, and of what is not as the manifest says nothing is used.
 */
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createGunzip } from "node:zlib"
import { Effect } from "effect"
import { type Extract, extract, type Header } from "tar-stream"
import {
  type BundleManifest,
  bundleLimits,
  bundleNames,
  isBundleName,
  parseManifest
} from "../../history/incident/BundleManifest.ts"
import { CliFailure } from "../CliFailure.ts"
import { printable } from "../printable.ts"

/** A bundle whose files are what its manifest says. */
export interface Bundle {
  readonly manifest: BundleManifest
  /** By their names below the bundle's folder, without the manifest. */
  readonly files: ReadonlyMap<string, Buffer>
}

/** Why a file is no bundle; the message is what is said of the file. */
class Refused extends Error {}

const shown = (name: string): string => JSON.stringify(printable(name.slice(0, 80)))
const mebibytes = (bytes: number): string => `${bytes / 1024 / 1024} MiB`

/** Of the archive, headers and padding included. */
const unpackedMax = bundleLimits.bytes + 4 * 1024 * bundleLimits.files

/** Passes on so many bytes, and ends with an error at the next one. */
const limited = (): Transform => {
  let left = unpackedMax
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left -= chunk.length
      if (left >= 0) done(null, chunk)
      else done(new Refused(`it unpacks to more than ${mebibytes(bundleLimits.bytes)}, as no bundle does`))
    }
  })
}

const nameOf = (header: Header, files: ReadonlyMap<string, Buffer>, folder: string | undefined): string => {
  if (header.type !== "file") throw new Refused(`${shown(header.name)} in it is no plain file`)
  const [first = ""] = header.name.split("/", 1)
  const name = header.name.slice(first.length + 1)
  const isOurs = isBundleName(first) && isBundleName(name) && (folder === undefined || folder === first)
  if (!isOurs) throw new Refused(`${shown(header.name)} in it is no name of a bundle's file`)
  if (files.has(name)) throw new Refused(`${shown(name)} is in it twice`)
  if (files.size >= bundleLimits.files) throw new Refused(`it has more than ${bundleLimits.files} files`)
  if ((header.size ?? 0) > bundleLimits.fileBytes) {
    throw new Refused(`${shown(name)} in it is larger than ${mebibytes(bundleLimits.fileBytes)}`)
  }
  return name
}

const filesIn = async (archive: Extract): Promise<Map<string, Buffer>> => {
  const files = new Map<string, Buffer>()
  let folder: string | undefined
  for await (const entry of archive) {
    const name = nameOf(entry.header, files, folder)
    folder = entry.header.name.slice(0, -name.length - 1)
    const parts: Array<Uint8Array> = []
    for await (const part of entry) if (part instanceof Uint8Array) parts.push(part)
    files.set(name, Buffer.concat(parts))
  }
  return files
}

const unpack = async (path: string, signal: AbortSignal): Promise<Map<string, Buffer>> => {
  const archive = extract()
  const reading = filesIn(archive)
  const [read, piped] = await Promise.allSettled([
    reading,
    pipeline(createReadStream(path), createGunzip(), limited(), archive, { signal })
  ])
  // What the reader has refused breaks off the pipe; else it is the pipe that knows what is wrong.
  if (read.status === "rejected" && read.reason instanceof Refused) throw read.reason
  if (piped.status === "rejected") throw piped.reason
  if (read.status === "rejected") throw read.reason
  return read.value
}

/** Each file as the manifest has it, and no other. */
const checked = (files: Map<string, Buffer>): Bundle => {
  const text = files.get(bundleNames.manifest)
  if (text === undefined) throw new Refused(`it is no incident bundle: there is no ${bundleNames.manifest} in it`)
  const manifest = parseManifest(text.toString())
  if (typeof manifest === "string") throw new Refused(manifest)
  files.delete(bundleNames.manifest)
  const named = new Set(manifest.files.map(({ name }) => name))
  const foreign = [...files.keys()].find((name) => !named.has(name))
  if (foreign !== undefined) throw new Refused(`${shown(foreign)} is in it, and not in its ${bundleNames.manifest}`)
  if (named.size !== manifest.files.length) throw new Refused(`its ${bundleNames.manifest} names a file twice`)
  for (const { bytes, name, sha256 } of manifest.files) {
    const content = files.get(name)
    if (content === undefined) throw new Refused(`${shown(name)} is missing: the manifest has it`)
    const hash = createHash("sha256").update(content).digest("hex")
    if (content.length !== bytes || hash !== sha256) {
      throw new Refused(`${shown(name)} is not what was put into it: its SHA-256 is ${hash}, not ${sha256}`)
    }
  }
  return { manifest, files }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""

const reasonOf = (error: unknown): string => {
  if (error instanceof Refused) return error.message
  const code = codeOf(error)
  if (code === "Z_BUF_ERROR") return "it ends before its end: it was cut off"
  if (code.startsWith("Z_")) return "it is no incident bundle, or damaged: gzip cannot read it"
  const message = error instanceof Error ? error.message : String(error)
  if (/tar|unexpected end of data/iu.test(message)) return `it is no incident bundle, or damaged: ${message}`
  return code === "" ? message : `it cannot be read: ${message}`
}

/** Reads and checks all of it. Fails with one line that names the file. */
export const readBundle = (path: string): Effect.Effect<Bundle, CliFailure> =>
  Effect.tryPromise({
    try: async (signal) => checked(await unpack(path, signal)),
    catch: (error) => new CliFailure({ message: `${path}: ${reasonOf(error)}` })
  })
