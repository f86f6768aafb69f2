/**
 * The state as a native configuration: a file that makes the same of an empty target. Sections come in creation order,
 * and what has its default is left out, but for what decides who gets in.
 */
import type { AuthGroup } from "../../domain/auth/AuthGroup.ts"
import { type Bdev, defaultHistogram, noQos } from "../../domain/bdev/Bdev.ts"
import { type BdevSpec, OVERLAY_BYTES_DEFAULT, removableKey } from "../../domain/bdev/BdevSpec.ts"
import type { InitiatorGroup } from "../../domain/group/InitiatorGroup.ts"
import type { Portal, PortalGroup } from "../../domain/group/PortalGroup.ts"
import { type Auth, defaultIscsiOptions, type IscsiOptions, noAuth } from "../../domain/options/IscsiOptions.ts"
import { sameAuth } from "../../domain/options/iscsi-options-decide.ts"
import { defaultLogOptions } from "../../domain/options/LogOptions.ts"
import {
  activeBdevsOf,
  activeLunsOf,
  activeTargetsOf,
  authGroupsOf,
  findAuthGroup,
  findInitiatorGroup,
  findPortalGroup,
  initiatorGroupsOf,
  portalGroupsOf,
  type State
} from "../../domain/State.ts"
import type { TargetNode } from "../../domain/target/TargetNode.ts"
import { durationText } from "../duration.ts"
import { sizeText } from "../size.ts"
import { deviceFolder } from "./commands.ts"
import type {
  AuthGroupSection,
  AuthSection,
  BdevSection,
  HistogramSection,
  InitiatorGroupSection,
  LogSection,
  NativeConfig,
  NvmeSection,
  OptionsSection,
  PortalGroupSection,
  QosSection,
  TargetSection
} from "./native-schema.ts"
import { nbdSectionOf } from "./nbd-bdev.ts"
import { secretKey } from "./secret-references.ts"

/** What stands for a secret, by its `secretKey`. */
export type SecretText = (key: string) => string

const referenceTo = (group: { readonly name?: string } | undefined, tag: number): string | number => group?.name ?? tag

const authSection = (state: State, auth: Auth): AuthSection => ({
  ...(auth.disableChap ? { disableChap: true } : {}),
  ...(auth.requireChap ? { requireChap: true } : {}),
  ...(auth.mutualChap ? { mutualChap: true } : {}),
  ...(auth.chapGroup === 0 ? {} : { chapGroup: referenceTo(findAuthGroup(state, auth.chapGroup), auth.chapGroup) })
})

const authKey = <K extends string>(state: State, key: K, auth: Auth) =>
  sameAuth(auth, noAuth) ? {} : { [key]: authSection(state, auth) }

const seconds = (value: number): string => durationText(value * 1_000_000)

/** The prefix of names, so that the section is never empty, and what is not the default. */
const optionsSection = (state: State, options: IscsiOptions): OptionsSection => {
  const { auth, nodeBase, ...rest } = options
  const defaults = new Map<string, unknown>(Object.entries(defaultIscsiOptions))
  const texts: Partial<Record<string, unknown>> = {
    nopTimeout: seconds(rest.nopTimeout),
    nopInInterval: seconds(rest.nopInInterval),
    defaultTime2Wait: seconds(rest.defaultTime2Wait),
    defaultTime2Retain: seconds(rest.defaultTime2Retain),
    firstBurstLength: sizeText(rest.firstBurstLength)
  }
  const others = Object.entries(rest).flatMap(([name, value]) =>
    value === defaults.get(name) ? [] : [[name, texts[name] ?? value] as const]
  )
  return { nodeBase, ...authKey(state, "discoveryAuth", auth), ...Object.fromEntries(others) }
}

/** What is not the default; nothing if all of it is. */
const logKey = ({ logOptions }: State): { readonly log?: LogSection } => {
  const { observationsMax: count, observationsMaxAgeMillis: age, slowIoMillis } = logOptions
  const slowIo = slowIoMillis === defaultLogOptions.slowIoMillis ? {} : { slowIo: durationText(slowIoMillis * 1000) }
  const keep = {
    ...(count === defaultLogOptions.observationsMax ? {} : { count }),
    ...(age === defaultLogOptions.observationsMaxAgeMillis ? {} : { age: durationText(age * 1000) })
  }
  const section: LogSection = { ...slowIo, ...(Object.keys(keep).length === 0 ? {} : { keep }) }
  return Object.keys(section).length === 0 ? {} : { log: section }
}

