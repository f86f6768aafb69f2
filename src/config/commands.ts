/** What a file's sections ask of the control plane: one command each, in the domain's words. */
import { type BdevRequest, BdevRequest as Request } from "../domain/Bdev.ts"
import type { CommandOf } from "../domain/Command.ts"
import { defaultIscsiOptions, noAuth } from "../domain/IscsiOptions.ts"
import type {
  BdevSection,
  InitiatorGroupSection,
  OptionsSection,
  PortalGroupSection,
  TargetSection
} from "./native-schema.ts"
import { parseSize } from "./size.ts"

/** IANA's port of iSCSI. */
const iscsiPort = 3260

/** Missing options are the defaults: options are set as one. */
export const optionsCommand = (section: OptionsSection): CommandOf<"SetIscsiOptions"> => ({
  _tag: "SetIscsiOptions",
  options: { ...defaultIscsiOptions, ...section }
})

const bytes = (size: string | number | undefined, otherwise: number): number =>
  size === undefined ? otherwise : (parseSize(size) ?? Number.NaN)

const sizesOf = (section: {
  readonly size: string | number
  readonly blockSize?: string | number
  readonly physicalBlockSize?: string | number
}) => {
  const blockSize = bytes(section.blockSize, 512)
  return {
    // No whole number of blocks is refused by the domain, which also knows what a block may be.
    blockCount: bytes(section.size, Number.NaN) / blockSize,
    blockSize,
    physicalBlockSize: bytes(section.physicalBlockSize, 0)
  }
}

const requestOf = (section: BdevSection): BdevRequest => {
  switch (section.type) {
    case "malloc":
      return Request.cases.Malloc.make({ ...sizesOf(section), optimalIoBoundary: section.optimalIoBoundary ?? 0 })
    case "null":
      return Request.cases.Null.make(sizesOf(section))
    case "aio":
      return Request.cases.Aio.make({
        filename: section.file,
        blockSize: bytes(section.blockSize, 512),
        readOnly: section.readOnly ?? false
      })
    case "delay":
      return Request.cases.Delay.make({
        base: section.base,
        averageReadMicros: section.averageRead ?? 0,
        p99ReadMicros: section.p99Read ?? section.averageRead ?? 0,
        averageWriteMicros: section.averageWrite ?? 0,
        p99WriteMicros: section.p99Write ?? section.averageWrite ?? 0
      })
    case "error":
      return Request.cases.Error.make({ base: section.base })
  }
}

/** Name of the bdev that a section declares. */
export const bdevNameOf = (section: BdevSection): string =>
  section.type === "error" ? `EE_${section.base}` : section.name

/** A bdev with its name and identity. */
export const bdevCommand = (section: BdevSection): CommandOf<"CreateBdev"> => ({
  _tag: "CreateBdev",
  name: bdevNameOf(section),
  ...(section.uuid === undefined ? {} : { uuid: section.uuid }),
  bdev: requestOf(section)
})

/** `host:port`; without a port, iSCSI's own. */
export const parsePortal = (text: string): { readonly host: string; readonly port: number } => {
  const parts = /^(?<host>\[[^\]]*\]|[^:]*):(?<port>\d{1,5})$/u.exec(text)
  const { host = text, port } = parts?.groups ?? {}
  return { host, port: port === undefined ? iscsiPort : Number(port) }
}

/** Its portals accept when the target is up. */
export const portalGroupCommand = (section: PortalGroupSection): CommandOf<"CreatePortalGroup"> => ({
  _tag: "CreatePortalGroup",
  tag: section.tag,
  portals: section.portals.map(parsePortal),
  private: section.private ?? false,
  wait: false
})

/** Names and netmasks as they are. */
export const initiatorGroupCommand = (section: InitiatorGroupSection): CommandOf<"CreateInitiatorGroup"> => ({
  _tag: "CreateInitiatorGroup",
  tag: section.tag,
  initiators: section.initiators,
  netmasks: section.netmasks
})

/** A target may have no LUN 0 and no map yet. */
export const targetCommand = (section: TargetSection): CommandOf<"CreateTargetNode"> => ({
  _tag: "CreateTargetNode",
  name: section.name,
  alias: section.alias ?? "",
  maps: section.maps,
  luns: section.luns,
  queueDepth: section.queueDepth ?? 0,
  auth: { ...noAuth, ...section.auth },
  headerDigest: section.headerDigest ?? false,
  dataDigest: section.dataDigest ?? false,
  requireLunZero: false
})
