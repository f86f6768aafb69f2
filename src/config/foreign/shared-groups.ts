/**
 * Groups made of what other targets say per target: LIO and tgt have addresses and access rules at each target, lunlog
 * has them once, under a tag, and an address in one group only.
 */

/** Portal groups from the addresses of each target: addresses that the same targets use make a group. */
export class PortalPool {
  /** By address: the users of it, in the order in which they came. */
  readonly #users = new Map<string, Set<string>>()

  /** `user` is any key of a target. */
  use(user: string, portals: ReadonlyArray<string>): void {
    for (const portal of portals) {
      const users = this.#users.get(portal) ?? new Set()
      users.add(user)
      this.#users.set(portal, users)
    }
  }

  /** Groups in the order of their first address, with tags from 1. */
  groups(): ReadonlyArray<{
    readonly tag: number
    readonly portals: ReadonlyArray<string>
    readonly users: ReadonlySet<string>
  }> {
    const groups = new Map<string, { readonly portals: Array<string>; readonly users: ReadonlySet<string> }>()
    for (const [portal, users] of this.#users) {
      const key = [...users].sort().join("\n")
      const group = groups.get(key) ?? { portals: [], users }
      group.portals.push(portal)
      groups.set(key, group)
    }
    return [...groups.values()].map((group, index) => ({ tag: index + 1, ...group }))
  }
}

/** Whom an initiator group lets in. */
export interface Members {
  readonly initiators: ReadonlyArray<string>
  readonly netmasks: ReadonlyArray<string>
}

/** Initiator groups: one for each set of members, with tags from 1. */
export class InitiatorPool {
  readonly #tags = new Map<string, number>()
  readonly #made: (group: Members & { readonly tag: number }) => void

  /** `made` is told of each group when it is used first. */
  constructor(made: (group: Members & { readonly tag: number }) => void) {
    this.#made = made
  }

  tagOf(members: Members): number {
    const key = JSON.stringify(members)
    const known = this.#tags.get(key)
    if (known !== undefined) return known
    const tag = this.#tags.size + 1
    this.#tags.set(key, tag)
    this.#made({ tag, ...members })
    return tag
  }
}

/** Names of bdevs, from whatever a disk was called: unique, and without what a name may not have. */
export class BdevNames {
  readonly #taken = new Set<string>()

  nameOf(text: string): string {
    const plain = text.replace(/[\p{C}\p{Z}:]+/gu, "-").slice(0, 200) || "disk"
    let name = plain
    for (let number = 2; this.#taken.has(name); number++) name = `${plain}-${number}`
    this.#taken.add(name)
    return name
  }
}
