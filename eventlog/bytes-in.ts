/** How much a directory holds. */
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"

/** Bytes of the files in it and below, as far as they can be looked at; files come and go meanwhile. */
export const bytesIn = async (directory: string): Promise<number> => {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const sizes = await Promise.all(
    entries.map((entry) => {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) return bytesIn(path)
      return stat(path).then(
        ({ size }) => size,
        () => 0
      )
    })
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
