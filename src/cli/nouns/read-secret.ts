/**
 * Where a CHAP secret comes from: a file, the environment, a terminal that shows nothing. On the command line every
 * user of the machine could read it in the process list; it works there, with a warning.
 */
import { readFile } from "node:fs/promises"
import { Console, Effect, Option, Redacted } from "effect"
import { Flag, Prompt } from "effect/cli"
import { isShortSecret, shortSecretHint } from "../../domain/auth/auth-group-decide.ts"
import { CliFailure } from "../CliFailure.ts"
import { readStdin } from "../rpc/rpc-request.ts"

/** The ways in which a secret can be given. */
export interface SecretSource {
  /** What it is, for messages. */
  readonly what: string
  readonly file: Option.Option<string>
  readonly text: Option.Option<string>
  /** The environment variable. */
  readonly variable: string
  /** The flag that names the file. */
  readonly fileFlag: string
}

/** `--NAME-file`. */
export const secretFileFlag = (name: string, what: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription(`File whose first line is ${what}; - for stdin`),
    Flag.optional
  )

/** `--NAME`, which is warned of. */
export const secretTextFlag = (name: string, what: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription(`${what} itself; everybody on this machine can read it meanwhile`),
    Flag.optional
  )

const firstLine = (source: string): string => source.split(/\r?\n/u, 1)[0] ?? ""

const fromFile = (path: string): Effect.Effect<string, CliFailure> =>
  path === "-"
    ? Effect.map(readStdin, firstLine)
    : Effect.tryPromise({
        try: async () => firstLine(await readFile(path, "utf8")),
        catch: (error) => {
          const why = error instanceof Error ? error.message : String(error)
          return new CliFailure({ message: `the secret cannot be read: ${why}` })
        }
      })

const missing = ({ fileFlag, variable, what }: SecretSource): CliFailure =>
  new CliFailure({ message: `where is ${what}? Give --${fileFlag} FILE, or ${variable} in the environment` })

const fromTerminal = (source: SecretSource) =>
  process.stdin.isTTY && process.stderr.isTTY
    ? Prompt.run(Prompt.Hidden({ message: `${source.what}:` })).pipe(
        Effect.map((answer) => (Redacted.isRedacted(answer) ? Redacted.value(answer) : answer)),
        Effect.mapError(() => new CliFailure({ message: "nothing was entered, and nothing is changed" }))
      )
    : Effect.fail(missing(source))

const warning = "warning: everybody on this machine can read a secret on the command line; prefer"

/** The secret. */
export const readSecret = (source: SecretSource) =>
  Effect.gen(function* () {
    if (Option.isSome(source.text)) {
      yield* Console.error(`${warning} --${source.fileFlag} FILE or ${source.variable}`)
      return source.text.value
    }
    const variable = process.env[source.variable]
    const secret = Option.isSome(source.file)
      ? yield* fromFile(source.file.value)
      : (variable ?? (yield* fromTerminal(source)))
    if (secret === "") return yield* new CliFailure({ message: `${source.what} is empty` })
    return secret
  }).pipe(
    Effect.tap((secret) =>
      isShortSecret(secret) ? Console.error(`warning: ${source.what} ${shortSecretHint}`) : Effect.void
    )
  )
