/**
 * From another target's configuration to a native one. A reader of such a format collects sections here, each with its
 * place in its source, and a warning for whatever lunlog cannot do: nothing is left out without a word.
 */
import { bdevNameOf } from "../native/commands.ts"
import type {
  AuthGroupSection,
  BdevSection,
  InitiatorGroupSection,
  NativeConfig,
  OptionsSection,
  PortalGroupSection,
  TargetSection
} from "../native/native-schema.ts"

/** Longest source, in bytes. */
export const conversionLengthMax = 16 * 1024 * 1024

/** What a source becomes. */
export interface Conversion {
  readonly config: NativeConfig
  /** `FILE:LINE WHAT: WHY`, in the order of the source. */
  readonly warnings: ReadonlyArray<string>
  /** Where a section of `config` comes from, such as `FILE:LINE [PortalGroup1]`; by `places.get("portalGroups[0]")`. */
  readonly places: ReadonlyMap<string, string>
}

type Lists = "bdevs" | "authGroups" | "portalGroups" | "initiatorGroups" | "targets"

interface Warning {
  readonly line: number
  readonly text: string
}

/** Collects sections and warnings; `finish` gives what was collected. */
export class ConversionDraft {
  readonly #warnings: Array<Warning> = []
  readonly #options: Array<OptionsSection> = []
  readonly #bdevs: Array<BdevSection> = []
  readonly #authGroups: Array<AuthGroupSection> = []
  readonly #portalGroups: Array<PortalGroupSection> = []
  readonly #initiatorGroups: Array<InitiatorGroupSection> = []
  readonly #targets: Array<TargetSection> = []
  readonly #places = new Map<string, string>()

  /** Says what of the source is not in the result, and why; `line` is only to put warnings in order. */
  warn(place: string, why: string, line = 0): void {
    this.#warnings.push({ line, text: `${place}: ${why}` })
  }

  /** Adds to the options; what is said again is replaced. */
  options(section: OptionsSection, place: string): void {
    this.#options.push(section)
    this.#places.set("options", place)
  }

  bdev(section: BdevSection, place: string): void {
    this.#add("bdevs", this.#bdevs, section, place)
  }

  authGroup(section: AuthGroupSection, place: string): void {
    this.#add("authGroups", this.#authGroups, section, place)
  }

  portalGroup(section: PortalGroupSection, place: string): void {
    this.#add("portalGroups", this.#portalGroups, section, place)
  }

  initiatorGroup(section: InitiatorGroupSection, place: string): void {
    this.#add("initiatorGroups", this.#initiatorGroups, section, place)
  }

  target(section: TargetSection, place: string): void {
    this.#add("targets", this.#targets, section, place)
  }

  /** Of all bdevs until now. */
  bdevNames(): ReadonlySet<string> {
    return new Set(this.#bdevs.map(bdevNameOf))
  }

  /** Limits a bdev that was added. */
  limitBdev(name: string, qos: NonNullable<BdevSection["qos"]>): void {
    const index = this.#bdevs.findIndex((bdev) => bdevNameOf(bdev) === name)
    const bdev = this.#bdevs[index]
    if (bdev !== undefined) this.#bdevs[index] = { ...bdev, qos }
  }

  finish(): Conversion {
    const options: OptionsSection = Object.assign({}, ...this.#options)
    const list = <K extends Lists, A>(name: K, items: ReadonlyArray<A>) => (items.length === 0 ? {} : { [name]: items })
    const config: NativeConfig = {
      ...(Object.keys(options).length === 0 ? {} : { options }),
      ...list("bdevs", this.#bdevs),
      ...list("authGroups", this.#authGroups),
      ...list("portalGroups", this.#portalGroups),
      ...list("initiatorGroups", this.#initiatorGroups),
      ...list("targets", this.#targets)
    }
    const warnings = this.#warnings.toSorted((a, b) => a.line - b.line).map(({ text }) => text)
    return { config, warnings, places: this.#places }
  }

  #add<A>(list: Lists, items: Array<A>, item: A, place: string): void {
    this.#places.set(`${list}[${items.length}]`, place)
    items.push(item)
  }
}
