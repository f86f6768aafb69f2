/**
 * Files of disks that a replay makes or resizes: a fork has files of its own, in one directory, and the record of a
 * disk says how long its file was. What is not in that directory is nobody's business here.
 */
import { mkdir, open } from "node:fs/promises"
import { dirname } from "node:path"
import { Effect } from "effect"
import type { Event } from "../../domain/Event.ts"
import type { ForkMapping } from "../../domain/replay/Fork.ts"
import { findBdev, type State } from "../../domain/State.ts"

interface WantedFile {
  readonly filename: string
  readonly bytes: number
  /** It is of a disk that is new: what is there already stays as long as it is. */
  readonly isNew: boolean
}

const wantedFile = (state: State, event: Event): WantedFile | undefined => {
  if (event._tag === "BdevCreated" && event.spec._tag === "Aio") {
    const { blockCount, blockSize, filename } = event.spec
    return { filename, bytes: blockCount * blockSize, isNew: true }
  }
  if (event._tag !== "BdevResized") return undefined
  const spec = findBdev(state, event.name)?.spec
  if (spec?._tag !== "Aio") return undefined
  return { filename: spec.filename, bytes: event.blockCount * spec.blockSize, isNew: false }
}

/** Sparse: it takes no room before something is written. */
const prepare = async ({ bytes, filename, isNew }: WantedFile): Promise<void> => {
  await mkdir(dirname(filename), { recursive: true, mode: 0o700 })
  const handle = await open(filename, isNew ? "a+" : "r+", 0o600)
  try {
    if (!isNew || (await handle.stat()).size < bytes) await handle.truncate(bytes)
  } finally {
    await handle.close()
  }
}

/** Gives the fork's files the sizes that these events (already mapped to the fork) say; a sentence for each failure. */
export const prepareFiles = (
  mapping: ForkMapping,
  state: State,
  events: ReadonlyArray<Event>
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    const problems: Array<string> = []
    for (const event of events) {
      const file = wantedFile(state, event)
      if (file === undefined || dirname(file.filename) !== mapping.fileDirectory) continue
      try {
        await prepare(file)
      } catch (error) {
        problems.push(`file ${file.filename}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    return problems
  })
