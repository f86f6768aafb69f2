/** The lanes of a timeline by what they are about, as many as can be shown. */
import { iscsiNameKey } from "../../domain/ids.ts"
import { type LogObject, objectTag } from "../LogObject.ts"
import { hostOf } from "../record-tags.ts"
import { LaneTrack, type TimeScale } from "./LaneTrack.ts"
import { type Lane, type LaneKind, TIMELINE_LANES_MAX } from "./Timeline.ts"

const overflowTitles: Readonly<Record<LaneKind, string>> = {
  process: "more processes",
  "portal-group": "more portal groups",
  target: "more targets",
  lun: "more LUNs",
  sessions: "more initiators",
  bdev: "more bdevs"
}

/** Others are not counted any more: initiators can invent names. */
const hiddenMax = 10_000

/** Lanes in the order in which their objects appeared; LUNs below their target, by id. */
export class LaneBook {
  readonly #scale: TimeScale
  readonly #lanes = new Map<string, LaneTrack>()
  readonly #counts = new Map<LaneKind, number>()
  readonly #hidden = new Set<string>()
  readonly process: LaneTrack

  constructor(scale: TimeScale) {
    this.#scale = scale
    this.process = this.#lane("process", "", "process", [])
  }

  portalGroup(tag: number): LaneTrack {
    return this.#lane("portal-group", `${tag}`, `portal group ${tag}`, [{ _tag: "PortalGroup", tag }])
  }
  target(name: string): LaneTrack {
    return this.#lane("target", iscsiNameKey(name), name, [{ _tag: "Target", name }])
  }
  /** A LUN has a target. */
  lun(target: string, lun: number): LaneTrack {
    // Whoever asks for the LUN sees below which target it is.
    this.target(target).tags.add(objectTag({ _tag: "Lun", target, lun }))
    const key = `${iscsiNameKey(target)} ${String(lun).padStart(3, "0")}`
    return this.#lane("lun", key, `LUN ${lun}`, [
      { _tag: "Lun", target, lun },
      { _tag: "Target", name: target }
    ])
  }
  bdev(name: string): LaneTrack {
    return this.#lane("bdev", name, `bdev ${name}`, [{ _tag: "Bdev", name }])
  }
  /** Of one initiator at one target; without a target, whatever else it did. */
  sessions(initiator: string, target: string | undefined): LaneTrack {
    const title = target === undefined ? initiator : `${initiator} > ${target}`
    return this.#lane("sessions", `${iscsiNameKey(initiator)} ${iscsiNameKey(target ?? "")}`, title, [
      { _tag: "Initiator", name: initiator },
      // Who has given no name is known by the address.
      { _tag: "Address", host: hostOf(initiator) },
      ...(target === undefined ? [] : [{ _tag: "Target", name: target } as const])
    ])
  }

  /** Lanes of some kinds that exist. */
  of(...kinds: ReadonlyArray<LaneKind>): ReadonlyArray<LaneTrack> {
    return [...this.#lanes.values()].filter(({ kind }) => kinds.includes(kind))
  }

  /** How many objects share a lane with others. */
  get hidden(): number {
    return this.#hidden.size
  }

  /** A LUN shows a bdev from now on: who asks for the one wants to see the other. */
  relate(lun: LaneTrack, bdev: LaneTrack): void {
    for (const tag of [...lun.tags]) if (!tag.startsWith("bdev:")) bdev.tags.add(tag)
    for (const tag of [...bdev.tags]) if (tag.startsWith("bdev:")) lun.tags.add(tag)
  }

  /** All lanes that show something; with `wanted` only those of objects with one of these tags. */
  finish(wanted?: ReadonlySet<string>): ReadonlyArray<Lane> {
    const keys = [...this.#lanes.keys()]
    const luns = keys.filter((key) => key.startsWith("lun ")).sort()
    const ofKind = (kind: LaneKind) => keys.filter((key) => key.startsWith(`${kind} `))
    const targets = ofKind("target").flatMap((key) => [
      key,
      ...luns.filter((lun) => lun.startsWith(`lun ${key.slice("target ".length)} `))
    ])
    const order = [...ofKind("process"), ...ofKind("portal-group"), ...targets]
    const rest = [...luns, ...ofKind("sessions"), ...ofKind("bdev")].filter((key) => !order.includes(key))
    return [...order, ...rest]
      .flatMap((key) => this.#lanes.get(key) ?? [])
      .filter(
        (lane) => wanted === undefined || lane.kind === "process" || [...lane.tags].some((tag) => wanted.has(tag))
      )
      .map((lane) => lane.finish())
      .filter(({ kind, marks, spans }) => kind === "process" || marks.length > 0 || spans.length > 0)
  }

  /** Beyond what can be shown, all of a kind share one lane, which has marks alone. */
  #lane(kind: LaneKind, name: string, title: string, objects: ReadonlyArray<LogObject>): LaneTrack {
    const key = `${kind} ${name}`
    const found = this.#lanes.get(key)
    if (found !== undefined) return found
    const count = this.#counts.get(kind) ?? 0
    if (count >= TIMELINE_LANES_MAX) return this.#shared(kind, key)
    this.#counts.set(kind, count + 1)
    const made = new LaneTrack(kind, title, this.#scale)
    for (const object of objects) made.tags.add(objectTag(object))
    this.#lanes.set(key, made)
    return made
  }

  #shared(kind: LaneKind, key: string): LaneTrack {
    if (this.#hidden.size < hiddenMax) this.#hidden.add(key)
    const sharedKey = `${kind} ~`
    const found = this.#lanes.get(sharedKey)
    if (found !== undefined) return found
    const made = new LaneTrack(kind, overflowTitles[kind], this.#scale, { marksOnly: true })
    this.#lanes.set(sharedKey, made)
    return made
  }
}
