/** What the replay of a fork needs of its state directory. */
import { existsSync } from "node:fs"
import { Effect } from "effect"
import type { ReplaySurroundings } from "../../history/replay/ReplayRecords.ts"
import { prepareFiles } from "./prepare-files.ts"
import { ReplayFile, replayFilePath } from "./ReplayFile.ts"

/** Of one state directory. */
export const replaySurroundings = (stateDirectory: string): ReplaySurroundings => ({
  records: Effect.suspend(() => {
    const path = replayFilePath(stateDirectory)
    return existsSync(path) ? ReplayFile.open(path) : Effect.undefined
  }),
  prepareFiles
})
