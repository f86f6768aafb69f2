/** Bearer tokens, in files that are for the target's user alone. */
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import { Effect, Redacted } from "effect"
import { CliFailure } from "../../CliFailure.ts"
import { isMissing, isShared, writePrivateFile } from "../private-file.ts"

const tokenBytes = 32
const tokenLengthMin = 16

/** 43 characters that nobody can guess. */
export const newToken = (): string => randomBytes(tokenBytes).toString("base64url")

const makeToken = async (path: string): Promise<string> => {
  const token = newToken()
  await writePrivateFile(path, `${token}\n`)
  return token
}

const failed = (message: string): CliFailure => new CliFailure({ message })

/** The token that a file holds; with `mayMake` the file is made if it is missing. */
export const tokenOf = (path: string, mayMake: boolean): Effect.Effect<Redacted.Redacted, CliFailure> =>
  Effect.gen(function* () {
    const text = yield* Effect.tryPromise({
      try: () =>
        readFile(path, "utf8").catch((error: unknown) => {
          if (mayMake && isMissing(error)) return makeToken(path)
          throw error
        }),
      catch: (error) =>
        failed(`the token file ${path} cannot be used: ${error instanceof Error ? error.message : error}`)
    })
    const token = text.trim()
    if (token.length < tokenLengthMin || /\s/u.test(token)) {
      const make = "head -c 32 /dev/urandom | base64 makes a good one"
      return yield* failed(`${path} holds no token of at least ${tokenLengthMin} characters without spaces; ${make}`)
    }
    if (yield* Effect.promise(() => isShared(path))) {
      yield* Effect.logWarning(`other users may read the token file ${path}: chmod 600 ${path}`)
    }
    return Redacted.make(token)
  })
