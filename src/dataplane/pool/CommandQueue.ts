/**
 * Commands that wait, because what they are about is moving or has no reactor just now. Of each target and bdev they
 * are carried out in the order in which they came; what is about others goes past.
 */
import type { Node } from "./Placement.ts"
import { type DeviceCommand, nodesOf } from "./route-command.ts"

/** One per pool. */
export class CommandQueue {
  readonly #waiting = new Set<DeviceCommand>()
  /** How many of those that wait are about it. */
  readonly #counts = new Map<Node, number>()
  readonly #isBusy: (node: Node) => boolean
  readonly #carryOut: (command: DeviceCommand) => boolean
  #isPumping = false
  #isStale = false

  /** `isBusy`: must wait. `carryOut`: does it; false if it cannot be done yet. */
  constructor(isBusy: (node: Node) => boolean, carryOut: (command: DeviceCommand) => boolean) {
    this.#isBusy = isBusy
    this.#carryOut = carryOut
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** Whether something of this waits. */
  holds(node: Node): boolean {
    return this.#counts.has(node)
  }

  /** Carries a command out, now or later. */
  take(command: DeviceCommand): void {
    const nodes = nodesOf(command)
    const isNext = !nodes.some((node) => this.#isBusy(node) || this.#counts.has(node))
    if (isNext && this.#carryOut(command)) return
    this.#waiting.add(command)
    for (const node of nodes) this.#counts.set(node, (this.#counts.get(node) ?? 0) + 1)
  }

  /** Something has changed: what can be done now, is. */
  pump(): void {
    this.#isStale = true
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#isStale) {
      this.#isStale = false
      this.#goThrough()
    }
    this.#isPumping = false
  }

  #goThrough(): void {
    const passed = new Set<Node>()
    for (const command of [...this.#waiting]) {
      const nodes = nodesOf(command)
      const mustWait = nodes.some((node) => passed.has(node) || this.#isBusy(node))
      if (!mustWait && this.#carryOut(command)) this.#remove(command, nodes)
      else for (const node of nodes) passed.add(node)
    }
  }

  #remove(command: DeviceCommand, nodes: ReadonlyArray<Node>): void {
    this.#waiting.delete(command)
    for (const node of nodes) {
      const count = (this.#counts.get(node) ?? 0) - 1
      if (count > 0) this.#counts.set(node, count)
      else this.#counts.delete(node)
    }
  }
}
