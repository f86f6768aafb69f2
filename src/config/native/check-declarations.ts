/** What is wrong between the sections of a configuration: things declared twice, and names that stand for nothing. */
import { findBdev, type State } from "../../domain/State.ts"
import { Suggestions } from "./closest.ts"
import { bdevNameOf } from "./commands.ts"
import type { GroupTags } from "./group-tags.ts"
import type { ConfigPath, NativeFile } from "./NativeFile.ts"
import type { AuthSection, NativeConfig } from "./native-schema.ts"

/** A mistake and its place. */
export interface Mistake {
  readonly path: ConfigPath
  readonly message: string
}

/** The groups of a configuration, by kind. */
export interface AllGroupTags {
  readonly portal: GroupTags
  readonly initiator: GroupTags
  readonly auth: GroupTags
}

type Named = ReadonlyArray<{ readonly key: string; readonly what: string; readonly path: ConfigPath }>

/** Each key once; a later one is told with the place of the first. */
const twice = (file: NativeFile, things: Named): ReadonlyArray<Mistake> => {
  const first = new Map<string, ConfigPath>()
  return things.flatMap(({ key, path, what }) => {
    const before = first.get(key)
    if (before === undefined) {
      first.set(key, path)
      return []
    }
    return [{ path, message: `${what} is declared twice; first at ${file.place(before)}` }]
  })
}

const duplicates = (
  file: NativeFile,
  tags: AllGroupTags,
  targetNames: ReadonlyArray<string>
): ReadonlyArray<Mistake> => {
  const { authGroups = [], bdevs = [], initiatorGroups = [], portalGroups = [] } = file.config
  const groups = (list: string, kind: keyof AllGroupTags, sections: ReadonlyArray<{ readonly name?: string }>) => [
    ...twice(
      file,
      sections.map((_, index) => {
        const tag = tags[kind].tagOf(index)
        return { key: String(tag), what: `${kind} group ${tag}`, path: [list, index] }
      })
    ),
    ...twice(
      file,
      sections.flatMap(({ name }, index) =>
        name === undefined
          ? []
          : [{ key: name, what: `${kind} group ${JSON.stringify(name)}`, path: [list, index, "name"] }]
      )
    )
  ]
  const bdevNames = bdevs.map(bdevNameOf).map((name, index) => ({
    key: name,
    what: `bdev ${JSON.stringify(name)}`,
    path: ["bdevs", index]
  }))
  const targets = targetNames.map((name, index) => ({
    key: name.toLowerCase(),
    what: `target ${JSON.stringify(name)}`,
    path: ["targets", index]
  }))
  return [
    ...twice(file, bdevNames),
    ...groups("authGroups", "auth", authGroups),
    ...groups("portalGroups", "portal", portalGroups),
    ...groups("initiatorGroups", "initiator", initiatorGroups),
    ...twice(file, targets)
  ]
}

/** Why a name stands for no bdev of this configuration. */
const bdevRefusal = (
  names: ReadonlySet<string>,
  running: State,
  name: string,
  suggestions: Suggestions
): string | undefined => {
  if (names.has(name) || names.has(name.toLowerCase())) return undefined
  const what = `bdev ${JSON.stringify(name)}`
  const meant = suggestions.closest(name, names)
  if (meant !== undefined) return `${what} is not declared; did you mean ${JSON.stringify(meant)}?`
  return findBdev(running, name) === undefined
    ? `${what} is not declared; declare it in bdevs`
    : `${what} is not declared; it is there, made otherwise: declare it in bdevs too`
}

const unknownBdevs = ({ bdevs = [], targets = [] }: NativeConfig, running: State): ReadonlyArray<Mistake> => {
  const uuids = bdevs.flatMap(({ uuid }) => uuid?.toLowerCase() ?? [])
  const names = new Set([...bdevs.map(bdevNameOf), ...uuids])
  const suggestions = new Suggestions()
  const check = (name: string, path: ConfigPath): ReadonlyArray<Mistake> => {
    const message = bdevRefusal(names, running, name, suggestions)
    return message === undefined ? [] : [{ path, message }]
  }
  return [
    ...bdevs.flatMap((section, index) => ("base" in section ? check(section.base, ["bdevs", index, "base"]) : [])),
    ...targets.flatMap(({ luns }, index) =>
      luns.flatMap(({ bdev }, lun) => check(bdev, ["targets", index, "luns", lun, "bdev"]))
    )
  ]
}

/** Bdevs that are based on themselves; each ring is told once, at the first of it in the file. */
const rings = ({ bdevs = [] }: NativeConfig): ReadonlyArray<Mistake> => {
  const bases = new Map(bdevs.flatMap((one) => ("base" in one ? [[bdevNameOf(one), one.base] as const] : [])))
  const seen = new Set<string>()
  return bdevs.flatMap((section, index) => {
    const chain: Array<string> = []
    let next: string | undefined = bdevNameOf(section)
    while (next !== undefined && !seen.has(next)) {
      seen.add(next)
      chain.push(next)
      next = bases.get(next)
    }
    const start = next === undefined ? -1 : chain.indexOf(next)
    if (next === undefined || start < 0) return []
    const ring = [...chain.slice(start), next].join(" on ")
    return [{ path: ["bdevs", index, "base"], message: `is based on itself: ${ring}` }]
  })
}

const unknownGroups = (config: NativeConfig, tags: AllGroupTags): ReadonlyArray<Mistake> => {
  const check = (kind: keyof AllGroupTags, ref: number | string, path: ConfigPath): ReadonlyArray<Mistake> => {
    const message = tags[kind].refusalOf(ref)
    return message === undefined ? [] : [{ path, message }]
  }
  const ofAuth = (auth: AuthSection | undefined, path: ConfigPath) =>
    auth?.chapGroup === undefined ? [] : check("auth", auth.chapGroup, [...path, "chapGroup"])
  const { options, portalGroups = [], targets = [] } = config
  return [
    ...ofAuth(options?.discoveryAuth, ["options", "discoveryAuth"]),
    ...portalGroups.flatMap(({ auth }, index) => ofAuth(auth, ["portalGroups", index, "auth"])),
    ...targets.flatMap(({ auth, maps, redirects = [] }, index) => [
      ...maps.flatMap(({ initiatorGroup, portalGroup }, at) => [
        ...check("portal", portalGroup, ["targets", index, "maps", at, "portalGroup"]),
        ...check("initiator", initiatorGroup, ["targets", index, "maps", at, "initiatorGroup"])
      ]),
      ...redirects.flatMap(({ portalGroup }, at) =>
        check("portal", portalGroup, ["targets", index, "redirects", at, "portalGroup"])
      ),
      ...ofAuth(auth, ["targets", index, "auth"])
    ])
  ]
}

/** Everything at once. `targetNames` are the full names of the targets, in the file's order. */
export const declarationMistakes = (
  file: NativeFile,
  tags: AllGroupTags,
  targetNames: ReadonlyArray<string>,
  running: State
): ReadonlyArray<Mistake> => [
  ...duplicates(file, tags, targetNames),
  ...unknownBdevs(file.config, running),
  ...rings(file.config),
  ...unknownGroups(file.config, tags)
]
