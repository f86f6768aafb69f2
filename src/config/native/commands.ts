/** What a file's sections ask of the control plane: one command each, in the domain's words. */

import type { SecretRequest } from "../../domain/auth/AuthGroup.ts"
import { defaultHistogram, noQos } from "../../domain/bdev/Bdev.ts"
import { BdevRequest, removableKey } from "../../domain/bdev/BdevSpec.ts"
import { partNameOf } from "../../domain/bdev/split-parts.ts"
import type { CommandOf } from "../../domain/Command.ts"
import { nvmeBdevName } from "../../domain/nvme/NvmeController.ts"
import { type Auth, defaultIscsiOptions, noAuth } from "../../domain/options/IscsiOptions.ts"
import { defaultLogOptions } from "../../domain/options/LogOptions.ts"
import { parseMicros } from "../duration.ts"
import { parseSize } from "../size.ts"
import type {
  AuthGroupSection,
  AuthSection,
  BdevSection,
  InitiatorGroupSection,
  LogSection,
  OptionsSection,
  PortalGroupSection,
  TargetSection
} from "./native-schema.ts"
import { nbdRequestOf } from "./nbd-bdev.ts"

/** The tags that names and tags of a configuration stand for; NaN where one stands for nothing, which is told apart. */
export interface GroupNumbers {
  readonly portal: (ref: number | string) => number
  readonly initiator: (ref: number | string) => number
  readonly auth: (ref: number | string) => number
}

/** IANA's port of iSCSI. */
const iscsiPort = 3260

const authOf = (section: AuthSection | undefined, numbers: GroupNumbers): Auth => ({
  ...noAuth,
  ...section,
  chapGroup: section?.chapGroup === undefined ? 0 : numbers.auth(section.chapGroup)
})

const seconds = (time: string | number | undefined, otherwise: number): number =>
  time === undefined ? otherwise : (parseMicros(time, 1_000_000) ?? Number.NaN) / 1_000_000

/** Missing options are the defaults: options are set as one. */
export const optionsCommand = (section: OptionsSection, numbers: GroupNumbers): CommandOf<"SetIscsiOptions"> => {
  const { discoveryAuth, ...rest } = section
  const defaults = defaultIscsiOptions
  const options = {
    ...defaults,
    ...rest,
    auth: authOf(discoveryAuth, numbers),
    nopTimeout: seconds(rest.nopTimeout, defaults.nopTimeout),
    nopInInterval: seconds(rest.nopInInterval, defaults.nopInInterval),
    defaultTime2Wait: seconds(rest.defaultTime2Wait, defaults.defaultTime2Wait),
    defaultTime2Retain: seconds(rest.defaultTime2Retain, defaults.defaultTime2Retain),
    firstBurstLength: bytes(rest.firstBurstLength, defaults.firstBurstLength)
  }
  return { _tag: "SetIscsiOptions", options }
}

const millis = (time: string | number | undefined, plainMicros: number, otherwise: number): number =>
  time === undefined ? otherwise : (parseMicros(time, plainMicros) ?? Number.NaN) / 1000

