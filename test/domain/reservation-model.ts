/**
 * Persistent reservations of one logical unit once more, from the text of SPC-4 and without a look at the rules that
 * are tested: mutable, by nexus names, one method for each service action.
 */

/** `INITIATOR/PORT`. */
export type ModelNexus = `${string}/${number}`

export type ModelStatus = "good" | "conflict" | "invalid-parameter" | "invalid-release"

/** What a unit attention says. */
export type ModelNews = "reservations-preempted" | "reservations-released" | "registrations-preempted"

const none = "0".repeat(16)
const initiatorOf = (nexus: ModelNexus): string => nexus.slice(0, nexus.indexOf("/"))

/** One unit, all of whose ports are `ports`. */
export class ReservationModel {
  readonly ports: ReadonlyArray<number>
  generation = 0
  aptpl = false
  keys = new Map<ModelNexus, string>()
  type: number | undefined
  /** Undefined with an all registrants type. */
  holder: ModelNexus | undefined
  news: Array<readonly [ModelNexus, ModelNews]> = []

  constructor(ports: ReadonlyArray<number>) {
    this.ports = ports
  }

  get #everybodyHolds(): boolean {
    return this.type === 7 || this.type === 8
  }

  isHolder(nexus: ModelNexus): boolean {
    if (this.type === undefined) return false
    return this.#everybodyHolds ? this.keys.has(nexus) : this.holder === nexus
  }

  #tell(nexuses: Iterable<ModelNexus>, by: ModelNexus, news: ModelNews): void {
    for (const nexus of nexuses) if (nexus !== by) this.news.push([nexus, news])
  }

  /** The reservation ends; those who could use it because they are registered learn of it. */
  #end(by: ModelNexus): void {
    const { type } = this
    this.type = undefined
    this.holder = undefined
    if (type !== undefined && type >= 5) this.#tell(this.keys.keys(), by, "reservations-released")
  }

  /** At once: none of them is registered any more when the others learn of it. */
  #drop(nexuses: ReadonlyArray<ModelNexus>, by: ModelNexus): void {
    const wereHolders = nexuses.some((nexus) => this.isHolder(nexus))
    for (const nexus of nexuses) this.keys.delete(nexus)
    if (!wereHolders) return
    if (!this.#everybodyHolds) this.#end(by)
    else if (this.keys.size === 0) this.type = undefined
  }

  register(
    by: ModelNexus,
    request: {
      readonly ignore: boolean
      readonly key: string
      readonly newKey: string
      readonly aptpl: boolean
      readonly allPorts: boolean
      readonly others: ReadonlyArray<string> | undefined
    }
  ): ModelStatus {
    const { allPorts, aptpl, ignore, key, newKey, others } = request
    if (!ignore && key !== (this.keys.get(by) ?? none)) return "conflict"
    if (others !== undefined && (ignore || this.keys.has(by))) return "invalid-parameter"
    if (newKey === none && !this.keys.has(by)) return "good"
    const ports = allPorts ? this.ports : [Number(by.slice(by.indexOf("/") + 1))]
    const initiators = [initiatorOf(by), ...(newKey === none ? [] : (others ?? []))]
    const nexuses = initiators.flatMap((initiator) => ports.map((port): ModelNexus => `${initiator}/${port}`))
    if (newKey === none) this.#drop(nexuses, by)
    else for (const nexus of nexuses) this.keys.set(nexus, newKey)
    this.aptpl = aptpl
    this.generation++
    return "good"
  }

  reserve(by: ModelNexus, key: string, type: number): ModelStatus {
    if (this.keys.get(by) !== key) return "conflict"
    if (this.type === undefined) {
      this.type = type
      this.holder = type >= 7 ? undefined : by
      return "good"
    }
    return this.isHolder(by) && this.type === type ? "good" : "conflict"
  }

  release(by: ModelNexus, key: string, type: number): ModelStatus {
    if (this.keys.get(by) !== key) return "conflict"
    if (!this.isHolder(by)) return "good"
    if (this.type !== type) return "invalid-release"
    this.#end(by)
    return "good"
  }

  clear(by: ModelNexus, key: string): ModelStatus {
    if (this.keys.get(by) !== key) return "conflict"
    this.#tell(this.keys.keys(), by, "reservations-preempted")
    this.keys.clear()
    this.type = undefined
    this.holder = undefined
    this.generation++
    return "good"
  }

  preempt(by: ModelNexus, key: string, victimKey: string, type: number): ModelStatus {
    if (this.keys.get(by) !== key) return "conflict"
    const holderKey = this.holder === undefined ? undefined : this.keys.get(this.holder)
    const takes = this.#everybodyHolds ? victimKey === none : holderKey !== undefined && holderKey === victimKey
    if (!takes && victimKey === none) return "invalid-parameter"
    const isVictim = (nexus: ModelNexus): boolean =>
      (takes && this.#everybodyHolds) || this.keys.get(nexus) === victimKey
    const victims = [...this.keys.keys()].filter((nexus) => isVictim(nexus) && !(takes && nexus === by))
    if (!takes && victims.length === 0) return "conflict"
    this.#tell(victims, by, "registrations-preempted")
    const before = this.type
    for (const victim of victims) this.keys.delete(victim)
    if (takes) {
      this.type = type
      this.holder = type >= 7 ? undefined : by
      if (before !== type) this.#tell(this.keys.keys(), by, "reservations-released")
    } else if (this.#everybodyHolds && this.keys.size === 0) this.type = undefined
    this.generation++
    return "good"
  }

  move(
    by: ModelNexus,
    request: {
      readonly key: string
      readonly newKey: string
      readonly initiator: string
      readonly port: number
      readonly unregister: boolean
      readonly aptpl: boolean
    }
  ): ModelStatus {
    const { aptpl, initiator, key, newKey, port, unregister } = request
    if (this.keys.get(by) !== key) return "conflict"
    if (this.holder !== by) return "conflict"
    if (newKey === none || initiator === initiatorOf(by) || !this.ports.includes(port)) return "invalid-parameter"
    this.keys.set(`${initiator}/${port}`, newKey)
    this.holder = `${initiator}/${port}`
    if (unregister) this.keys.delete(by)
    this.aptpl = aptpl
    this.generation++
    return "good"
  }
}
