/** The files of an incident bundle, and how they become one file. */
import { createHash } from "node:crypto"
import { pipeline } from "node:stream/promises"
import { createGzip } from "node:zlib"
import type { Effect } from "effect"
import { pack } from "tar-stream"
import { type BundleManifest, bundleLimits, bundleNames } from "../../history/incident/BundleManifest.ts"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { writeWhole } from "../write-whole.ts"

/** Files that are put together, each with what it is. */
export class BundleFiles {
  readonly #files = new Map<string, { readonly content: Buffer; readonly what: string }>()
  #bytes = 0

  /** Whether so many bytes more fit. */
  fits(bytes: number): boolean {
    return bytes <= bundleLimits.fileBytes && this.#bytes + bytes <= bundleLimits.bytes
  }

  /** Throws a `CliFailure` if it does not fit. */
  add(name: string, what: string, content: Buffer | string): void {
    const bytes = typeof content === "string" ? Buffer.from(content) : content
    if (!this.fits(bytes.length) || this.#files.size >= bundleLimits.files - 1) {
      const message = `${name} does not fit into a bundle; take less of the log with --minutes, or --from and --to`
      throw new CliFailure({ message })
    }
    this.#files.set(name, { content: bytes, what })
    this.#bytes += bytes.length
  }

  /** Name and content, as they go into the archive. */
  get contents(): ReadonlyMap<string, Buffer> {
    return new Map([...this.#files].map(([name, { content }]) => [name, content]))
  }

  /** What the manifest says of them. */
  get listed(): BundleManifest["files"] {
    return [...this.#files].map(([name, { content, what }]) => ({
      name,
      bytes: content.length,
      sha256: createHash("sha256").update(content).digest("hex"),
      what
    }))
  }
}

/** Writes the archive, mode 0600: a folder with the manifest, then the files in their order. */
export const writeBundle = (
  path: string,
  manifest: BundleManifest,
  files: ReadonlyMap<string, Buffer>
): Effect.Effect<void, CliFailure> =>
  writeWhole(path, async (file, signal) => {
    const archive = pack()
    const mtime = new Date(Math.floor(manifest.made_at / 1000))
    const put = (name: string, content: Buffer | string): void => {
      const header = { name: `lunlog-incident-${manifest.incident.seq}/${name}`, mode: 0o600, mtime }
      // What breaks the archive off is the pipeline's to tell: an entry only repeats it.
      archive.entry(header, content).on("error", () => undefined)
    }
    put(bundleNames.manifest, `${printJson(manifest)}\n`)
    for (const [name, content] of files) put(name, content)
    archive.finalize()
    await pipeline(archive, createGzip(), file, { signal })
  })