const sizes = (spec: {
  readonly blockCount: number
  readonly blockSize: number
  readonly physicalBlockSize: number
}) => ({
  size: sizeText(spec.blockCount * spec.blockSize),
  ...(spec.blockSize === 512 ? {} : { blockSize: spec.blockSize }),
  ...(spec.physicalBlockSize === spec.blockSize ? {} : { physicalBlockSize: spec.physicalBlockSize })
})

const qosKey = ({ qos = noQos }: Bdev): { readonly qos?: QosSection } => {
  const limits: QosSection = Object.fromEntries(Object.entries(qos).filter(([, limit]) => limit !== 0))
  return Object.keys(limits).length === 0 ? {} : { qos: limits }
}

/** Without what is the default. */
const histogramKey = ({ histogram }: Bdev): { readonly histogram?: HistogramSection } => {
  if (histogram === undefined) return {}
  const defaults = new Map<string, unknown>(Object.entries(defaultHistogram))
  const section: HistogramSection = Object.fromEntries(
    Object.entries(histogram).filter(([key, value]) => defaults.get(key) !== value)
  )
  return { histogram: section }
}

const bdevSection = (bdev: Bdev): BdevSection => ({ ...sectionOf(bdev), ...qosKey(bdev), ...histogramKey(bdev) })

const nvmeSectionOf = (spec: Extract<BdevSpec, { readonly _tag: "Nvme" }>): NvmeSection => ({
  type: "nvme",
  controller: spec.controller,
  address: spec.address,
  ...(spec.namespaceId === 1 ? {} : { namespace: spec.namespaceId }),
  ...(spec.readOnly ? { readOnly: true } : {})
})

const isTrue = <K extends string>(key: K, value: boolean | undefined) => (value === true ? { [key]: true } : {})

const fileSection = (spec: Extract<BdevSpec, { readonly _tag: "Aio" }>) => {
  const blockSize = spec.ownBlockSize === true ? ("device" as const) : spec.blockSize
  const isDefault = blockSize === (spec.filename.startsWith(deviceFolder) ? "device" : 512)
  const created = spec.createBytes === undefined ? {} : { create: true, size: sizeText(spec.createBytes) }
  const thinDefault = spec.createBytes !== undefined
  const thin = spec.fallocate === true
  return {
    file: spec.filename,
    ...(isDefault ? {} : { blockSize }),
    ...created,
    ...isTrue("readOnly", spec.readOnly),
    ...(thin === thinDefault ? {} : { fallocate: thin }),
    ...isTrue("direct", spec.direct),
    ...isTrue("dsync", spec.dsync),
    ...isTrue("nowait", spec.nowait),
    ...isTrue("uring", spec.uring),
    ...removableKey(spec)
  }
}

const sectionOf = ({ name, spec, uuid, uuidExplicit }: Bdev): BdevSection => {
  const identity = uuidExplicit ? { uuid } : {}
  switch (spec._tag) {
    case "Malloc": {
      const boundary = spec.optimalIoBoundary === 0 ? {} : { optimalIoBoundary: spec.optimalIoBoundary }
      const kept = spec.filename === undefined ? {} : { file: spec.filename }
      return { type: "malloc", name, ...identity, ...sizes(spec), ...boundary, ...kept, ...removableKey(spec) }
    }
    case "Null":
      return { type: "null", name, ...identity, ...sizes(spec), ...removableKey(spec) }
    case "Aio":
      return { type: "aio", name, ...identity, ...fileSection(spec) }
    case "Nbd":
      return nbdSectionOf(name, identity, spec)
    case "Nvme":
      return { ...nvmeSectionOf(spec), ...identity }
    case "Delay":
      return {
        type: "delay",
        name,
        ...identity,
        base: spec.base.name,
        averageRead: durationText(spec.averageReadMicros),
        p99Read: durationText(spec.p99ReadMicros),
        averageWrite: durationText(spec.averageWriteMicros),
        p99Write: durationText(spec.p99WriteMicros)
      }
    case "Error":
      return { type: "error", ...identity, base: spec.base.name }
    case "Passthru":
      return { type: "passthru", name, ...identity, base: spec.base.name }
    case "Split": {
      const { part, parts, partMebibytes } = spec
      const partSize = partMebibytes === 0 ? {} : { partSize: sizeText(partMebibytes * 1024 ** 2) }
      return { type: "split", ...identity, base: spec.base.name, part, parts, ...partSize }
    }
    case "Overlay": {
      const { filename, maxBytes = OVERLAY_BYTES_DEFAULT } = spec
      const memory = maxBytes === OVERLAY_BYTES_DEFAULT ? {} : { maxSize: sizeText(maxBytes) }
      const store = filename === undefined ? memory : { file: filename }
      return { type: "overlay", name, ...identity, base: spec.base.name, ...store }
    }
  }
}

