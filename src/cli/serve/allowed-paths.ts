/** What a server's command line says of the paths that it may use for those who ask it. */
import { realpath } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { Flag } from "effect/cli"
import type { AllowedPaths, PathRestriction } from "../../host/AllowedPaths.ts"
import { CliFailure } from "../CliFailure.ts"

/** Flags of `serve`. */
export const allowFlags = {
  allowPath: Flag.String("allow-path").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription(
      "A folder or file that disks, dumps and other files named by RPC or a configuration may be, with all below it; " +
        "may be given several times. Default: whatever this user may open"
    ),
    Flag.atLeast(0)
  ),
  allowDevice: Flag.String("allow-device").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription(
      "The same for device nodes, which --allow-path does not allow: /dev/sdb, or a folder such as /dev"
    ),
    Flag.atLeast(0)
  )
}

/** As it was given; links are followed when the server starts. */
export const restrictionOf = (
  paths: ReadonlyArray<string>,
  devices: ReadonlyArray<string>
): PathRestriction | undefined => (paths.length + devices.length === 0 ? undefined : { paths, devices })

/** Files of a state directory that nobody may name; `disks` and what users put there are none of them. */
const ownNames = ["log", "log.new", "instance-id", "secret-key", "secret-key.new", "http-token", "http-token.new"]

const realOf = (flag: string, path: string): Effect.Effect<string, CliFailure> =>
  Effect.tryPromise({
    try: () => realpath(path),
    catch: (error) => {
      const why = error instanceof Error ? error.message : String(error)
      return new CliFailure({ message: `--${flag} ${path} cannot be used: ${why}; make it before the target starts` })
    }
  })

/** The state directory must be there. */
export const allowedPathsOf = (
  stateDirectory: string,
  restriction: PathRestriction | undefined
): Effect.Effect<AllowedPaths, CliFailure> =>
  Effect.gen(function* () {
    const directory = yield* realOf("state", stateDirectory)
    const own = ownNames.map((name) => join(directory, name))
    if (restriction === undefined) return { own }
    const paths = yield* Effect.forEach(restriction.paths, (path) => realOf("allow-path", path))
    const devices = yield* Effect.forEach(restriction.devices, (path) => realOf("allow-device", path))
    return { own, restriction: { paths, devices } }
  })

/**
 * What a configuration may refer to: that, its own folder, and what systemd has handed to the service. What is not
 * there is nothing that it could refer to.
 */
export const pathsOfConfig = (config: string, restriction: PathRestriction): Effect.Effect<AllowedPaths, CliFailure> =>
  Effect.gen(function* () {
    const credentials = process.env["CREDENTIALS_DIRECTORY"]
    const all = [...restriction.paths, dirname(config), ...(credentials === undefined ? [] : [credentials])]
    const paths = yield* Effect.forEach(all, (path) =>
      Effect.orElseSucceed(realOf("allow-path", path), () => undefined)
    )
    return { own: [], restriction: { paths: paths.filter((path) => path !== undefined), devices: [] } }
  })
