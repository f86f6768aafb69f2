/** Copies of disk files: shared with the original where the file system can do that, else without what is all zeros. */
import { constants } from "node:fs"
import { copyFile, open } from "node:fs/promises"

const pieceBytes = 1024 * 1024
const fileMode = 0o600

/** A new sparse file of this size. Fails if it exists. */
export const makeSparse = async (path: string, bytes: number): Promise<void> => {
  const file = await open(path, "wx", fileMode)
  try {
    await file.truncate(bytes)
  } finally {
    await file.close()
  }
}

/** Whether the file system could do it: the copy takes no room, and no time. */
const cloned = async (from: string, to: string): Promise<boolean> => {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") throw error
    return false
  }
}

const copyPieces = async (
  from: string,
  to: string,
  signal: AbortSignal,
  onProgress: (bytes: number) => void
): Promise<void> => {
  const zeros = Buffer.alloc(pieceBytes)
  const piece = Buffer.allocUnsafe(pieceBytes)
  const source = await open(from, "r")
  try {
    // Not "wx": an attempt to clone may have left an empty one.
    const copy = await open(to, "w", fileMode)
    try {
      for (let offset = 0; ; ) {
        signal.throwIfAborted()
        const { bytesRead } = await source.read(piece, 0, pieceBytes, offset)
        if (bytesRead === 0) break
        const data = piece.subarray(0, bytesRead)
        if (!data.equals(zeros.subarray(0, bytesRead))) await writeAll(copy, data, offset)
        offset += bytesRead
        onProgress(offset)
      }
    } finally {
      await copy.close()
    }
  } finally {
    await source.close()
  }
}

type File = Awaited<ReturnType<typeof open>>

const writeAll = async (file: File, data: Buffer, offset: number): Promise<void> => {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await file.write(data, done, data.length - done, offset + done)
    done += bytesWritten
  }
}

/** Copies a file that may change meanwhile, into a new one of `bytes` bytes: cut, or with zeros behind. */
export const copySparse = async (
  from: string,
  to: string,
  bytes: number,
  signal: AbortSignal,
  onProgress: (done: number) => void = () => undefined
): Promise<void> => {
  if (!(await cloned(from, to))) await copyPieces(from, to, signal, onProgress)
  const copy = await open(to, "r+")
  try {
    await copy.chmod(fileMode)
    await copy.truncate(bytes)
  } finally {
    await copy.close()
  }
}
