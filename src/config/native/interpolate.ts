/**
 * References in the texts of a configuration: `${env:NAME}` is a variable of the environment, `${file:PATH}` the
 * content of a file without one newline at its end, `$${` is `${` itself. What a reference brings in is not looked
 * through again.
 */
import { Effect } from "effect"
import type { ConfigFiles } from "./ConfigFiles.ts"
import type { ConfigPath } from "./YamlText.ts"

/** Bytes of a file that is brought in. */
const fileBytesMax = 64 * 1024
/** References in one text of a configuration, and in all. */
const referencesMax = 10_000
/** Levels of maps and lists; a configuration has 6. */
const depthMax = 64

/** What is wrong with a reference. */
export interface ReferenceMistake {
  readonly path: ConfigPath
  readonly message: string
}

/** A value with its references resolved. */
export interface Interpolated {
  readonly value: unknown
  /** `pathKey`s of the texts that had references. */
  readonly referring: ReadonlySet<string>
  readonly mistakes: ReadonlyArray<ReferenceMistake>
}

/** What paths are compared by. */
export const pathKey = (path: ConfigPath): string => path.map(String).join("\n")

interface Walk {
  readonly from: string
  readonly files: ConfigFiles
  readonly referring: Set<string>
  readonly mistakes: Array<ReferenceMistake>
  count: number
}

const reference = /\$\$\{|\$\{([^}]*)\}?/gu

/** What one reference stands for. */
const lookUp = (walk: Walk, content: string, isClosed: boolean): Effect.Effect<string, string> => {
  const shown = `\${${content}${isClosed ? "}" : ""}`
  if (++walk.count > referencesMax) return Effect.fail(`${shown} is one of more than ${referencesMax} references`)
  const colon = content.indexOf(":")
  const [kind, name] = [content.slice(0, Math.max(colon, 0)), content.slice(colon + 1)]
  if (!isClosed || name === "" || (kind !== "env" && kind !== "file")) {
    return Effect.fail(`${shown} is no reference; use \${env:NAME} or \${file:PATH}, and $\${ for the text itself`)
  }
  if (kind === "env") {
    const value = walk.files.environment(name)
    return value === undefined
      ? Effect.fail(`the environment has no variable ${name}; set it for the process that reads this file`)
      : Effect.succeed(value)
  }
  const path = walk.files.resolve(walk.from, name)
  return Effect.mapBoth(walk.files.read(path, fileBytesMax), {
    onFailure: (why) => `file ${path} ${why}`,
    onSuccess: ({ text }) => text.replace(/\r?\n$/u, "")
  })
}

const resolveText = (walk: Walk, text: string, path: ConfigPath): Effect.Effect<string> =>
  Effect.gen(function* () {
    let resolved = ""
    let end = 0
    for (const match of text.matchAll(reference)) {
      const [whole, content] = match
      resolved += text.slice(end, match.index)
      end = match.index + whole.length
      if (content === undefined) {
        resolved += "${"
        continue
      }
      walk.referring.add(pathKey(path))
      const outcome = yield* Effect.result(lookUp(walk, content, whole.endsWith("}")))
      if (outcome._tag === "Success") resolved += outcome.success
      else walk.mistakes.push({ path, message: outcome.failure })
    }
    return resolved + text.slice(end)
  })

const resolveValue = (walk: Walk, value: unknown, path: ConfigPath): Effect.Effect<unknown> =>
  Effect.gen(function* () {
    if (typeof value === "string") return value.includes("${") ? yield* resolveText(walk, value, path) : value
    if (typeof value !== "object" || value === null) return value
    if (path.length > depthMax) {
      walk.mistakes.push({ path, message: `is nested deeper than ${depthMax} levels` })
      return undefined
    }
    if (Array.isArray(value)) {
      const items: Array<unknown> = []
      for (const [index, item] of value.entries()) items.push(yield* resolveValue(walk, item, [...path, index]))
      return items
    }
    const members: Array<readonly [string, unknown]> = []
    for (const [key, member] of Object.entries(value)) {
      members.push([key, yield* resolveValue(walk, member, [...path, key])])
    }
    return Object.fromEntries(members)
  })

/** Resolves every reference in `value`, which is that of the file `from`. */
export const interpolate = (from: string, value: unknown, files: ConfigFiles): Effect.Effect<Interpolated> =>
  Effect.gen(function* () {
    const walk: Walk = { from, files, referring: new Set(), mistakes: [], count: 0 }
    const resolved = yield* resolveValue(walk, value, [])
    return { value: resolved, referring: walk.referring, mistakes: walk.mistakes }
  })
