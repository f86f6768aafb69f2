/** SPDK's JSON as a native configuration: its calls are made on a target in memory; what they lead to is read off. */
import { Effect, Result } from "effect"
import type { Conversion } from "../../config/foreign/Conversion.ts"
import { nativeConfigOf } from "../../config/native/native-config-of.ts"
import { resolveBdev } from "../../domain/bdev/bdev-decide.ts"
import { Secrets } from "../../domain/Secrets.ts"
import { checkSpdkConfig } from "../../rpc/apply-spdk-config.ts"
import { secretTexts } from "../../rpc/export-formats.ts"
import { readSpdkConfig } from "../../rpc/SpdkConfigFile.ts"
import { CliFailure, failureOf } from "../CliFailure.ts"
import { adaptDisks, adaptTargets } from "./adapt-spdk-calls.ts"
import { tryConfiguration } from "./trial-target.ts"

/** Everything that can be made is; the rest is told. */
const options = { strict: false, ignoreErrors: true }

/** Reads a file; fails if it has not the form of SPDK's configurations. `name` is how messages call it. */
export const convertSpdk = (name: string, source: string): Effect.Effect<Conversion, CliFailure> =>
  Effect.gen(function* () {
    const file = readSpdkConfig(name, source)
    if (Result.isFailure(file)) return yield* new CliFailure({ message: file.failure.join("\n") })
    const { checked } = checkSpdkConfig(file.success, options)
    const disks = adaptDisks(checked.calls)
    const first = yield* tryConfiguration({ ...checked, calls: disks.calls })
    const targets = adaptTargets(disks.calls, (bdev) => resolveBdev(first.state, bdev) !== undefined)
    const isSame = targets.warnings.length === 0
    const tried = isSame ? first : yield* tryConfiguration({ ...checked, calls: targets.calls })
    const { failures, isAuthFileRead, secrets, state } = tried
    const texts = yield* Effect.mapError(Effect.provideService(secretTexts(state), Secrets, secrets), failureOf)
    const { options: found, ...rest } = nativeConfigOf(state, (key) => texts.get(key) ?? "")
    const { authFile, ...others } = found ?? {}
    // The groups of an auth file that was read are in the result.
    const kept = isAuthFileRead || authFile === undefined ? others : { ...others, authFile }
    const failed = failures.map((failure) => `${failure}; the call is left out`)
    const warnings = [...checked.notices, ...disks.warnings, ...failed, ...targets.warnings]
    return { config: { options: kept, ...rest }, warnings, places: new Map() }
  })
