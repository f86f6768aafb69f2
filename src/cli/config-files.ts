/** The files and the environment that a configuration may refer to, as this process sees them. */
import { open, readdir } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { Effect } from "effect"
import type { ConfigFiles, FileText } from "../config/ConfigFiles.ts"

const whyNot = (error: unknown): string => {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return "does not exist"
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`
}

const readBounded = async (path: string, lengthMax: number): Promise<FileText> => {
  const file = await open(path, "r")
  try {
    const { mode } = await file.stat()
    const buffer = Buffer.allocUnsafe(lengthMax + 1)
    let length = 0
    // Also of what has no size of its own, such as a pipe that a shell substitutes.
    for (let got = -1; got !== 0 && length <= lengthMax; length += got) {
      got = (await file.read(buffer, length, buffer.length - length)).bytesRead
    }
    if (length > lengthMax) throw new Error(`it has more than ${lengthMax} bytes`)
    const text = new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, length))
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

const listMatching = async (pattern: string, countMax: number): Promise<ReadonlyArray<string>> => {
  const folder = dirname(pattern)
  if (/[*?]/u.test(folder)) throw new Error("use * and ? in the last part only")
  const matching = patternOf(basename(pattern))
  const names = (await readdir(folder)).filter((name) => matching.test(name))
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
