/** Whether a file is still the same, without reading it. */
import { stat } from "node:fs/promises"
import { Effect } from "effect"

/** Text that is another one when the file was written or replaced; also for files that do not exist. */
export const fileState = (path: string): Effect.Effect<string> =>
  Effect.promise(() =>
    stat(path).then(
      ({ ctimeMs, ino, mtimeMs, size }) => `${path} ${ino} ${size} ${mtimeMs} ${ctimeMs}`,
      () => `${path} none`
    )
  )
