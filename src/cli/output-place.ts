/**
 * Where a command writes what it is asked for: `-` is stdout; a file is replaced; of what only passes bytes on (a pipe,
 * `/dev/stdout`, a device) nothing is replaced, and its mode stays.
 */
import { createWriteStream } from "node:fs"
import { realpath, stat } from "node:fs/promises"
import { Writable } from "node:stream"

/** What a path names. */
export type OutputPlace =
  | { readonly _tag: "Stdout" }
  /** A file, or none yet: where links lead to. */
  | { readonly _tag: "File"; readonly path: string }
  | { readonly _tag: "Passing"; readonly path: string }

/** Throws what the system says. */
export const outputPlace = async (path: string): Promise<OutputPlace> => {
  if (path === "-") return { _tag: "Stdout" }
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return { _tag: "File", path }
  if (found.isDirectory()) throw new Error("it is a directory")
  return found.isFile() ? { _tag: "File", path: await realpath(path) } : { _tag: "Passing", path }
}

/** A stream into what is not replaced; the end of it leaves stdout open. */
export const passingStream = (place: Exclude<OutputPlace, { readonly _tag: "File" }>): Writable =>
  place._tag === "Passing"
    ? createWriteStream(place.path)
    : new Writable({ write: (chunk, _encoding, done) => void process.stdout.write(chunk, (error) => done(error)) })
