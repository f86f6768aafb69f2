/** Watching with what Node offers. */
import * as fs from "node:fs"
import type { WatchSurroundings } from "./PathWatch.ts"
import { listFolder, lookWithin } from "./Seen.ts"
import type { WatchFolder } from "./WatchedFolder.ts"

const watchFolder: WatchFolder = (folder, changed, ended) => {
  const watcher = fs.watch(folder, { persistent: false }, (_event, name) => changed(name ?? undefined))
  watcher.on("error", ended)
  return watcher
}

/** Real files and devices; `sysfsRoot` is `/sys`, but in tests. */
export const nodeWatching = (sysfsRoot: string): Pick<WatchSurroundings, "look" | "list" | "watchFolder" | "now"> => ({
  look: lookWithin(sysfsRoot),
  list: listFolder,
  watchFolder,
  now: () => performance.now()
})
