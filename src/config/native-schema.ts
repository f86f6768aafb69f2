/**
 * The form of a native configuration file, version 1. Only form is checked here: what may be named how and what fits
 * together is the domain's to say (`desired-state.ts` asks it).
 */
import { Schema } from "effect"
import { parseSize, sizeHint } from "./size.ts"

const describe = <S extends Schema.Top>(schema: S, description: string) => schema.annotate({ description })

const optional = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(describe(schema, description))

/** A number of bytes, or a text such as `64 MiB`. */
export const Size = Schema.Union([Schema.Finite, Schema.String]).check(
  Schema.makeFilter((size) => (parseSize(size) === undefined ? sizeHint : undefined))
)

const uuid = optional(Schema.String, "UUID of the disk; derived from the name and the state directory if absent")
const bdevName = describe(Schema.String, "Name, unique among bdevs")
const blocks = {
  size: describe(Size, "Size of the disk, a multiple of blockSize"),
  blockSize: optional(Size, "Bytes of a logical block; 512 if absent"),
  physicalBlockSize: optional(Size, "Bytes of a physical block; as blockSize if absent")
}
const micros = (what: string) => optional(Schema.Finite, `${what}, in microseconds; 0 if absent`)

/** A disk in memory; its content is gone when the target ends. */
export const MallocSection = Schema.Struct({
  type: Schema.Literal("malloc"),
  name: bdevName,
  uuid,
  ...blocks,
  optimalIoBoundary: optional(Schema.Finite, "In blocks; 0 for none")
})

/** A disk that forgets what is written and reads as zeroes. */
export const NullSection = Schema.Struct({ type: Schema.Literal("null"), name: bdevName, uuid, ...blocks })

/** A disk in a regular file, which must exist; it is as large as the file. */
export const AioSection = Schema.Struct({
  type: Schema.Literal("aio"),
  name: bdevName,
  uuid,
  file: describe(Schema.String, "Path of the file; a relative one is taken from this file's folder"),
  blockSize: optional(Size, "Bytes of a logical block, a power of two; 512 if absent"),
  readOnly: optional(Schema.Boolean, "Writes are refused, and the file is opened for reading; false if absent")
})

/** Another bdev, slower: for tests. */
export const DelaySection = Schema.Struct({
  type: Schema.Literal("delay"),
  name: bdevName,
  uuid,
  base: describe(Schema.String, "Name of the bdev below"),
  averageRead: micros("Average latency of reads"),
  p99Read: micros("Latency of one read in a hundred, at least the average"),
  averageWrite: micros("Average latency of writes"),
  p99Write: micros("Latency of one write in a hundred, at least the average")
})

/** Another bdev, with errors on demand: for tests. Its name is `EE_` and the base's name. */
export const ErrorSection = Schema.Struct({
  type: Schema.Literal("error"),
  uuid,
  base: describe(Schema.String, "Name of the bdev below")
})

/** A bdev of any type. */
export const BdevSection = Schema.Union([MallocSection, NullSection, AioSection, DelaySection, ErrorSection])
export type BdevSection = typeof BdevSection.Type

/** Addresses that are listened on. */
export const PortalGroupSection = Schema.Struct({
  tag: describe(Schema.Finite, "1 to 65535; initiators see it as the portal group tag"),
  portals: describe(
    Schema.Array(Schema.String),
    "host:port each; host is IPv4, [IPv6], * or [*]; the port may be left out (3260)"
  ),
  private: optional(Schema.Boolean, "Not told to discovery; false if absent")
})
export type PortalGroupSection = typeof PortalGroupSection.Type

/** Who may log in, and from where. */
export const InitiatorGroupSection = Schema.Struct({
  tag: describe(Schema.Finite, "1 to 65535"),
  initiators: describe(Schema.Array(Schema.String), "ANY, names, or either with ! in front, which denies; first match"),
  netmasks: describe(Schema.Array(Schema.String), "ANY, IPv4 networks such as 10.1.0.0/16, IPv6 such as [fd00::]/64")
})
export type InitiatorGroupSection = typeof InitiatorGroupSection.Type

const Auth = Schema.Struct({
  disableChap: optional(Schema.Boolean, "Logins without CHAP only"),
  requireChap: optional(Schema.Boolean, "Logins with CHAP only; refuses everyone until CHAP is implemented"),
  mutualChap: optional(Schema.Boolean, "The target proves itself too"),
  chapGroup: optional(Schema.Finite, "Tag of the group of secrets; 0 for none")
})

/** Over which portal group whom a target lets in, and to what. */
export const MapSection = Schema.Struct({
  portalGroup: describe(Schema.Finite, "Tag of a portal group"),
  initiatorGroup: describe(Schema.Finite, "Tag of an initiator group"),
  luns: optional(Schema.Array(Schema.Finite), "LUN ids that they see; all if absent"),
  readOnly: optional(Schema.Boolean, "They may not write; false if absent")
})

/** A target node with its LUNs. */
export const TargetSection = Schema.Struct({
  name: describe(Schema.String, "Full iSCSI name, or what follows options.nodeBase and a colon"),
  alias: optional(Schema.String, "Shown by initiators"),
  maps: describe(Schema.Array(MapSection), "Over which portal group who may log in"),
  luns: describe(Schema.Array(Schema.Struct({ lun: Schema.Finite, bdev: Schema.String })), "LUN ids 0 to 255"),
  queueDepth: optional(Schema.Finite, "Commands per session; options.maxQueueDepth if absent"),
  auth: optional(Auth, "CHAP; by default an initiator that asks for it is refused"),
  headerDigest: optional(Schema.Boolean, "Require CRC32C over headers; refuses everyone until digests are implemented"),
  dataDigest: optional(Schema.Boolean, "Require CRC32C over data; refuses everyone until digests are implemented")
})
export type TargetSection = typeof TargetSection.Type

/** Of the target as a whole; what is left out has SPDK's default. */
export const OptionsSection = Schema.Struct({
  nodeBase: optional(Schema.String, "Prefix of target names; iqn.2016-06.io.spdk"),
  nopTimeout: optional(Schema.Finite, "Seconds until a silent initiator is given up; 60"),
  nopInInterval: optional(Schema.Finite, "Seconds between pings; 30, 0 for none"),
  maxSessions: optional(Schema.Finite, "128"),
  maxQueueDepth: optional(Schema.Finite, "64"),
  defaultTime2Wait: optional(Schema.Finite, "Seconds; 2"),
  defaultTime2Retain: optional(Schema.Finite, "Seconds; 20"),
  firstBurstLength: optional(Schema.Finite, "Bytes; 8192"),
  immediateData: optional(Schema.Boolean, "true"),
  allowDuplicatedIsid: optional(Schema.Boolean, "false"),
  maxLargeDataInPerConnection: optional(Schema.Finite, "64"),
  maxR2tPerConnection: optional(Schema.Finite, "4")
})
export type OptionsSection = typeof OptionsSection.Type

/** A whole file; every section may be left out. */
export const NativeConfig = Schema.Struct({
  options: optional(OptionsSection, "Of the target as a whole"),
  bdevs: optional(Schema.Array(BdevSection), "Block devices"),
  portalGroups: optional(Schema.Array(PortalGroupSection), "Addresses"),
  initiatorGroups: optional(Schema.Array(InitiatorGroupSection), "Access rules"),
  targets: optional(Schema.Array(TargetSection), "Targets and their LUNs")
})
export type NativeConfig = typeof NativeConfig.Type
