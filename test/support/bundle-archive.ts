/** Incident bundles taken apart and put together by hand, whole and otherwise. */
import { createHash } from "node:crypto"
import { gunzipSync, gzipSync } from "node:zlib"
import { extract, type Header, pack } from "tar-stream"

/** A file of an archive. */
export interface ArchiveFile {
  readonly name: string
  readonly content: Buffer
  readonly type?: Header["type"]
  readonly linkname?: string
  /** What the header says instead, in bytes: the archive ends after it. */
  readonly size?: number
}

const collected = async (stream: AsyncIterable<unknown>): Promise<Buffer> => {
  const parts: Array<Uint8Array> = []
  for await (const part of stream) if (part instanceof Uint8Array) parts.push(part)
  return Buffer.concat(parts)
}

/** The files of an archive, in their order. */
export const filesOfArchive = async (archive: Buffer): Promise<ReadonlyArray<ArchiveFile>> => {
  const reader = extract()
  reader.end(gunzipSync(archive))
  const files: Array<ArchiveFile> = []
  for await (const entry of reader) files.push({ name: entry.header.name, content: await collected(entry) })
  return files
}

const blockBytes = 512

/** The first header alone, with another size: POSIX ustar, where a header's checksum is the sum of its bytes. */
const lyingHeader = (archive: Buffer, size: number): Buffer => {
  const header = Buffer.from(archive.subarray(0, blockBytes))
  header.write(size.toString(8).padStart(11, "0"), 124, "latin1")
  header.fill(" ", 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1")
  return header
}

/** An archive of files; names and types are taken as they are. */
export const archiveOf = async (files: ReadonlyArray<ArchiveFile>): Promise<Buffer> => {
  const writer = pack()
  for (const { content, linkname, name, type = "file" } of files) {
    const header = { name, type, mtime: new Date(0), ...(linkname === undefined ? {} : { linkname }) }
    if (type === "file") writer.entry(header, content)
    else writer.entry(header)
  }
  writer.finalize()
  const bytes = await collected(writer)
  const lie = files.find(({ size }) => size !== undefined)?.size
  return gzipSync(lie === undefined ? bytes : lyingHeader(bytes, lie))
}

/** Changes a file, and what the manifest says of it: only what is in it is wrong then. */
export const forged = (
  files: ReadonlyArray<ArchiveFile>,
  name: string,
  change: (content: Buffer) => Buffer
): ReadonlyArray<ArchiveFile> => {
  const isOf = (path: string, wanted: string): boolean => path.slice(path.indexOf("/") + 1) === wanted
  const changed = files.map((file) => (isOf(file.name, name) ? { ...file, content: change(file.content) } : file))
  const content = changed.find((file) => isOf(file.name, name))?.content ?? Buffer.alloc(0)
  const sha256 = createHash("sha256").update(content).digest("hex")
  return changed.map((file) => {
    if (!isOf(file.name, "manifest.json")) return file
    const manifest: { files: ReadonlyArray<{ name: string }> } = JSON.parse(file.content.toString())
    const listed = manifest.files.map((one) => (one.name === name ? { ...one, sha256, bytes: content.length } : one))
    return { ...file, content: Buffer.from(JSON.stringify({ ...manifest, files: listed })) }
  })
}
