/**
 * Tags of groups that a configuration calls by names. A section with a name and without a tag takes the tag of the
 * running group of that name, else the lowest that neither the configuration nor a running group has.
 */
import type { GroupKind } from "../../domain/group/GroupName.ts"
import { Suggestions } from "./closest.ts"

/** A section, or a group that runs. */
export interface NamedTag {
  readonly tag?: number
  readonly name?: string
}

const digits = /^\d+$/u

/** `1` and `"1"` are tags, other texts are names. */
const asTag = (ref: number | string): number | undefined =>
  typeof ref === "number" ? ref : digits.test(ref) ? Number(ref) : undefined

/** The groups of one kind that a configuration declares. */
export class GroupTags {
  readonly #kind: GroupKind
  readonly #sections: ReadonlyArray<NamedTag>
  readonly #tags: ReadonlyArray<number>
  readonly #byName: ReadonlyMap<string, number>
  readonly #declared: ReadonlySet<number>
  readonly #suggestions = new Suggestions()

  constructor(kind: GroupKind, sections: ReadonlyArray<NamedTag>, running: ReadonlyArray<NamedTag>) {
    this.#kind = kind
    this.#sections = sections
    this.#tags = assignTags(sections, running)
    this.#declared = new Set(this.#tags)
    this.#byName = new Map(
      sections.flatMap(({ name }, index) => (name === undefined ? [] : [[name, this.tagOf(index)] as const]))
    )
  }

  /** The tag of a section. */
  tagOf(index: number): number {
    return this.#tags[index] ?? Number.NaN
  }

  /** The tag that a reference stands for; NaN if it stands for none. */
  numberOf(ref: number | string): number {
    return asTag(ref) ?? this.#byName.get(String(ref)) ?? Number.NaN
  }

  /** Why a reference cannot be used. */
  refusalOf(ref: number | string): string | undefined {
    const tag = this.numberOf(ref)
    // An auth group may be there otherwise, with secrets that are in no file.
    if (this.#declared.has(tag) || (this.#kind === "auth" && asTag(ref) !== undefined)) return undefined
    const meant = typeof ref === "string" ? this.#suggestions.closest(ref, this.#byName.keys()) : undefined
    const declared = this.#sections.map(({ name }, index) => name ?? String(this.tagOf(index)))
    const hint =
      meant !== undefined
        ? `did you mean ${JSON.stringify(meant)}?`
        : declared.length === 0
          ? `declare it in ${this.#kind}Groups`
          : `declared are ${declared.slice(0, 20).join(", ")}${declared.length > 20 ? " ..." : ""}`
    return `${this.#kind} group ${JSON.stringify(ref)} is not declared; ${hint}`
  }
}

const assignTags = (sections: ReadonlyArray<NamedTag>, running: ReadonlyArray<NamedTag>): ReadonlyArray<number> => {
  const tagsOf = (groups: ReadonlyArray<NamedTag>) => groups.flatMap(({ tag }) => tag ?? [])
  const given = new Set(tagsOf(sections))
  const taken = new Set([...given, ...tagsOf(running)])
  const byName = new Map(running.flatMap(({ name, tag }) => (name === undefined ? [] : [[name, tag] as const])))
  let next = 1
  return sections.map(({ name, tag }) => {
    const own = tag ?? (name === undefined ? Number.NaN : byName.get(name))
    if (own !== undefined && (tag !== undefined || !given.has(own))) return own
    while (taken.has(next)) next++
    taken.add(next)
    return next
  })
}