/** The same of the event log's. */
export const logOptionsCommand = ({ keep, slowIo }: LogSection): CommandOf<"SetLogOptions"> => ({
  _tag: "SetLogOptions",
  options: {
    slowIoMillis: millis(slowIo, 1000, defaultLogOptions.slowIoMillis),
    observationsMax: keep?.count ?? defaultLogOptions.observationsMax,
    observationsMaxAgeMillis: millis(keep?.age, 86_400_000_000, defaultLogOptions.observationsMaxAgeMillis)
  }
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

const micros = (time: string | number | undefined): number =>
  time === undefined ? 0 : (parseMicros(time, 1) ?? Number.NaN)

type AioSection = Extract<BdevSection, { readonly type: "aio" }>

/** Where devices are: they have their own blocks if nothing else is said. */
export const deviceFolder = "/dev/"

const fileRequestOf = (section: AioSection): BdevRequest => {
  const { blockSize, create = false, fallocate = create, file, readOnly = false, size } = section
  const isOwn = blockSize === "device" || (blockSize === undefined && file.startsWith(deviceFolder))
  return BdevRequest.cases.Aio.make({
    filename: file,
    blockSize: isOwn ? 0 : bytes(blockSize, 512),
    readOnly,
    ...(fallocate ? { fallocate: true } : {}),
    ...(section.direct === true ? { direct: true } : {}),
    ...(section.dsync === true ? { dsync: true } : {}),
    ...(section.nowait === true ? { nowait: true } : {}),
    ...(section.uring === true ? { uring: true } : {}),
    ...(size === undefined ? {} : { createBytes: bytes(size, Number.NaN) }),
    ...removableKey(section)
  })
}

const requestOf = (section: BdevSection): BdevRequest => {
  switch (section.type) {
    case "malloc":
      return BdevRequest.cases.Malloc.make({
        ...sizesOf(section),
        optimalIoBoundary: section.optimalIoBoundary ?? 0,
        ...removableKey(section),
        ...(section.file === undefined ? {} : { filename: section.file })
      })
    case "null":
      return BdevRequest.cases.Null.make({ ...sizesOf(section), ...removableKey(section) })
    case "aio":
      return fileRequestOf(section)
    case "nbd":
      return nbdRequestOf(section)
    case "nvme":
      return BdevRequest.cases.Nvme.make({
        controller: section.controller,
        address: section.address,
        namespaceId: section.namespace ?? 1,
        readOnly: section.readOnly ?? false
      })
    case "delay":
      return BdevRequest.cases.Delay.make({
        base: section.base,
        averageReadMicros: micros(section.averageRead),
        p99ReadMicros: micros(section.p99Read ?? section.averageRead),
        averageWriteMicros: micros(section.averageWrite),
        p99WriteMicros: micros(section.p99Write ?? section.averageWrite)
      })
    case "error":
      return BdevRequest.cases.Error.make({ base: section.base })
    case "passthru":
      return BdevRequest.cases.Passthru.make({ base: section.base })
    case "split": {
      const { base, part, parts, partSize } = section
      return BdevRequest.cases.Split.make({ base, part, parts, partMebibytes: bytes(partSize, 0) / 1024 ** 2 })
    }
    case "overlay":
      return BdevRequest.cases.Overlay.make({
        base: section.base,
        ...(section.file === undefined ? {} : { filename: section.file }),
        ...(section.maxSize === undefined ? {} : { maxBytes: bytes(section.maxSize, 0) })
      })
  }
}

/** Name of the bdev that a section declares. */
export const bdevNameOf = (section: BdevSection): string => {
  if (section.type === "nvme") return nvmeBdevName(section.controller, section.namespace ?? 1)
  if (section.type === "error") return `EE_${section.base}`
  return section.type === "split" ? partNameOf(section.base, section.part) : section.name
}

/** A bdev with its name and identity. */
export const bdevCommand = (section: BdevSection): CommandOf<"CreateBdev"> => ({
  _tag: "CreateBdev",
  name: bdevNameOf(section),
  ...(section.uuid === undefined ? {} : { uuid: section.uuid }),
  bdev: requestOf(section)
})

/** The limits of a bdev, if its section says something of them: those that it leaves out are none. */
export const bdevQosCommands = (section: BdevSection): ReadonlyArray<CommandOf<"SetBdevQos">> =>
  section.qos === undefined ? [] : [{ _tag: "SetBdevQos", name: bdevNameOf(section), ...noQos, ...section.qos }]

/** What is counted of a bdev, if its section says something of it. */
export const bdevHistogramCommands = (section: BdevSection): ReadonlyArray<CommandOf<"SetBdevHistogram">> =>
  section.histogram === undefined
    ? []
    : [
        {
          _tag: "SetBdevHistogram",
          name: bdevNameOf(section),
          histogram: { ...defaultHistogram, ...section.histogram }
        }
      ]

/** `host:port`; without a port, iSCSI's own. */
export const parsePortal = (text: string): { readonly host: string; readonly port: number } => {
  const parts = /^(?<host>\[[^\]]*\]|[^:]*):(?<port>\d{1,5})$/u.exec(text)
  const { host = text, port } = parts?.groups ?? {}
  return { host, port: port === undefined ? iscsiPort : Number(port) }
}

const nameOf = ({ name }: { readonly name?: string }): { readonly name?: string } =>
  name === undefined ? {} : { name }

/** A group of secrets that are sealed already. */
export const authGroupCommand = (
  section: AuthGroupSection,
  tag: number,
  secrets: ReadonlyArray<SecretRequest>
): CommandOf<"CreateAuthGroup"> => ({ _tag: "CreateAuthGroup", tag, ...nameOf(section), secrets })

/** Its portals accept when the target is up, unless it waits. */
export const portalGroupCommand = (section: PortalGroupSection, tag: number): CommandOf<"CreatePortalGroup"> => ({
  _tag: "CreatePortalGroup",
  tag,
  ...nameOf(section),
  portals: section.portals.map(parsePortal),
  private: section.private ?? false,
  wait: section.wait ?? false
})

/** What discovery over the group needs. */
export const portalGroupAuthCommand = (
  section: PortalGroupSection,
  tag: number,
  numbers: GroupNumbers
): CommandOf<"SetPortalGroupAuth"> => ({ _tag: "SetPortalGroupAuth", tag, auth: authOf(section.auth, numbers) })

/** Names and netmasks as they are. */
export const initiatorGroupCommand = (
  section: InitiatorGroupSection,
  tag: number
): CommandOf<"CreateInitiatorGroup"> => ({
  _tag: "CreateInitiatorGroup",
  tag,
  ...nameOf(section),
  initiators: section.initiators,
  netmasks: section.netmasks
})

/** A target may have no LUN 0 and no map yet. `name` is its full name. */
export const targetCommand = (
  section: TargetSection,
  name: string,
  numbers: GroupNumbers
): CommandOf<"CreateTargetNode"> => ({
  _tag: "CreateTargetNode",
  name,
  alias: section.alias ?? "",
  maps: section.maps.map(({ initiatorGroup, portalGroup, ...rights }) => ({
    ...rights,
    portalGroup: numbers.portal(portalGroup),
    initiatorGroup: numbers.initiator(initiatorGroup)
  })),
  luns: section.luns,
  queueDepth: section.queueDepth ?? 0,
  auth: authOf(section.auth, numbers),
  headerDigest: section.headerDigest ?? false,
  dataDigest: section.dataDigest ?? false,
  requireLunZero: false
})

/** That it is counted how long commands take, if the section says so. */
export const histogramCommands = (
  { histogram = false }: TargetSection,
  target: string
): ReadonlyArray<CommandOf<"SetTargetNodeHistogram">> =>
  histogram ? [{ _tag: "SetTargetNodeHistogram", target, enabled: true }] : []

/** Where the target's logins are sent, one command for each portal group. */
export const redirectCommands = (
  section: TargetSection,
  target: string,
  numbers: GroupNumbers
): ReadonlyArray<CommandOf<"SetTargetNodeRedirect">> =>
  (section.redirects ?? []).map(({ permanent, portalGroup, to }) => ({
    _tag: "SetTargetNodeRedirect",
    target,
    portalGroup: numbers.portal(portalGroup),
    ...parsePortal(to),
    ...(permanent === true ? { permanent } : {})
  }))
