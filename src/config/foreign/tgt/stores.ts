/** The backing stores of a tgt target as bdevs, and the LUN that each is. */
import { basename } from "node:path"
import { LUN_MAX } from "../../../domain/ids.ts"
import type { BdevSection } from "../../native/native-schema.ts"
import type { ConversionDraft } from "../Conversion.ts"
import { fileBlockSize, pathRemark } from "../file-disks.ts"
import type { BdevNames } from "../shared-groups.ts"
import type { TgtNode } from "./TgtText.ts"

/** What stores are read into; a file that two targets have is one bdev. */
export interface StoreReading {
  readonly draft: ConversionDraft
  readonly names: BdevNames
  /** By everything that the bdev is made of, but its name. */
  readonly made: Map<string, string>
}

/** A LUN of a target. */
export interface StoreLun {
  readonly lun: number
  readonly bdev: string
}

/** `backing-store` and `direct-store`, as a statement or a block. */
export const isStore = ({ key }: TgtNode): boolean => key === "backing-store" || key === "direct-store"

/** Keys that a store and its target may have, for all of its stores. */
export const storeKeys: ReadonlySet<string> = new Set([
  "lun",
  "block-size",
  "readonly",
  "bs-type",
  "device-type",
  "scsi_sn",
  "scsi_id",
  "vendor_id",
  "product_id",
  "product_rev",
  "sense_format",
  "removable",
  "online",
  "path",
  "mode_page",
  "params",
  "write-cache",
  "allow-in-use"
])

/** Said once for each key that is there: what a host would see otherwise. */
const without: Readonly<Record<string, string>> = {
  scsi_id: "hosts see another designator",
  vendor_id: "hosts see LUNLOG",
  product_id: "hosts see the driver's name",
  product_rev: "hosts see lunlog's",
  sense_format: "sense data has the fixed format, until an initiator sets D_SENSE",
  path: "a disk has the file that it is made with",
  mode_page: "lunlog makes its mode pages",
  params: "lunlog has no such parameters"
}

const uuidForm = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/iu

/** Why a key is left out; undefined if it is not. */
const lossOf = ({ key, value }: TgtNode): string | undefined => {
  if (key === "write-cache") return isOn(value) ? undefined : "hosts are told of a cache, and flush it"
  if (key === "online") return isOn(value) ? undefined : "lunlog has no LUNs that are offline"
  return without[key]
}

const isOn = (value: string): boolean => /^(?:1|on|yes|true)$/iu.test(value)

/** A store with what its target says for all stores; its own keys come first. */
class Store {
  readonly node: TgtNode
  readonly #draft: ConversionDraft
  readonly #keys: ReadonlyArray<TgtNode>

  constructor(draft: ConversionDraft, node: TgtNode, shared: ReadonlyArray<TgtNode>) {
    this.node = node
    this.#draft = draft
    this.#keys = [...(node.body ?? []), ...shared]
  }

  warn(node: TgtNode, why: string): void {
    this.#draft.warn(`${node.place} ${node.word}`, why)
  }

  find(key: string): TgtNode | undefined {
    return this.#keys.find((node) => node.key === key)
  }

  /** A number; what is none is told. */
  number(key: string): number | undefined {
    const node = this.find(key)
    if (node === undefined) return undefined
    if (/^\d{1,9}$/u.test(node.value)) return Number(node.value)
    this.warn(node, `"${node.value}" is no number and is left out`)
    return undefined
  }

  warnOfOwnKeys(): void {
    for (const node of this.node.body ?? []) {
      const why = lossOf(node)
      if (why !== undefined) this.warn(node, `is left out: ${why}`)
      else if (!storeKeys.has(node.key)) this.warn(node, "is not known and is left out")
    }
  }
}

const uuidOf = (store: Store): { readonly uuid?: string } => {
  const serial = store.find("scsi_sn")
  if (serial === undefined) return {}
  if (uuidForm.test(serial.value)) {
    const digits = serial.value.replaceAll("-", "").toLowerCase()
    return { uuid: digits.replace(/^(.{8})(.{4})(.{4})(.{4})/u, "$1-$2-$3-$4-") }
  }
  store.warn(serial, `"${serial.value}" is no UUID and is left out: the serial number is the disk's UUID`)
  return {}
}

