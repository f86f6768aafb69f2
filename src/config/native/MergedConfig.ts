/** The sections of several files as one configuration, and where each of them came from. */
import type { ConfigPart } from "./load-parts.ts"
import type { LogSection, NativeConfig, OptionsSection } from "./native-schema.ts"
import type { ConfigPath, YamlText } from "./YamlText.ts"

type Singles = "options" | "log"
type Lists = Exclude<keyof NativeConfig, "include" | Singles>

const isSingle = (section: unknown): section is Singles => section === "options" || section === "log"

/** Lists follow one another in the order of the files; each key of `options` and `log` may come from another one. */
export class MergedConfig {
  readonly config: NativeConfig
  readonly problems: ReadonlyArray<string>
  readonly #parts: ReadonlyArray<ConfigPart>

  constructor(parts: ReadonlyArray<ConfigPart>) {
    this.#parts = parts
    this.problems = [...this.#conflicts("options"), ...this.#conflicts("log")]
    const options: OptionsSection = Object.assign({}, ...parts.map(({ config }) => config.options ?? {}))
    const log: LogSection = Object.assign({}, ...parts.map(({ config }) => config.log ?? {}))
    const list = <K extends Lists>(name: K) => {
      const there = parts.flatMap(({ config }) => (config[name] === undefined ? [] : [config[name]]))
      return there.length === 0 ? {} : { [name]: there.flat() }
    }
    this.config = {
      ...(parts.some(({ config }) => config.options !== undefined) ? { options } : {}),
      ...(parts.some(({ config }) => config.log !== undefined) ? { log } : {}),
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
    if (isSingle(section)) {
      const has = ({ config }: ConfigPart) =>
        config[section] !== undefined && (key === undefined || Object.hasOwn(config[section], key))
      return { part: this.#parts.find(has) ?? this.#parts.find(({ config }) => config[section] !== undefined), path }
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

  #conflicts(section: Singles): ReadonlyArray<string> {
    const first = new Map<string, YamlText>()
    return this.#parts.flatMap(({ config, text }) =>
      Object.keys(config[section] ?? {}).flatMap((key) => {
        const before = first.get(key)
        if (before !== undefined) {
          return [text.problem([section, key], `is set twice; first at ${before.place([section, key])}`)]
        }
        first.set(key, text)
        return []
      })
    )
  }
}
