/**
 * Reads the auth file that the options name, once at the start: its groups are created as if by RPC, with their
 * secrets sealed, by a cause that names the file. A file that does not exist is told and passed over, as in SPDK; one
 * with mistakes ends the start. Groups that the log has from an earlier life stay as they are.
 */
import { constants } from "node:fs"
import { open } from "node:fs/promises"
import { resolve } from "node:path"
import { Effect, Result, Schema } from "effect"
import type { Cause } from "../../eventlog/record.ts"
import { type AuthFileGroup, type AuthFileSecret, readAuthFile } from "../config/auth-file.ts"
import { iniLengthMax } from "../config/ini.ts"
import { type SecretRequest, sealingContext } from "../domain/auth/AuthGroup.ts"
import { checkSecretText } from "../domain/auth/auth-group-decide.ts"
import { ControlPlane } from "../domain/ControlPlane.ts"
import { Secrets } from "../domain/Secrets.ts"
import { findAuthGroup } from "../domain/State.ts"
import type { AllowedPaths } from "../host/AllowedPaths.ts"
import { PathRefused } from "../host/AllowedPaths.ts"
import { withAllowedPath } from "../host/open-allowed.ts"
import { Instance } from "./Instance.ts"

const { O_NONBLOCK, O_RDONLY } = constants

/** The file cannot be used; one line for each reason, as `FILE:LINE reason` where there is a line. */
export class AuthFileRefused extends Schema.TaggedError<AuthFileRefused>()("AuthFileRefused", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return this.problems.join("\n")
  }
}

const refused = (...problems: ReadonlyArray<string>) => new AuthFileRefused({ problems })

/** What `Instance.claim` knows a group by that the auth file has made. */
export const authFileClaim = (tag: number): string => `auth group ${tag} of the auth file`

const codeOf = (error: unknown): string => {
  if (error instanceof PathRefused) return error.why
  if (!(error instanceof Error)) return String(error)
  return "code" in error && typeof error.code === "string" ? error.code : error.message
}

const readBounded = async (path: string) => {
  const file = await open(path, O_RDONLY | O_NONBLOCK)
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw new Error("it is no regular file")
    const isOpen = (stat.mode & 0o077) !== 0
    return { isOpen, text: stat.size > iniLengthMax ? undefined : await file.readFile("utf8") }
  } finally {
    await file.close()
  }
}

/** The text, or undefined if there is no such file. */
const textOf = (allowed: AllowedPaths | undefined, path: string): Effect.Effect<string | undefined, AuthFileRefused> =>
  Effect.tryPromise({ try: () => withAllowedPath(allowed, resolve(path), readBounded), catch: codeOf }).pipe(
    Effect.flatMap(({ isOpen, text }) => {
      if (text === undefined) return Effect.fail(refused(`auth file ${path} has more than ${iniLengthMax} bytes`))
      const tell = `auth file ${path} is open to other users; chmod 600 keeps its secrets`
      return Effect.as(isOpen ? Effect.logWarning(tell) : Effect.void, text)
    }),
    Effect.catch((error) => {
      if (typeof error !== "string") return Effect.fail(error)
      if (error !== "ENOENT") return Effect.fail(refused(`auth file ${path} cannot be read: ${error}`))
      return Effect.as(
        Effect.logWarning(`auth file ${path} does not exist: no auth groups are read from it`),
        undefined
      )
    })
  )

const sealSecret = (path: string, tag: number, { line, msecret, muser, secret, user }: AuthFileSecret) =>
  Effect.gen(function* () {
    const { seal } = yield* Secrets
    for (const text of [secret, ...(msecret === undefined ? [] : [msecret])]) {
      const wrong = checkSecretText(tag, user, text)
      if (wrong !== undefined) return yield* refused(`${path}:${line} ${wrong.message}`)
    }
    const request: SecretRequest = { user, secret: yield* seal(sealingContext(tag, user, "secret"), secret) }
    if (muser === undefined || msecret === undefined) return request
    return { ...request, muser, msecret: yield* seal(sealingContext(tag, user, "msecret"), msecret) }
  })

const createGroup = (path: string, { line, secrets, tag }: AuthFileGroup) =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane
    if (findAuthGroup(controlPlane.state(), tag) !== undefined) {
      yield* Effect.logInfo(`auth group ${tag} of ${path} is in the event log, and stays as it is there`)
      return
    }
    const sealed = yield* Effect.forEach(secrets, (secret) => sealSecret(path, tag, secret))
    const cause: Cause = { source: "boot", actor: "local", method: `auth_file ${path}`.slice(0, 256) }
    yield* Effect.mapError(controlPlane.dispatch({ _tag: "CreateAuthGroup", tag, secrets: sealed }, cause), (error) =>
      refused(`${path}:${line} ${error.message}`)
    )
    ;(yield* Instance).claim(authFileClaim(tag))
  })

/** Does its work at the first call of a process that finds an auth file in the options. */
export const loadAuthFile: Effect.Effect<void, AuthFileRefused, ControlPlane | Instance | Secrets> = Effect.gen(
  function* () {
    const path = (yield* ControlPlane).state().options.authFile
    if (path === undefined || !(yield* Instance).claim("auth file")) return
    const text = yield* textOf((yield* Instance).allowedPaths, path)
    if (text === undefined) return
    const groups = readAuthFile(path, text)
    if (Result.isFailure(groups)) return yield* refused(...groups.failure)
    for (const group of groups.success) yield* createGroup(path, group)
    yield* Effect.logInfo(`auth file ${path}: ${groups.success.length} auth groups`)
  }
)
