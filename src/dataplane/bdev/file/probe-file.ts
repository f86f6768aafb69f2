/** Trying out what a file can do before anybody relies on it, without changing anything that it holds. */
import { errorCodeOf } from "../io-status-of.ts"
import type { BounceBuffers } from "./BounceBuffers.ts"
import type { FileOperations } from "./FileOperations.ts"
import type { SystemCalls } from "./system-calls.ts"

/** A block of every file system is as large, or this is a multiple of it. */
const farBeyond = 1024 * 1024

/** Whether a regular file can have holes: one is punched behind its end, where there is nothing. */
export const probeHole = (calls: SystemCalls, descriptor: number, size: number): Promise<boolean> =>
  new Promise((resolve) => {
    const behind = Math.ceil(size / farBeyond) * farBeyond
    calls.punchHole(descriptor, behind, farBeyond, (error) => resolve(error === null))
  })

/** Reads one block past the page cache. The errno name of what comes of it, if that is an error. */
export const probeDirect = (
  files: FileOperations,
  bounces: BounceBuffers,
  descriptor: number,
  byteOffset: number,
  byteLength: number
): Promise<string | undefined> =>
  new Promise((resolve) => {
    const bounce = bounces.take()
    files.read(descriptor, bounce, 0, byteLength, byteOffset, (error) => {
      bounces.give(bounce)
      resolve(error === null ? undefined : errorCodeOf(error))
    })
  })