const nameKey = ({ name }: { readonly name?: string }) => (name === undefined ? {} : { name })

const authGroupSection = ({ name, secrets, tag }: AuthGroup, secretText: SecretText): AuthGroupSection => ({
  ...nameKey(name === undefined ? {} : { name }),
  tag,
  secrets: secrets.map(({ mutual, user }) => ({
    user,
    secret: secretText(secretKey(tag, user, "secret")),
    ...(mutual === undefined
      ? {}
      : { mutualUser: mutual.user, mutualSecret: secretText(secretKey(tag, user, "msecret")) })
  }))
})

const portalText = ({ host, port }: Portal): string => `${host}:${port}`

const portalGroupSection = (state: State, group: PortalGroup): PortalGroupSection => ({
  ...nameKey(group),
  tag: group.tag,
  portals: group.portals.map(portalText),
  ...(group.private ? { private: true } : {}),
  ...(group.wait ? { wait: true } : {}),
  ...authKey(state, "auth", group.auth)
})

/** A file cannot declare a group that has lost its members; one that lets nobody in is the same to everyone. */
const initiatorGroupSection = (group: InitiatorGroup): InitiatorGroupSection => {
  const { initiators, netmasks, tag } = group
  const isWhole = initiators.length > 0 && netmasks.length > 0
  const members = isWhole ? { initiators, netmasks } : { initiators: ["!ANY"], netmasks: ["ANY"] }
  return { ...nameKey(group), tag, ...members }
}

const targetSection = (state: State, target: TargetNode): TargetSection => ({
  name: target.name,
  ...(target.alias === "" ? {} : { alias: target.alias }),
  maps: target.pgIgMaps.map(({ initiatorGroup, portalGroup, ...access }) => ({
    portalGroup: referenceTo(findPortalGroup(state, portalGroup), portalGroup),
    initiatorGroup: referenceTo(findInitiatorGroup(state, initiatorGroup), initiatorGroup),
    ...access
  })),
  luns: activeLunsOf(target).map(({ bdev, lun }) => ({ lun, bdev: bdev.name })),
  ...(target.redirects.length === 0
    ? {}
    : {
        redirects: target.redirects.map((redirect) => ({
          portalGroup: referenceTo(findPortalGroup(state, redirect.portalGroup), redirect.portalGroup),
          to: portalText(redirect),
          ...(redirect.permanent ? { permanent: true } : {})
        }))
      }),
  queueDepth: Math.min(target.queueDepth, state.options.maxQueueDepth),
  ...authKey(state, "auth", target.auth),
  ...(target.headerDigest ? { headerDigest: true } : {}),
  ...(target.dataDigest ? { dataDigest: true } : {}),
  ...(target.histogram ? { histogram: true } : {})
})

const section = <K extends string, A>(key: K, items: ReadonlyArray<A>) => (items.length === 0 ? {} : { [key]: items })

/** What is there to stay; what is being deleted is left out. */
export const nativeConfigOf = (state: State, secretText: SecretText): NativeConfig => ({
  options: optionsSection(state, state.options),
  ...logKey(state),
  ...section("bdevs", activeBdevsOf(state).map(bdevSection)),
  ...section(
    "authGroups",
    authGroupsOf(state).map((group) => authGroupSection(group, secretText))
  ),
  ...section(
    "portalGroups",
    portalGroupsOf(state).map((group) => portalGroupSection(state, group))
  ),
  ...section("initiatorGroups", initiatorGroupsOf(state).map(initiatorGroupSection)),
  ...section(
    "targets",
    activeTargetsOf(state).map((target) => targetSection(state, target))
  )
})
