/** What a reactor must be told of one bdev to have it as it is now, wherever it was before. */
import type { BdevSpec } from "../bdev/BdevSpec.ts"
import type { BdevId, ReactorCommand, ReactorCommandOf } from "../reactor/protocol.ts"
import type { Mobility } from "./Placement.ts"

/** Commands that say what a bdev is from now on; of each kind the last holds. */
export type BdevSetting = ReactorCommandOf<
  | "NameBdev"
  | "ResizeBdev"
  | "SetLatencies"
  | "SetRateLimits"
  | "SetHistogram"
  | "PutReservations"
  | "InjectFault"
  | "ResumePending"
>

/** The way in which a bdev comes up again: taken down in order, or lost with its reactor. */
export type Reopening = "moved" | "crashed"

/** Faults of one bdev that are kept: one armed after the other replaces none. */
const faultsMax = 64

/** In which order settings are told: the name makes the unit that others are about. */
const order = ["NameBdev", "SetLatencies", "SetRateLimits", "SetHistogram", "PutReservations"] as const

/** Of a bdev that was there before: nothing is made for it, and a file may have another end. */
const specAgain = (spec: BdevSpec): BdevSpec => {
  switch (spec._tag) {
    case "Malloc": {
      const { makesFile: _, ...known } = spec
      return known
    }
    case "Aio": {
      const { create: _, ...known } = spec
      return { ...known, wholeBlocks: false }
    }
    case "Nbd":
      return { ...spec, wholeBlocks: false }
    default:
      return spec
  }
}

/** A stack is as its parts; this is the part that a bdev itself adds. */
const mobilityOf = (spec: BdevSpec, hasSharedMemory: boolean): Mobility => {
  switch (spec._tag) {
    case "Malloc":
      if (spec.filename !== undefined) return "costly"
      return hasSharedMemory ? "free" : "never"
    case "Overlay":
      return spec.filename === undefined ? "never" : "costly"
    case "Nbd":
    case "Error":
      return "costly"
    case "Null":
    case "Aio":
    case "Nvme":
    case "Delay":
    case "Passthru":
    case "Split":
      return "free"
  }
}

/** One bdev. */
export class BdevPage {
  readonly bdev: BdevId
  readonly name: string
  readonly base: BdevId | undefined
  readonly memory: SharedArrayBuffer | undefined
  /** It was opened where it is to stay. */
  readonly isPlaced: boolean
  /** How many blocks it has had when it was last heard of. */
  blockCount = 0
  /** Files, devices and exports that it writes to, as its driver names them. */
  writes: ReadonlyArray<string> = []
  /** It could not be opened again: it has been told as gone, and is going. */
  isGone = false
  /** It is being opened for the first time. */
  isNew = true
  /** It is to be closed, also if it is opened before that is done. */
  isClosing = false
  /** Its memory has been given back. */
  isReleased = false
  /** How deep its queue is, is looked at so often; 0 is not at all. */
  samplePeriodMicros = 0
  readonly #spec: BdevSpec
  readonly #settings = new Map<ReactorCommand["_tag"], BdevSetting>()
  #faults: ReadonlyArray<BdevSetting> = []
  #hasLostContent = false

  constructor({ base, beside, bdev, definition, memory }: ReactorCommandOf<"OpenBdev">) {
    this.isPlaced = beside !== undefined
    this.bdev = bdev
    this.name = definition.name
    this.base = base
    this.memory = memory
    this.#spec = definition.spec
  }

  /** Whether its content goes with its reactor; what is stacked on it loses its own with it. */
  get isVolatile(): boolean {
    const spec = this.#spec
    if (spec._tag === "Malloc") return spec.filename === undefined && this.memory === undefined
    return spec._tag === "Overlay" && spec.filename === undefined
  }

  /** How it takes a move. */
  get mobility(): Mobility {
    return mobilityOf(this.#spec, this.memory !== undefined)
  }

  /** Its size is the device's, which may have another one when it is opened again. */
  get isSizedByDevice(): boolean {
    return this.#spec._tag === "Aio" || this.#spec._tag === "Nvme" || this.#spec._tag === "Nbd"
  }

  /** It has become somebody's. */
  get isNamed(): boolean {
    return this.#settings.has("NameBdev")
  }

  /** It is told this; what was told of the same kind before does not count any more. */
  note(command: BdevSetting): void {
    if (command._tag === "InjectFault") this.#faults = [...this.#faults, command].slice(-faultsMax)
    else if (command._tag === "PutReservations") this.#settings.set(command._tag, withoutNews(command))
    else if (command._tag !== "ResumePending") this.#settings.set(command._tag, command)
    if (command._tag === "ResizeBdev") this.blockCount = command.blockCount
  }

  /** Its reactor is lost, and with it what it held; initiators are told of that (28/00). */
  loseContent(): void {
    this.#hasLostContent = true
  }

  /** Opens it again. */
  opening(request: number): ReactorCommandOf<"OpenBdev"> {
    const memory = this.memory === undefined ? {} : { memory: this.memory }
    const definition = { name: this.name, spec: specAgain(this.#spec) }
    return { _tag: "OpenBdev", request, bdev: this.bdev, definition, base: this.base, ...memory }
  }

  /** Makes it what it was, once it is open. Faults that were armed end with a reactor, as with a process. */
  settings(reopening: Reopening): ReadonlyArray<ReactorCommand> {
    const told = order.flatMap((tag): ReadonlyArray<ReactorCommand> => {
      const setting = this.#settings.get(tag)
      if (setting?._tag !== "NameBdev") return setting === undefined ? [] : [setting]
      return [{ ...setting, contentLost: setting.contentLost || this.#hasLostContent }]
    })
    const resized = this.#settings.get("ResizeBdev")
    const size = resized === undefined || this.isSizedByDevice ? [] : [resized]
    return [...size, ...told, ...(reopening === "moved" ? this.#faults : [])]
  }
}

const withoutNews = ({ _tag, bdev, reservations }: ReactorCommandOf<"PutReservations">): BdevSetting => ({
  _tag,
  bdev,
  reservations,
  news: []
})
