/**
 * Reads a configuration file and those that it includes: their form is checked and their references are resolved, each
 * file by itself. How many, how deep and how long they may be is bounded.
 */
import { Effect, Result, Schema } from "effect"
import { equalSecretsHint, isShortSecret, shortSecretHint } from "../../domain/auth/auth-group-decide.ts"
import type { ConfigFiles, FileText } from "./ConfigFiles.ts"
import { withAbsolutePaths } from "./file-paths.ts"
import { formProblems } from "./form-problems.ts"
import { interpolate, pathKey } from "./interpolate.ts"
import { NativeConfig } from "./native-schema.ts"
import { configLengthMax, YamlText } from "./YamlText.ts"

/** Files of one configuration. */
const filesMax = 256
/** Files that include one another in a chain. */
const includeDepthMax = 8
/** Characters of all files of one configuration. */
const totalLengthMax = 4 * configLengthMax

/** One file, without those that it includes. */
export interface ConfigPart {
  readonly text: YamlText
  readonly config: NativeConfig
  readonly warnings: ReadonlyArray<string>
}

/** What came of a file and those that it includes. */
export interface LoadedParts {
  /** In the order in which their sections come. */
  readonly parts: ReadonlyArray<ConfigPart>
  readonly problems: ReadonlyArray<string>
}

const decode = Schema.decodeUnknownResult(NativeConfig, { errors: "all", onExcessProperty: "error" })

interface Loading {
  readonly files: ConfigFiles
  /** In the order in which their sections come. */
  readonly parts: Array<ConfigPart>
  readonly problems: Array<string>
  count: number
  length: number
}

/** Where in a file secrets are, and their texts. */
const secretsIn = ({ config }: ConfigPart) =>
  (config.authGroups ?? []).flatMap(({ secrets }, group) =>
    secrets.flatMap((secret, index) =>
      (["secret", "mutualSecret"] as const).flatMap((key) => {
        const text = secret[key]
        return text === undefined ? [] : [{ path: ["authGroups", group, "secrets", index, key], text }]
      })
    )
  )

/** Secrets that can be guessed, each at its place. */
const shortSecrets = (part: ConfigPart): ReadonlyArray<string> =>
  secretsIn(part).flatMap(({ path, text }) =>
    // An empty one is refused, with its own words.
    text !== "" && isShortSecret(text) ? [part.text.problem(path, `the secret ${shortSecretHint}`)] : []
  )

/** Users who could answer for the target, and are refused for it, each at its place. */
const equalSecrets = (part: ConfigPart): ReadonlyArray<string> =>
  (part.config.authGroups ?? []).flatMap(({ secrets }, group) =>
    secrets.flatMap(({ mutualSecret, secret, user }, index) => {
      const path = ["authGroups", group, "secrets", index, "mutualSecret"]
      return mutualSecret === secret ? [part.text.problem(path, `user "${user}" ${equalSecretsHint}`)] : []
    })
  )

/** Secrets that stand in the file itself, though others may read it. */
const secretWarnings = (
  part: ConfigPart,
  referring: ReadonlySet<string>,
  othersRead: boolean
): ReadonlyArray<string> => {
  if (!othersRead) return []
  const plain = secretsIn(part).flatMap(({ path }) => (referring.has(pathKey(path)) ? [] : [path]))
  const [first] = plain
  if (first === undefined) return []
  const count = plain.length === 1 ? "a secret" : `${plain.length} secrets`
  const message = `the file has ${count} in it and may be read by others; chmod 600 it, or use \${file:PATH}`
  return [part.text.problem(first, message)]
}

/** What the file includes, also if something else in it is wrong. */
const includesOf = (value: unknown): ReadonlyArray<string> => {
  const include = typeof value === "object" && value !== null && "include" in value ? value.include : undefined
  return Array.isArray(include) ? include.filter((entry) => typeof entry === "string") : []
}

/** A text that is YAML at least; `part` is there if its form is right. */
interface Parsed {
  readonly text: YamlText
  readonly includes: ReadonlyArray<string>
  readonly part?: ConfigPart
}

