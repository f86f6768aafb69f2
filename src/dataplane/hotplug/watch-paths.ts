/** The watch of paths of one data plane. */
import { Effect, type Scope } from "effect"
import type { DataPlaneSettings } from "../DataPlaneSettings.ts"
import { nodeWatching } from "./node-watching.ts"
import { PathWatch } from "./PathWatch.ts"

const defaultPollMillis = 1_000

/** Ends with the scope. */
export const watchPaths = ({
  hotplugPollMillis = defaultPollMillis,
  sysfsRoot = "/sys"
}: DataPlaneSettings): Effect.Effect<PathWatch, never, Scope.Scope> =>
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const pollMillis = hotplugPollMillis === "off" ? undefined : hotplugPollMillis
    const instead = pollMillis === undefined ? "and polling is off" : `they are looked at every ${pollMillis} ms`
    const refused = (reason: string): void => {
      run(Effect.logWarning(`the system does not tell of changes in all folders (${reason}): ${instead}`))
    }
    return yield* Effect.acquireRelease(
      Effect.sync(() => new PathWatch({ ...nodeWatching(sysfsRoot), pollMillis, refused })),
      (paths) => Effect.sync(() => paths.close())
    )
  })
