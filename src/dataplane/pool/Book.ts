/**
 * What reactors have been told, as far as it holds now: from it, one that is new, or that gets what another had,
 * is made what it must be.
 */
import type { TargetSpec } from "../iscsi/Target.ts"
import type { BdevId, ReactorCommandOf } from "../reactor/protocol.ts"
import { BdevPage, type BdevSetting } from "./BdevPage.ts"

/** A LUN of a target. Once it drains, it does not come back. */
export interface LunLine {
  readonly lun: number
  readonly incarnation: number
  readonly bdev: BdevId
  drains: boolean
}

/** One target. */
export interface TargetPage {
  spec: TargetSpec
  readonly luns: Map<number, LunLine>
}

/** What every reactor is told. */
export type CommonSetting = ReactorCommandOf<
  | "SetOptions"
  | "WatchSlowIo"
  | "PutPortalGroup"
  | "DeletePortalGroup"
  | "PutInitiatorGroup"
  | "DeleteInitiatorGroup"
  | "PutAuthGroup"
  | "DeleteAuthGroup"
>

/** What it is about, among settings of which the last holds. */
const commonKey = (command: CommonSetting): string => {
  switch (command._tag) {
    case "SetOptions":
    case "WatchSlowIo":
      return command._tag
    case "PutPortalGroup":
      return `portal group ${command.group.tag}`
    case "DeletePortalGroup":
      return `portal group ${command.tag}`
    case "PutInitiatorGroup":
      return `initiator group ${command.group.tag}`
    case "DeleteInitiatorGroup":
      return `initiator group ${command.tag}`
    case "PutAuthGroup":
      return `auth group ${command.group.tag}`
    case "DeleteAuthGroup":
      return `auth group ${command.tag}`
  }
}

/** How targets are known, whatever the case of their names. */
export const targetKey = (name: string): string => name.toLowerCase()

/** One per pool. */
export class Book {
  readonly #common = new Map<string, CommonSetting>()
  readonly #bdevs = new Map<BdevId, BdevPage>()
  readonly #targets = new Map<string, TargetPage>()
  /** By bdev: its LUNs, with the names of their targets. */
  readonly #exports = new Map<BdevId, Map<LunLine, string>>()
  /** Who writes to what. */
  readonly #writers = new Map<string, BdevPage>()

  /** Every reactor is told this. */
  noteCommon(command: CommonSetting): void {
    const key = commonKey(command)
    if (command._tag.startsWith("Delete")) this.#common.delete(key)
    else this.#common.set(key, command)
  }

  /** What a new reactor is told first. */
  common(): ReadonlyArray<CommonSetting> {
    return [...this.#common.values()]
  }

  /** A bdev that is being opened. Those that it is stacked on are there already, and so before it. */
  addBdev(command: ReactorCommandOf<"OpenBdev">): BdevPage {
    const page = new BdevPage(command)
    this.#bdevs.set(command.bdev, page)
    return page
  }

  /** Undefined: it is closed, or could not be opened. */
  bdev(id: BdevId): BdevPage | undefined {
    return this.#bdevs.get(id)
  }

  /** It is to be closed. What it writes to is its own until `releaseWrites`. */
  removeBdev(id: BdevId): BdevPage | undefined {
    const page = this.#bdevs.get(id)
    this.#bdevs.delete(id)
    return page
  }

  /** In the order in which they were opened. */
  bdevs(): IterableIterator<BdevPage> {
    return this.#bdevs.values()
  }

  /** It is open, and writes to these; another bdev that does so already is the result, and nothing is noted. */
  claimWrites(page: BdevPage, keys: ReadonlyArray<string>): BdevPage | undefined {
    for (const key of keys) {
      const writer = this.#writers.get(key)
      if (writer !== undefined && writer !== page) return writer
    }
    this.releaseWrites(page)
    page.writes = keys
    for (const key of keys) this.#writers.set(key, page)
    return undefined
  }

  /** It is closed, and writes to nothing any more. */
  releaseWrites(page: BdevPage): void {
    for (const key of page.writes) if (this.#writers.get(key) === page) this.#writers.delete(key)
    page.writes = []
  }

  /** An open bdev is told this. */
  noteBdev(command: BdevSetting): void {
    this.#bdevs.get(command.bdev)?.note(command)
  }

  /** What is in memory of the reactor alone, by itself or by what it is stacked on. */
  isVolatile(id: BdevId): boolean {
    const page = this.#bdevs.get(id)
    if (page === undefined) return false
    return page.isVolatile || (page.base !== undefined && this.isVolatile(page.base))
  }

  /** A target, as it is known now. Gives the LUNs of one that had its name before. */
  putTarget({ target: spec }: ReactorCommandOf<"PutTarget">): ReadonlyArray<LunLine> {
    const known = this.target(spec.name)
    if (known !== undefined && known.spec.incarnation === spec.incarnation) {
      known.spec = spec
      return []
    }
    const dropped = known === undefined ? [] : this.#dropLuns(known)
    this.#targets.set(targetKey(spec.name), { spec, luns: new Map() })
    return dropped
  }

  /** By name. */
  target(name: string): TargetPage | undefined {
    return this.#targets.get(targetKey(name))
  }

  /** Whether it was there. */
  removeTarget({ incarnation, name }: ReactorCommandOf<"DeleteTarget">): boolean {
    const page = this.target(name)
    if (page?.spec.incarnation !== incarnation) return false
    this.#dropLuns(page)
    return this.#targets.delete(targetKey(name))
  }

  /** The target is there, and the bdev is named. */
  mapLun({ bdev, incarnation, lun, target }: ReactorCommandOf<"MapLun">): void {
    const line: LunLine = { lun, incarnation, bdev, drains: false }
    this.target(target)?.luns.set(lun, line)
    const lines = this.#exports.get(bdev) ?? new Map<LunLine, string>()
    this.#exports.set(bdev, lines.set(line, targetKey(target)))
  }

  /** It takes no commands any more. */
  drainLun({ incarnation, lun, target }: ReactorCommandOf<"DrainLun">): void {
    const line = this.target(target)?.luns.get(lun)
    if (line?.incarnation === incarnation) line.drains = true
  }

  /** It is gone; undefined if it was not there. */
  unmapLun({
    incarnation,
    lun,
    target
  }: Pick<ReactorCommandOf<"UnmapLun">, "incarnation" | "lun" | "target">): LunLine | undefined {
    const luns = this.target(target)?.luns
    const line = luns?.get(lun)
    if (line?.incarnation !== incarnation) return undefined
    luns?.delete(lun)
    this.#forgetExport(line)
    return line
  }

  /** What maps a bdev for the targets that export it. */
  mappings(bdev: BdevId): ReadonlyArray<ReactorCommandOf<"MapLun">> {
    return [...(this.#exports.get(bdev) ?? [])].flatMap(([{ drains, incarnation, lun }, name]) => {
      const target = this.target(name)?.spec.name
      return drains || target === undefined ? [] : [{ _tag: "MapLun", target, lun, incarnation, bdev }]
    })
  }

  #dropLuns({ luns }: TargetPage): ReadonlyArray<LunLine> {
    const lines = [...luns.values()]
    for (const line of lines) this.#forgetExport(line)
    return lines
  }

  #forgetExport(line: LunLine): void {
    const lines = this.#exports.get(line.bdev)
    lines?.delete(line)
    if (lines?.size === 0) this.#exports.delete(line.bdev)
  }
}
