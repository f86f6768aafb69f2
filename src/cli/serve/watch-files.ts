/**
 * Waits until files have other contents: told by the operating system where it can, and by looking every two seconds
 * where it cannot (network file systems, a folder that was replaced).
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { Effect } from "effect"
import { configFiles } from "../config/config-files.ts"
import type { ConfigSources } from "../config/config-source.ts"
import { fileState } from "./file-state.ts"

const pollMillis = 2_000
/** An editor writes in several steps: a change counts when nothing has changed for so long. In milliseconds. */
const quietMillis = 200
/** Files of one pattern. */
const listMax = 1_000

const signatureNow = ({ paths, patterns }: ConfigSources): Effect.Effect<string> =>
  Effect.gen(function* () {
    const states = yield* Effect.forEach(paths, fileState)
    const lists = yield* Effect.forEach(patterns, (pattern) =>
      Effect.catch(configFiles.list(pattern, listMax), () => Effect.succeed<ReadonlyArray<string>>([]))
    )
    return [...states, ...lists.flat()].join("\n")
  })

/** Resumes when something happens in a folder of the files; never, if the system does not tell. */
const awaitNotice = ({ paths, patterns }: ConfigSources): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const folders = new Set([...paths, ...patterns].map((file) => path.dirname(file)))
    const watchers = [...folders].flatMap((folder) => {
      try {
        const watcher = fs.watch(folder, { persistent: false }, () => resume(Effect.void))
        watcher.on("error", () => undefined)
        return [watcher]
      } catch {
        return []
      }
    })
    return Effect.sync(() => {
      for (const watcher of watchers) watcher.close()
    })
  })

/** The same files as they are now: what comes later is a change. */
export const seenNow = (sources: ConfigSources): Effect.Effect<ConfigSources> =>
  Effect.map(signatureNow(sources), (signature) => ({ ...sources, signature }))

/** Resumes when the files are not what they were when they were read, and have stayed so for a moment. */
export const awaitChange = (sources: ConfigSources): Effect.Effect<void> =>
  Effect.gen(function* () {
    let last = sources.signature
    while (true) {
      const now = yield* signatureNow(sources)
      const isChanged = now !== sources.signature
      if (isChanged && now === last) return
      last = now
      yield* isChanged ? Effect.sleep(quietMillis) : Effect.timeoutOption(awaitNotice(sources), pollMillis)
    }
  })
