/**
 * Makes the file of a new disk: sparse, for the target's user alone, and there after a power failure. What exists is
 * never touched, and what fails leaves nothing.
 */
import { constants } from "node:fs"
import { dirname } from "node:path"
import { PathRefused } from "../../../host/AllowedPaths.ts"
import { errorCode } from "../error-code.ts"
import { type BdevFailure, failure } from "../OpenedBdev.ts"
import type { FileOperations } from "./FileOperations.ts"
import type { OpenFiles } from "./OpenFiles.ts"
import { uncreatable } from "./opening-failures.ts"

/** What became of it. */
export type CreatedFile =
  | { readonly _tag: "Exists" }
  /** `remove` takes it away again, if it is still the one at its path; it never fails. */
  | { readonly _tag: "Created"; readonly remove: () => Promise<void> }
  | BdevFailure

const remover = (of: OpenFiles, path: string, dev: bigint, ino: bigint) => async (): Promise<void> => {
  try {
    await of.withEntry(path, async (entry) => {
      const now = await of.files.stat(entry)
      if (now.dev === dev && now.ino === ino) await of.files.unlink(entry)
    })
  } catch {
    // It is gone, or its folder is: nothing is left of it.
  }
}

const syncFolder = async (files: FileOperations, path: string): Promise<void> => {
  const folder = await files.open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await files.fsync(folder)
  } finally {
    files.close(folder, () => {})
  }
}

/** Makes `path` with so many bytes, all of them zeros. Throws what the check of the path throws. */
export const createFile = async (openFiles: OpenFiles, path: string, byteLength: number): Promise<CreatedFile> => {
  const { files } = openFiles
  const { O_CREAT, O_EXCL, O_RDWR } = constants
  let descriptor: number
  try {
    descriptor = await openFiles.open(path, O_RDWR | O_CREAT | O_EXCL)
  } catch (error) {
    const code = errorCode(error)
    if (code === "EEXIST") return { _tag: "Exists" }
    if (error instanceof PathRefused) return failure(code, error.message)
    return uncreatable(path, code, byteLength)
  }
  const { dev, ino } = await files.fstat(descriptor)
  const remove = remover(openFiles, path, dev, ino)
  try {
    await files.truncate(descriptor, byteLength)
    await files.fsync(descriptor)
    await syncFolder(files, path)
    return { _tag: "Created", remove }
  } catch (error) {
    await remove()
    return uncreatable(path, errorCode(error), byteLength)
  } finally {
    files.close(descriptor, () => {})
  }
}
