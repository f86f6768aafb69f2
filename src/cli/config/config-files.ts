/** The files and the environment that a configuration may refer to, as this process sees them. */
import { open, readdir } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { Effect } from "effect"
import type { ConfigFiles, FileText } from "../../config/native/ConfigFiles.ts"
import { type AllowedPaths, PathRefused } from "../../host/AllowedPaths.ts"
import { withAllowedPath } from "../../host/open-allowed.ts"

const whyNot = (error: unknown): string => {
  if (error instanceof PathRefused) return error.why
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return "does not exist"
  if (error instanceof Error && "code" in error && error.code === "ERR_ENCODING_INVALID_ENCODED_DATA") {
    return "is no text in UTF-8"
  }
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`
}

const readBounded = async (path: string, lengthMax: number): Promise<FileText> => {
  const file = await open(path, "r")
  try {
    const { mode, size } = await file.stat()
    const pieces: Array<Buffer> = []
    let length = 0
    // To its end, whatever its size says: a pipe that a shell substitutes has none.
    for (let got = -1; got !== 0 && length <= lengthMax; length += got) {
      const piece = Buffer.allocUnsafe(Math.min(Math.max(size - length, 0) + 4096, lengthMax + 1 - length))
      got = (await file.read(piece, 0, piece.length)).bytesRead
      pieces.push(piece.subarray(0, got))
    }
    if (length > lengthMax) throw new Error(`it has more than ${lengthMax} bytes`)
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(pieces))
    return { text, othersRead: (mode & 0o044) !== 0 }
  } finally {
    await file.close()
  }
}

/** `*` and `?` as shells have them; names that begin with a dot are only found by patterns that do. */
const patternOf = (text: string): RegExp => {
  const escaped = text.replace(/[\\^$.|+()[\]{}]/gu, "\\$&")
  const body = escaped.replaceAll("*", ".*").replaceAll("?", ".")
  return new RegExp(`^${text.startsWith(".") ? "" : "(?!\\.)"}${body}$`, "u")
}

const listMatching = async (
  pattern: string,
  countMax: number,
  allowed?: AllowedPaths
): Promise<ReadonlyArray<string>> => {
  const folder = dirname(pattern)
  if (/[*?]/u.test(folder)) throw new Error("use * and ? in the last part only")
  const matching = patternOf(basename(pattern))
  const all = await withAllowedPath(allowed, resolve(folder), (path) => readdir(path))
  const names = all.filter((name) => matching.test(name))
  if (names.length > countMax) throw new Error(`it matches more than ${countMax} files`)
  return names.toSorted().map((name) => join(folder, name))
}

/** What is relative is relative to the folder of the file that says it. */
export const configFiles: ConfigFiles = {
  resolve: (from, path) => (path.startsWith("/") ? path : join(dirname(from), path)),
  read: (path, lengthMax) => Effect.tryPromise({ try: () => readBounded(path, lengthMax), catch: whyNot }),
  list: (pattern, countMax) => Effect.tryPromise({ try: () => listMatching(pattern, countMax), catch: whyNot }),
  environment: (name) => process.env[name]
}

/** The same for what may only refer to some paths. */
export const configFilesWithin = (allowed: AllowedPaths): ConfigFiles => ({
  ...configFiles,
  read: (path, lengthMax) =>
    Effect.tryPromise({
      try: () => withAllowedPath(allowed, resolve(path), (checked) => readBounded(checked, lengthMax)),
      catch: whyNot
    }),
  list: (pattern, countMax) => Effect.tryPromise({ try: () => listMatching(pattern, countMax, allowed), catch: whyNot })
})
