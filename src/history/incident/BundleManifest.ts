/**
 * What an incident bundle says of itself. A bundle is a tar archive, compressed by gzip, of one folder; the first file
 * in it is `manifest.json`, which names all the others:
 *
 * | file                                 | what                                                                     |
 * | ------------------------------------ | ------------------------------------------------------------------------ |
 * | `report.txt`                         | the report that `lunlog incident open` prints                            |
 * | `log/records.ndjson`                 | the records around, and the state before them: as `lunlog log export`    |
 * | `state/before.json`, `after.json`    | the canonical snapshots before the first and after the last record       |
 * | `config/before.yaml`, `after.yaml`   | the same as configuration files, without secrets                         |
 * | `incidents/SEQ/...`                  | what the target has kept of the incidents among these records            |
 * | `now/...`                            | what the target was when the bundle was made, if it was running          |
 *
 * Hashes are SHA-256 in hexadecimal; times are microseconds since 1970.
 */
import { Result, Schema } from "effect"

/** What bundles call themselves. */
export const BUNDLE_FORMAT = "lunlog-incident-bundle"
/** Raised when a reader of the version before could not read what is written. */
export const BUNDLE_VERSION = 1

/** Names of the files that every bundle has. */
export const bundleNames = {
  manifest: "manifest.json",
  report: "report.txt",
  records: "log/records.ndjson",
  before: "state/before.json",
  after: "state/after.json",
  configBefore: "config/before.yaml",
  configAfter: "config/after.yaml"
} as const

/** Bytes of all files together, of one, and how many there may be: what is more is refused by whoever opens it. */
export const bundleLimits = { bytes: 256 * 1024 * 1024, fileBytes: 192 * 1024 * 1024, files: 1024 } as const

/** Characters of what is wrong with a manifest: it may repeat what is there. */
const messageMax = 500

const Text = Schema.String.check(Schema.isMaxLength(1024))
const Hash = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/u))

/** A moment of the log: the record, and the last one up to it that changed something. */
const Moment = Schema.Struct({ seq: Schema.Natural, control_seq: Schema.Natural, control_hash: Text })

const BundleFile = Schema.Struct({ name: Text, bytes: Schema.Natural, sha256: Hash, what: Text })

/** `manifest.json`. */
export const BundleManifest = Schema.Struct({
  format: Schema.Literal(BUNDLE_FORMAT),
  version: Schema.Number,
  /** Of the program that has made it. */
  lunlog: Text,
  made_at: Schema.Natural,
  /** Of the state directory that it is from. */
  instance: Schema.optionalKey(Text),
  /** Of the process that has written the record: version, Node, system, cores, memory. */
  process: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  /** The record that it is about. */
  incident: Schema.Struct({ seq: Schema.Natural, at: Schema.Natural, type: Text, text: Text }),
  records: Schema.Struct({ from: Schema.Natural, to: Schema.Natural, count: Schema.Natural }),
  before: Moment,
  after: Moment,
  /** What could not be had, as sentences. */
  missing: Schema.Array(Text),
  /** All other files. */
  files: Schema.Array(BundleFile)
})
export type BundleManifest = typeof BundleManifest.Type

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(BundleManifest))
const decodeBrief = Schema.decodeUnknownResult(
  Schema.fromJsonString(Schema.Struct({ format: Schema.Literal(BUNDLE_FORMAT), version: Schema.Number }))
)

/** The manifest in a file's text, or what is wrong with it. */
export const parseManifest = (text: string): BundleManifest | string => {
  const brief = decodeBrief(text)
  if (Result.isFailure(brief)) return `its ${bundleNames.manifest} does not say "format":"${BUNDLE_FORMAT}"`
  const { version } = brief.success
  if (version !== BUNDLE_VERSION) {
    return `it has version ${version}, this lunlog reads ${BUNDLE_VERSION}; use the one that wrote it`
  }
  const manifest = decode(text)
  if (Result.isSuccess(manifest)) return manifest.success
  const why = manifest.failure.message.slice(0, messageMax).replace(/\s*\n\s*/gu, " ")
  return `its ${bundleNames.manifest} is not what it should be: ${why}`
}

/** Names of files in a bundle: relative, of plain parts, no deeper than they need to be. */
export const isBundleName = (name: string): boolean =>
  name.length <= 200 && /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,3}$/u.test(name)
