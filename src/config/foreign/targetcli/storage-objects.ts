/** LIO's backstores as bdevs. The unit serial (`wwn`) is a UUID in all but hand-written files, and stays the disk's. */

import type { BdevSection } from "../../native/native-schema.ts"
import { sizeText } from "../../size.ts"
import type { ConversionDraft } from "../Conversion.ts"
import { fileBlockSize, pathRemark } from "../file-disks.ts"
import type { BdevNames } from "../shared-groups.ts"
import type { JsonNode } from "./JsonNode.ts"

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/iu

/** What the bdevs are read into. */
export interface StorageReading {
  readonly draft: ConversionDraft
  readonly names: BdevNames
  readonly placeOf: (node: JsonNode) => string
}

const identityOf = (reading: StorageReading, node: JsonNode): { readonly uuid?: string } => {
  const wwn = node.text("wwn")
  if (wwn !== undefined && uuidForm.test(wwn)) return { uuid: wwn.toLowerCase() }
  if (wwn !== undefined) {
    reading.draft.warn(
      reading.placeOf(node.get("wwn")),
      `serial "${wwn}" is no UUID; the disk has another identity: find its file systems by UUID or label`
    )
  }
  return {}
}

const isThin = (node: JsonNode): boolean => {
  const attributes = node.get("attributes")
  return attributes.flag("emulate_tpu") === true || attributes.flag("emulate_tpws") === true
}

/** Attributes that change what a host sees, where lunlog does otherwise. */
const warnOfAttributes = ({ draft, placeOf }: StorageReading, node: JsonNode): void => {
  const attributes = node.get("attributes")
  if (node.text("plugin") === "block" && isThin(node)) {
    draft.warn(
      placeOf(attributes),
      "thin provisioning (emulate_tpu, emulate_tpws) is left out: add fallocate: true if the device has write zeroes"
    )
  }
  if ((attributes.number("pi_prot_type") ?? 0) > 0) {
    draft.warn(placeOf(attributes.get("pi_prot_type")), "is left out: there is no protection information")
  }
  const named = node.list("alua_tpgs").filter((group) => group.text("name") !== "default_tg_pt_gp")
  for (const group of named) draft.warn(placeOf(group), "is left out: there are no ALUA groups")
}

const sectionOf = (reading: StorageReading, node: JsonNode, name: string): BdevSection | string => {
  const blockSize = node.get("attributes").number("block_size") ?? 512
  const common = { name, ...identityOf(reading, node) }
  const plugin = node.text("plugin")
  if (plugin === "ramdisk") {
    const size = node.number("size")
    if (size === undefined) return "has no size and is left out"
    const blocks = blockSize === 512 ? {} : { blockSize }
    return { type: node.flag("nullio") === true ? "null" : "malloc", ...common, ...blocks, size: sizeText(size) }
  }
  if (plugin !== "fileio" && plugin !== "block") return `is left out: lunlog has nothing like the plugin ${plugin}`
  const file = node.text("dev")
  if (file === undefined) return "has no dev and is left out"
  const remark = pathRemark(file)
  if (remark !== undefined) reading.draft.warn(reading.placeOf(node.get("dev")), remark)
  const readOnly = node.flag("readonly") === true ? { readOnly: true } : {}
  // A block backstore has its device's blocks, whatever the attribute says.
  if (plugin === "block") return { type: "aio", ...common, file, ...fileBlockSize(file, "device"), ...readOnly }
  const thin = isThin(node) ? { fallocate: true } : {}
  return { type: "aio", ...common, file, ...fileBlockSize(file, blockSize), ...readOnly, ...thin }
}

/** The bdev of each backstore by its path in LIO, `/backstores/fileio/NAME`. */
export const readStorageObjects = (reading: StorageReading, root: JsonNode): ReadonlyMap<string, string> => {
  const bdevs = new Map<string, string>()
  for (const node of root.list("storage_objects")) {
    const label = node.text("name") ?? ""
    const name = reading.names.nameOf(label)
    const section = sectionOf(reading, node, name)
    if (typeof section === "string") {
      reading.draft.warn(reading.placeOf(node), section)
      continue
    }
    if (name !== label) reading.draft.warn(reading.placeOf(node.get("name")), `"${label}" becomes ${name}`)
    warnOfAttributes(reading, node)
    reading.draft.bdev(section, reading.placeOf(node))
    bdevs.set(`/backstores/${node.text("plugin")}/${label}`, name)
  }
  return bdevs
}
