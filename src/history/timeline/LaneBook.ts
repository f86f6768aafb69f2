/** The lanes of a timeline by what they are about, as many as can be shown. */
import { iscsiNameKey } from "../../domain/ids.ts"
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
    this.process = this.#lane("process", "", "process")
  }

  portalGroup(tag: number): LaneTrack {
    return this.#lane("portal-group", `${tag}`, `portal group ${tag}`)
  }
  target(name: string): LaneTrack {
    return this.#lane("target", iscsiNameKey(name), name)
  }
  /** A LUN has a target. */
  lun(target: string, lun: number): LaneTrack {
    this.target(target)
    return this.#lane("lun", `${iscsiNameKey(target)} ${String(lun).padStart(3, "0")}`, `LUN ${lun}`)
  }
  bdev(name: string): LaneTrack {
    return this.#lane("bdev", name, `bdev ${name}`)
  }
  /** Of one initiator at one target; without a target, whatever else it did. */
  sessions(initiator: string, target: string | undefined): LaneTrack {
    const title = target === undefined ? initiator : `${initiator} > ${target}`
    return this.#lane("sessions", `${iscsiNameKey(initiator)} ${iscsiNameKey(target ?? "")}`, title)
  }

  /** Lanes of some kinds that exist. */
  of(...kinds: ReadonlyArray<LaneKind>): ReadonlyArray<LaneTrack> {
    return [...this.#lanes.values()].filter(({ kind }) => kinds.includes(kind))
  }

  /** How many objects share a lane with others. */
  get hidden(): number {
    return this.#hidden.size
  }

  /** All lanes that show something. */
  finish(): ReadonlyArray<Lane> {
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
      .flatMap((key) => this.#lanes.get(key)?.finish() ?? [])
      .filter(({ kind, marks, spans }) => kind === "process" || marks.length > 0 || spans.length > 0)
  }

  /** Beyond what can be shown, all of a kind share one lane, which has marks alone. */
  #lane(kind: LaneKind, name: string, title: string): LaneTrack {
    const key = `${kind} ${name}`
    const found = this.#lanes.get(key)
    if (found !== undefined) return found
    const count = this.#counts.get(kind) ?? 0
    if (count >= TIMELINE_LANES_MAX) return this.#shared(kind, key)
    this.#counts.set(kind, count + 1)
    const made = new LaneTrack(kind, title, this.#scale)
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
