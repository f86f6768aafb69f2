/**
 * Which reactor is the home of which target and bdev. All that share something are in one component (a stack of bdevs,
 * a target and the bdevs that it exports, targets that export the same), and a component has one home: so whatever they
 * share, one thread has. Nothing here does anything: the pool asks, and moves.
 */
import type { BdevId } from "../reactor/protocol.ts"

/** A bdev by its number, a target by its name in lower case. */
export type Node = BdevId | string

/** The index of a reactor that has targets; they count from 1, as 0 is the front. */
export type HomeIndex = number

/** How a component takes a move: content that would be lost keeps it where it is. */
export type Mobility = "free" | "costly" | "never"

/** One of two components that are to become one. */
export interface JoiningSide {
  /** Its home is not started again. */
  readonly hasFailed: boolean
  /** Connections to its targets. */
  readonly connections: number
  readonly targets: number
  readonly bdevs: number
  readonly mobility: Mobility
}

const mobilities: ReadonlyArray<Mobility> = ["free", "costly", "never"]

/** What moves worst decides for all of them. */
export const leastMobile = (of: Iterable<Mobility>): Mobility => {
  let worst = 0
  for (const mobility of of) worst = Math.max(worst, mobilities.indexOf(mobility))
  return mobilities[worst] ?? "never"
}

/**
 * Which of two moves to the other's home: who has nothing to lose, who can, then who disturbs fewer initiators, then
 * whose disks are easily opened again, then the smaller. Undefined if neither can.
 */
export const whoMoves = (a: JoiningSide, b: JoiningSide): "a" | "b" | undefined => {
  if (a.hasFailed !== b.hasFailed) return a.hasFailed ? "a" : "b"
  if (a.mobility === "never") return b.mobility === "never" ? undefined : "b"
  if (b.mobility === "never") return "a"
  if (a.connections !== b.connections) return a.connections < b.connections ? "a" : "b"
  if (a.mobility !== b.mobility) return a.mobility === "free" ? "a" : "b"
  if (a.bdevs !== b.bdevs) return a.bdevs < b.bdevs ? "a" : "b"
  return a.targets < b.targets ? "a" : "b"
}

/** One per pool. */
export class Placement {
  readonly #homes = new Map<Node, HomeIndex>()
  /** How many ties two nodes have: a target may export a bdev by several LUNs. */
  readonly #ties = new Map<Node, Map<Node, number>>()
  readonly #targetCounts = new Map<HomeIndex, number>()
  readonly #closed = new Set<HomeIndex>()

  /** Homes 1 to `count`. */
  constructor(count: number) {
    for (let home = 1; home <= count; home++) this.#targetCounts.set(home, 0)
  }

  /** Undefined: it has none yet. */
  homeOf(node: Node): HomeIndex | undefined {
    return this.#homes.get(node)
  }

  /** Targets that have their home there. */
  targetCount(home: HomeIndex): number {
    return this.#targetCounts.get(home) ?? 0
  }

  /** Where the next target goes, and the bdevs that are made for it: the home with the fewest, of equals the first. */
  roomiest(): HomeIndex {
    let best: HomeIndex | undefined
    for (const [home, count] of this.#targetCounts) {
      if (this.#closed.has(home)) continue
      if (best === undefined || count < this.targetCount(best)) best = home
    }
    return best ?? 1
  }

  /** Nothing new goes there: it has failed too often. */
  closeHome(home: HomeIndex): void {
    this.#closed.add(home)
  }

  /** It is there from now on. */
  place(node: Node, home: HomeIndex): void {
    const before = this.#homes.get(node)
    if (before === home) return
    if (before !== undefined) this.#count(node, before, -1)
    this.#homes.set(node, home)
    this.#count(node, home, 1)
  }

  /** It is no more, and shares nothing. */
  forget(node: Node): void {
    const home = this.#homes.get(node)
    if (home !== undefined) this.#count(node, home, -1)
    this.#homes.delete(node)
    for (const other of this.#ties.get(node)?.keys() ?? []) this.#ties.get(other)?.delete(node)
    this.#ties.delete(node)
  }

  /** They share something from now on. They have one home already. */
  tie(a: Node, b: Node): void {
    this.#addTies(a, b, 1)
    this.#addTies(b, a, 1)
  }

  /** They share one thing less. Where they are, they stay. */
  untie(a: Node, b: Node): void {
    this.#addTies(a, b, -1)
    this.#addTies(b, a, -1)
  }

  /** All that a node shares something with, directly or not, and itself. */
  componentOf(node: Node): ReadonlySet<Node> {
    const found = new Set<Node>([node])
    // A set that grows while it is gone through hands out what was added.
    for (const next of found) for (const other of this.#ties.get(next)?.keys() ?? []) found.add(other)
    return found
  }

  /** All that has its home there. */
  nodesAt(home: HomeIndex): ReadonlyArray<Node> {
    return [...this.#homes].flatMap(([node, at]) => (at === home ? [node] : []))
  }

  #count(node: Node, home: HomeIndex, by: number): void {
    if (typeof node === "string") this.#targetCounts.set(home, this.targetCount(home) + by)
  }

  #addTies(from: Node, to: Node, by: number): void {
    const ties = this.#ties.get(from) ?? new Map<Node, number>()
    const count = (ties.get(to) ?? 0) + by
    if (count > 0) ties.set(to, count)
    else ties.delete(to)
    if (ties.size > 0) this.#ties.set(from, ties)
    else this.#ties.delete(from)
  }
}