const parsePart = (
  loading: Loading,
  name: string,
  { othersRead, text: source }: FileText
): Effect.Effect<Parsed | undefined> =>
  Effect.gen(function* () {
    const text = YamlText.parse(name, source)
    if (Result.isFailure(text)) {
      loading.problems.push(...text.failure)
      return undefined
    }
    const plain = { value: text.success.value, referring: new Set<string>(), mistakes: [] }
    const { mistakes, referring, value } = source.includes("${")
      ? yield* interpolate(name, plain.value, loading.files)
      : plain
    loading.problems.push(...mistakes.map(({ message, path }) => text.success.problem(path, message)))
    const found = { text: text.success, includes: includesOf(value) }
    const decoded = decode(value)
    if (Result.isFailure(decoded)) {
      const told = new Set(mistakes.map(({ path }) => pathKey(path)))
      loading.problems.push(...formProblems(text.success, value, decoded.failure, told))
      return found
    }
    const part = { text: text.success, config: withAbsolutePaths(decoded.success, name), warnings: [] }
    return {
      ...found,
      part: {
        ...part,
        warnings: [...secretWarnings(part, referring, othersRead), ...shortSecrets(part), ...equalSecrets(part)]
      }
    }
  })

const isPattern = (path: string): boolean => /[*?]/u.test(path)

/** The files that one entry of `include` names; a plain name must be there, a pattern may match nothing. */
const includedFiles = (loading: Loading, from: string, entry: string): Effect.Effect<ReadonlyArray<string>, string> => {
  const path = loading.files.resolve(from, entry)
  if (!isPattern(entry)) return Effect.succeed([path])
  return Effect.mapError(loading.files.list(path, filesMax), (why) => `${path} ${why}`)
}

/** Reads `path`, which the last of `chain` includes, and what it includes itself; the sections of those come first. */
const load = (loading: Loading, path: string, chain: ReadonlyArray<string>): Effect.Effect<void, string> =>
  Effect.gen(function* () {
    if (chain.includes(path)) return yield* Effect.fail(`includes itself: ${[...chain, path].join(" -> ")}`)
    if (chain.length >= includeDepthMax) {
      return yield* Effect.fail(`${path} would be the ${chain.length + 1}th file in a chain; use ${includeDepthMax}`)
    }
    if (++loading.count > filesMax) return yield* Effect.fail(`${path} is one of more than ${filesMax} files`)
    const file = yield* Effect.mapError(loading.files.read(path, configLengthMax), (why) => `${path} ${why}`)
    yield* add(loading, path, file, chain)
  })

const add = (
  loading: Loading,
  path: string,
  file: FileText,
  chain: ReadonlyArray<string>
): Effect.Effect<void, string> =>
  Effect.gen(function* () {
    loading.length += file.text.length
    if (loading.length > totalLengthMax) {
      return yield* Effect.fail(`${path} brings the configuration above ${totalLengthMax} characters`)
    }
    const parsed = yield* parsePart(loading, path, file)
    if (parsed === undefined) return
    for (const [index, entry] of parsed.includes.entries()) {
      const refuse = (why: string) => loading.problems.push(parsed.text.problem(["include", index], why))
      const paths = yield* Effect.result(includedFiles(loading, path, entry))
      if (Result.isFailure(paths)) refuse(paths.failure)
      for (const included of Result.getOrElse(paths, () => [])) {
        const outcome = yield* Effect.result(load(loading, included, [...chain, path]))
        if (Result.isFailure(outcome)) refuse(outcome.failure)
      }
    }
    if (parsed.part !== undefined) loading.parts.push(parsed.part)
  })

/** The file `name` with this content, after the files that it includes. */
export const loadParts = (name: string, source: FileText, files: ConfigFiles): Effect.Effect<LoadedParts> =>
  Effect.gen(function* () {
    const loading: Loading = { files, parts: [], problems: [], count: 1, length: 0 }
    const outcome = yield* Effect.result(add(loading, name, source, []))
    if (Result.isFailure(outcome)) loading.problems.push(outcome.failure)
    return loading
  })