/** Without its name; a text says why there is none. */
const bdevOf = (store: Store) => {
  const device = store.find("device-type")?.value ?? "disk"
  if (device !== "disk") return `is left out: lunlog has disks, and no ${device}`
  const backing = store.find("bs-type")?.value ?? "rdwr"
  if (!["rdwr", "aio", "null"].includes(backing)) return `is left out: lunlog has nothing like bs-type ${backing}`
  if (backing === "null") return "is left out: tgt's null store has no size; write type: null with one"
  const remark = pathRemark(store.node.value)
  if (remark !== undefined) store.warn(store.node, remark)
  const readOnly = store.find("readonly")
  const removable = store.find("removable")
  const blockSize = store.number("block-size") ?? 512
  return {
    file: store.node.value,
    ...fileBlockSize(store.node.value, blockSize),
    ...uuidOf(store),
    ...(readOnly !== undefined && isOn(readOnly.value) ? { readOnly: true } : {}),
    ...(removable !== undefined && isOn(removable.value) ? { removable: true } : {})
  }
}

const bdevName = ({ draft, made, names }: StoreReading, store: Store): string | undefined => {
  const section = bdevOf(store)
  if (typeof section === "string") {
    store.warn(store.node, section)
    return undefined
  }
  const key = JSON.stringify(section)
  const known = made.get(key)
  if (known !== undefined) return known
  const name = names.nameOf(basename(section.file))
  const bdev: BdevSection = { type: "aio", name, ...section }
  draft.bdev(bdev, `${store.node.place} ${store.node.word}`)
  made.set(key, name)
  return name
}

/** As tgt-admin does it: backing stores before direct stores, each by path, take numbers from 1 that are free. */
const numbered = (stores: ReadonlyArray<Store>): ReadonlyArray<readonly [number, Store]> => {
  const ordered = stores.toSorted((a, b) => {
    if (a.node.key !== b.node.key) return a.node.key < b.node.key ? -1 : 1
    return a.node.value < b.node.value ? -1 : a.node.value > b.node.value ? 1 : 0
  })
  const given = ordered.map((store) => store.number("lun"))
  const taken = new Set(given)
  let next = 1
  return ordered.map((store, index) => {
    const own = given[index]
    if (own !== undefined) return [own, store] as const
    while (taken.has(next)) next++
    taken.add(next)
    return [next, store] as const
  })
}

/** A path that is there twice is one LUN, as for tgt-admin. */
const distinct = (draft: ConversionDraft, nodes: ReadonlyArray<TgtNode>): ReadonlyArray<TgtNode> => {
  const known = new Set<string>()
  return nodes.filter(({ key, place, value, word }) => {
    const isNew = !known.has(`${key} ${value}`)
    known.add(`${key} ${value}`)
    if (!isNew) draft.warn(`${place} ${word}`, `${value} is there already, and is one LUN`)
    return isNew
  })
}

/** The LUNs of a target, whose statements are `nodes`. */
export const readStores = (reading: StoreReading, nodes: ReadonlyArray<TgtNode>): ReadonlyArray<StoreLun> => {
  const shared = nodes.filter(({ key }) => storeKeys.has(key))
  for (const node of shared) {
    const why = lossOf(node)
    if (why !== undefined) reading.draft.warn(`${node.place} ${node.word}`, `is left out: ${why}`)
  }
  const stores = distinct(reading.draft, nodes.filter(isStore)).map((node) => new Store(reading.draft, node, shared))
  for (const store of stores) store.warnOfOwnKeys()
  const used = new Map<number, string>()
  const luns = numbered(stores).flatMap(([lun, store]) => {
    const bdev = bdevName(reading, store)
    if (bdev === undefined) return []
    const holder = used.get(lun)
    if (lun <= LUN_MAX && holder === undefined) {
      used.set(lun, bdev)
      return [{ lun, bdev }]
    }
    const why = holder === undefined ? `ids are 0 to ${LUN_MAX}` : `${holder} is LUN ${lun} already`
    store.warn(store.node, `LUN ${lun} is left out: ${why}`)
    return []
  })
  return luns.sort((a, b) => a.lun - b.lun)
}
