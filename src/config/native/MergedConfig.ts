/** The sections of several files as one configuration, and where each of them came from. */
import type { ConfigPart } from "./load-parts.ts"
import type { NativeConfig, OptionsSection } from "./native-schema.ts"
import type { ConfigPath, YamlText } from "./YamlText.ts"

type Lists = Exclude<keyof NativeConfig, "include" | "options">

/** Lists follow one another in the order of the files; of the options each key may come from another file. */
export class MergedConfig {
  readonly config: NativeConfig
  readonly problems: ReadonlyArray<string>
  readonly #parts: ReadonlyArray<ConfigPart>

  constructor(parts: ReadonlyArray<ConfigPart>) {
    this.#parts = parts
    this.problems = this.#optionConflicts()
    const options: OptionsSection = Object.assign({}, ...parts.map(({ config }) => config.options ?? {}))
    const list = <K extends Lists>(name: K) => {
      const there = parts.flatMap(({ config }) => (config[name] === undefined ? [] : [config[name]]))
      return there.length === 0 ? {} : { [name]: there.flat() }
    }
    this.config = {
      ...(parts.some(({ config }) => config.options !== undefined) ? { options } : {}),
      ...list("bdevs"),
      ...list("authGroups"),
      ...list("portalGroups"),
      ...list("initiatorGroups"),
      ...list("targets")
    }
  }

  /** The part that has what is at `path`, and its path there. */
  origin(path: ConfigPath): { readonly part: ConfigPart | undefined; readonly path: ConfigPath } {
    const [section, key, ...rest] = path
    if (section === "options") {
      const has = ({ config }: ConfigPart) =>
        config.options !== undefined && (key === undefined || Object.hasOwn(config.options, key))
      return { part: this.#parts.find(has) ?? this.#parts.find(({ config }) => config.options !== undefined), path }
    }
    if (typeof key !== "number") return { part: this.#parts.at(-1), path }
    let index = key
    for (const part of this.#parts) {
      const list = Object.entries(part.config).find(([name]) => name === section)?.[1]
      const length = Array.isArray(list) ? list.length : 0
      if (index < length) return { part, path: [section ?? "", index, ...rest] }
      index -= length
    }
    return { part: this.#parts.at(-1), path }
  }

  #optionConflicts(): ReadonlyArray<string> {
    const first = new Map<string, YamlText>()
    return this.#parts.flatMap(({ config, text }) =>
      Object.keys(config.options ?? {}).flatMap((key) => {
        const before = first.get(key)
        if (before !== undefined) {
          return [text.problem(["options", key], `is set twice; first at ${before.place(["options", key])}`)]
        }
        first.set(key, text)
        return []
      })
    )
  }
}
