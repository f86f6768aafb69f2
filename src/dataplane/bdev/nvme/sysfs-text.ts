/**
 * Attributes of sysfs: one short text in a file each. It is outside: what is too long or unprintable is cut, and what
 * cannot be read is as if it were not there.
 */
import { open, opendir } from "node:fs/promises"
import { join } from "node:path"

/** Bytes that are read of an attribute; a page is the most that one has. */
const attributeMax = 4096
/** Entries of a folder that are looked at. */
const entriesMax = 4096

/** The attribute's first line without spaces around it, printable, at most `lengthMax` characters; or undefined. */
export const readAttribute = async (path: string, lengthMax = 255): Promise<string | undefined> => {
  try {
    const file = await open(path, "r")
    try {
      const buffer = Buffer.alloc(attributeMax)
      const { bytesRead } = await file.read(buffer, 0, attributeMax, 0)
      const [line = ""] = buffer.toString("utf8", 0, bytesRead).split("\n")
      return line
        .replace(/[\p{C}]/gu, "")
        .trim()
        .slice(0, lengthMax)
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}

/** A whole number, or undefined. */
export const readNumber = async (path: string): Promise<number | undefined> => {
  const text = await readAttribute(path)
  return text !== undefined && /^\d{1,15}$/u.test(text) ? Number(text) : undefined
}

/** Names in a folder that match, in no order; none if it cannot be read. */
export const listFolder = async (path: string, pattern: RegExp): Promise<ReadonlyArray<string>> => {
  const names: Array<string> = []
  try {
    const folder = await opendir(path)
    let seen = 0
    for await (const { name } of folder) {
      if (pattern.test(name)) names.push(name)
      if (++seen >= entriesMax) break
    }
  } catch {
    return names
  }
  return names
}

/** The first attribute of these that has a text. */
export const firstAttribute = async (folder: string, ...names: ReadonlyArray<string>): Promise<string | undefined> => {
  for (const name of names) {
    const text = await readAttribute(join(folder, name))
    if (text !== undefined && text !== "") return text
  }
  return undefined
}
