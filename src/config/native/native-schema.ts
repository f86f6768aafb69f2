/**
 * The form of a native configuration file, version 1. Only form is checked here: what may be named how and what fits
 * together is the domain's to say (`DesiredState.ts` asks it). The descriptions are what `lunlog schema` shows in
 * editors; messages of filters are predicates of a sentence about the value.
 */
import { Result, Schema } from "effect"
import { IO_TYPES } from "../../domain/bdev/Bdev.ts"
import { parseNbdUri } from "../../domain/bdev/nbd-uri.ts"
import { durationHint, parseMicros } from "../duration.ts"
import { parseSize, sizeHint } from "../size.ts"

const describe = <S extends Schema.Top>(schema: S, description: string) => schema.annotate({ description })

const optional = <S extends Schema.Top>(schema: S, description: string) =>
  Schema.optionalKey(describe(schema, description))

// A description stands before the check: on the other side it would be the check's, and not be seen in editors.
const numberOrText = (description: string) => Schema.Union([Schema.Finite, Schema.String]).annotate({ description })

/** A number of bytes, or a text such as `64 MiB`. */
const size = (description: string) =>
  numberOrText(description).check(
    Schema.makeFilter((value) => (parseSize(value) === undefined ? `is no size; ${sizeHint}` : undefined))
  )

/** A number in the plain unit, or a text such as `30s`. */
const duration = (description: string, plainMicros: number, plainUnit: string) =>
  numberOrText(description).check(
    Schema.makeFilter((value) =>
      parseMicros(value, plainMicros) === undefined
        ? `is no duration; ${durationHint}, or a number of ${plainUnit}`
        : undefined
    )
  )

const dayMicros = 86_400_000_000

const seconds = (description: string) =>
  Schema.optionalKey(duration(`Seconds, or a duration such as 30s: ${description}`, 1_000_000, "seconds"))

/** What a section is called in place of a tag. */
const GroupName = Schema.String
/** A group by its tag or by its name. */
export const GroupRef = Schema.Union([Schema.Finite, Schema.String])

const named = Schema.makeFilter(({ name, tag }: { readonly name?: string; readonly tag?: number }) =>
  name === undefined && tag === undefined ? "has neither a tag nor a name; give one of them" : undefined
)
const groupName = (what: string) =>
  optional(GroupName, `What ${what} refer to in place of the tag: letters, digits, dot, dash, underscore`)
const groupTag = (range: string) =>
  optional(Schema.Finite, `${range}; with a name it may be left out and is the lowest that is free`)

const uuid = optional(Schema.String, "UUID of the disk; derived from the name and the state directory if absent")
const bdevName = describe(Schema.String, "Name, unique among bdevs")
const blocks = {
  size: size("Size of the disk, a multiple of blockSize"),
  blockSize: Schema.optionalKey(size("Bytes of a logical block; 512 if absent")),
  physicalBlockSize: Schema.optionalKey(size("Bytes of a physical block; as blockSize if absent"))
}
const removable = optional(Schema.Boolean, "Initiators can eject the medium and load it again; false if absent")
const limit = (what: string) => optional(Schema.Finite, `${what} per second; 0 or absent for no limit`)

/** What a bdev may do in a second, for all initiators together. */
export const QosSection = Schema.Struct({
  readWriteIops: limit("Reads and writes, rounded up to a multiple of 1000,"),
  readWriteMiBPerSecond: limit("MiB read and written"),
  readMiBPerSecond: limit("MiB read"),
  writeMiBPerSecond: limit("MiB written")
})
export type QosSection = typeof QosSection.Type

const qos = optional(QosSection, "Limits of reads and writes; none if absent")

/** Of which IO of a bdev it is counted how long it takes. */
export const HistogramSection = Schema.Struct({
  granularity: optional(Schema.Finite, "Each doubling of the latency is split into 2^granularity buckets; 7 if absent"),
  minNanos: optional(Schema.Finite, "Shorter ones are counted with the first bucket; 1000 if absent"),
  maxNanos: optional(Schema.Finite, "Those that are as long are counted with the last bucket; 2 minutes if absent"),
  ioType: optional(Schema.Literals(IO_TYPES), "Only IO of this type; all if absent")
})
export type HistogramSection = typeof HistogramSection.Type

const histogram = optional(HistogramSection, "Counts how long IO takes; {} does so in the usual way, none if absent")
const micros = (what: string) =>
  Schema.optionalKey(duration(`Microseconds, or a duration such as 1ms: ${what}; 0 if absent`, 1, "microseconds"))

/** A disk in memory; its content is gone when the target ends, unless a file keeps it. */
export const MallocSection = Schema.Struct({
  type: Schema.Literal("malloc"),
  name: bdevName,
  uuid,
  qos,
  histogram,
  ...blocks,
  optimalIoBoundary: optional(Schema.Finite, "In blocks; 0 for none"),
  file: optional(Schema.String, "Absolute path of a file that keeps the content; made if it is not there"),
  removable
})

/** A disk that forgets what is written and reads as zeroes. */
export const NullSection = Schema.Struct({
  type: Schema.Literal("null"),
  name: bdevName,
  uuid,
  qos,
  histogram,
  ...blocks,
  removable
})

/** A disk in a regular file or on a block device; it is as large as that. */
export const AioSection = Schema.Struct({
  type: Schema.Literal("aio"),
  name: bdevName,
  uuid,
  qos,
  histogram,
  file: describe(Schema.String, "Path of the file; a relative one is taken from this file's folder"),
  blockSize: Schema.optionalKey(
    Schema.Union([Schema.Literal("device"), size("Bytes")]).annotate({
      description:
        "Bytes of a logical block, a power of two, or device: as it has; that if absent in /dev, 512 elsewhere"
    })
  ),
  readOnly: optional(Schema.Boolean, "Writes are refused, and the file is opened for reading; false if absent"),
  create: optional(Schema.Boolean, "Make the file, of this size, if it is not there; false if absent"),
  size: Schema.optionalKey(size("Bytes of a file that is made; one that is there is as large as it is")),
  fallocate: optional(
    Schema.Boolean,
    "Initiators can unmap blocks, which are given back; if absent so of files with create, and of no others"
  ),
  direct: optional(Schema.Boolean, "Read and write past the page cache (O_DIRECT); false if absent"),
  dsync: optional(Schema.Boolean, "Every write is on the medium before its answer (O_DSYNC); false if absent"),
  nowait: optional(Schema.Boolean, "Of SPDK, for block devices: kept, and without effect; false if absent"),
  uring: optional(Schema.Boolean, "It goes by the names of SPDK's io_uring bdev; false if absent"),
  removable
}).check(
  Schema.makeFilter(({ create = false, size: bytes }) => {
    if (create === (bytes !== undefined)) return undefined
    return create ? "has create, and no size to make the file with" : "has a size, which is only for files with create"
  })
)

/** A namespace of a local NVMe controller, through the kernel's driver. Its name is as in `Nvme0n1`. */
export const NvmeSection = Schema.Struct({
  type: Schema.Literal("nvme"),
  controller: describe(Schema.String, "Name for the controller; with n and the namespace's id it is the bdev's name"),
  address: describe(Schema.String, "PCI address of the controller, such as 0000:01:00.0"),
  namespace: optional(Schema.Finite, "Id of the namespace; 1 if absent"),
  readOnly: optional(Schema.Boolean, "Writes are refused, and the device is opened for reading; false if absent"),
  uuid,
  qos,
  histogram
})
export type NvmeSection = typeof NvmeSection.Type

/** What an NBD server and the target prove to each other; relative paths are taken from the file's folder. */
export const NbdTlsSection = Schema.Struct({
  ca: optional(Schema.String, "PEM file of the server's certificate authority; those of the system if absent"),
  certificate: optional(Schema.String, "PEM file of the target's own certificate; goes with key"),
  key: optional(Schema.String, "PEM file of its private key"),
  serverName: optional(Schema.String, "Name in the server's certificate; the host of the URI if absent")
})
export type NbdTlsSection = typeof NbdTlsSection.Type

/** An export of an NBD server: qemu-nbd, qemu-storage-daemon, nbdkit. */
export const NbdSection = Schema.Struct({
  type: Schema.Literal("nbd"),
  name: bdevName,
  uuid,
  qos,
  histogram,
  uri: describe(Schema.String, "nbd://HOST:PORT/EXPORT, or nbd+unix:///EXPORT?socket=PATH; nbds for TLS").check(
    Schema.makeFilter((uri) => {
      const parsed = parseNbdUri(uri)
      return Result.isFailure(parsed) ? parsed.failure : undefined
    })
  ),
  blockSize: Schema.optionalKey(size("Bytes of a logical block, a power of two; 512 if absent")),
  readOnly: optional(Schema.Boolean, "Writes are refused; false if absent"),
  connections: optional(Schema.Finite, "At most so many, if the server allows more than one; 4 if absent"),
  tls: optional(NbdTlsSection, "TLS, also where the URI has no nbds"),
  reconnectTimeout: seconds("how long IO waits for a server that is away; 30"),
  replyTimeout: seconds("how long a server may be silent until it counts as away; 60, 0 for ever"),
  giveUpAfter: seconds("how long a server may be away until the bdev goes; 0, for ever"),
  removable
})

/** Another bdev, slower: for tests. */
export const DelaySection = Schema.Struct({
  type: Schema.Literal("delay"),
  name: bdevName,
  uuid,
  qos,
  histogram,
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
  qos,
  histogram,
  base: describe(Schema.String, "Name of the bdev below")
})

/** Another bdev, as it is. */
export const PassthruSection = Schema.Struct({
  type: Schema.Literal("passthru"),
  name: bdevName,
  uuid,
  qos,
  histogram,
  base: describe(Schema.String, "Name of the bdev below")
})

/** A part of another bdev. Its name is the base's, `p` and the part's number. */
export const SplitSection = Schema.Struct({
  type: Schema.Literal("split"),
  uuid,
  qos,
  histogram,
  base: describe(Schema.String, "Name of the bdev below"),
  part: describe(Schema.Finite, "Which part: 0 is the first"),
  parts: describe(Schema.Finite, "How many parts the base is cut into; the same for all of them"),
  partSize: Schema.optionalKey(size("Size of each part, whole MiB; equal parts of the whole base if absent"))
})

/** What another bdev holds, with changes that are kept elsewhere: the base is never written to. */
export const OverlaySection = Schema.Struct({
  type: Schema.Literal("overlay"),
  name: bdevName,
  uuid,
  qos,
  histogram,
  base: describe(Schema.String, "Name of the bdev below"),
  file: optional(Schema.String, "Path of the file for the changes; made if it is not there. In memory if absent"),
  maxSize: Schema.optionalKey(size("Memory that the changes may have, if there is no file; 1GiB if absent"))
})

/** A bdev of any type. */
export const BdevSection = Schema.Union([
  MallocSection,
  NullSection,
  AioSection,
  NbdSection,
  NvmeSection,
  DelaySection,
  ErrorSection,
  PassthruSection,
  SplitSection,
  OverlaySection
])
export type BdevSection = typeof BdevSection.Type

const Auth = Schema.Struct({
  disableChap: optional(Schema.Boolean, "Logins without CHAP only"),
  requireChap: optional(Schema.Boolean, "Logins with CHAP only"),
  mutualChap: optional(Schema.Boolean, "The target proves itself too"),
  chapGroup: optional(GroupRef, "Auth group whose secrets count: its name or tag; 0 for none")
})
/** Which authentication a login needs. */
export type AuthSection = typeof Auth.Type

/** A user of CHAP, and what the target proves itself with. */
export const SecretSection = Schema.Struct({
  user: describe(Schema.String, "Name that the initiator gives (CHAP_N)"),
  secret: describe(Schema.String, `Its secret, best as \${env:NAME} or \${file:PATH}`),
  mutualUser: optional(Schema.String, "Name that the target answers with; goes with mutualSecret"),
  mutualSecret: optional(Schema.String, "Secret that the target proves itself with; goes with mutualUser")
})
export type SecretSection = typeof SecretSection.Type

/** CHAP secrets that targets and discovery name by chapGroup. */
export const AuthGroupSection = Schema.Struct({
  name: groupName("chapGroup keys"),
  tag: groupTag("1 to 2147483647"),
  secrets: describe(Schema.Array(SecretSection), "Each user once")
}).check(named)
export type AuthGroupSection = typeof AuthGroupSection.Type

/** Addresses that are listened on. */
export const PortalGroupSection = Schema.Struct({
  name: groupName("maps and redirects"),
  tag: groupTag("1 to 65535, which initiators see as the portal group tag"),
  portals: describe(
    Schema.Array(Schema.String),
    "host:port each; host is IPv4, [IPv6], * or [*]; the port may be left out (3260)"
  ),
  private: optional(Schema.Boolean, "Not told to discovery; false if absent"),
  wait: optional(Schema.Boolean, "Accepts nothing before iscsi_start_portal_group; false if absent"),
  auth: optional(Auth, "CHAP of discovery over this group, besides options.discoveryAuth")
}).check(named)
export type PortalGroupSection = typeof PortalGroupSection.Type

/** Who may log in, and from where. */
export const InitiatorGroupSection = Schema.Struct({
  name: groupName("maps"),
  tag: groupTag("1 to 65535"),
  initiators: describe(Schema.Array(Schema.String), "ANY, names, or either with ! in front, which denies; first match"),
  netmasks: describe(Schema.Array(Schema.String), "ANY, IPv4 networks such as 10.1.0.0/16, IPv6 such as [fd00::]/64")
}).check(named)
export type InitiatorGroupSection = typeof InitiatorGroupSection.Type

/** A LUN. */
export const LunSection = Schema.Struct({
  lun: describe(Schema.Finite, "0 to 255"),
  bdev: describe(Schema.String, "Name or UUID of a bdev of this configuration")
})

/** Where logins over a portal group are sent. */
export const RedirectSection = Schema.Struct({
  portalGroup: describe(GroupRef, "Name or tag of a public portal group that the target is mapped to"),
  to: describe(Schema.String, "host:port that initiators log in to instead; without a port it is 3260"),
  permanent: optional(Schema.Boolean, "Initiators may remember it (login status 01/02); false if absent")
})

/** Over which portal group whom a target lets in, and to what. */
export const MapSection = Schema.Struct({
  portalGroup: describe(GroupRef, "Name or tag of a portal group"),
  initiatorGroup: describe(GroupRef, "Name or tag of an initiator group"),
  luns: optional(Schema.Array(Schema.Finite), "LUN ids that they see; all if absent"),
  readOnly: optional(Schema.Boolean, "They may not write; false if absent")
})

/** A target node with its LUNs. */
export const TargetSection = Schema.Struct({
  name: describe(Schema.String, "Full iSCSI name, or what follows options.nodeBase and a colon"),
  alias: optional(Schema.String, "Shown by initiators"),
  maps: describe(Schema.Array(MapSection), "Over which portal group who may log in"),
  luns: describe(Schema.Array(LunSection), "LUN ids 0 to 255"),
  redirects: optional(Schema.Array(RedirectSection), "Sends logins over a portal group to another address"),
  queueDepth: optional(Schema.Finite, "Commands per session; options.maxQueueDepth if absent"),
  auth: optional(Auth, "CHAP; by default if the initiator asks for it"),
  headerDigest: optional(Schema.Boolean, "Require CRC32C over headers: who offers none is refused"),
  dataDigest: optional(Schema.Boolean, "Require CRC32C over data: who offers none is refused"),
  histogram: optional(Schema.Boolean, "Count how long commands take; false if absent")
})
export type TargetSection = typeof TargetSection.Type

/** Of the target as a whole; what is left out has SPDK's default. */
export const OptionsSection = Schema.Struct({
  nodeBase: optional(Schema.String, "Prefix of target names; iqn.2016-06.io.spdk"),
  discoveryAuth: optional(Auth, "CHAP of discovery sessions; by default if the initiator asks for it"),
  authFile: optional(Schema.String, "File of secrets, as SPDK has it"),
  nopTimeout: seconds("until a silent initiator is given up; 60"),
  nopInInterval: seconds("between pings; 30, 0 for none"),
  maxSessions: optional(Schema.Finite, "128"),
  maxQueueDepth: optional(Schema.Finite, "64"),
  defaultTime2Wait: seconds("2"),
  defaultTime2Retain: seconds("20"),
  firstBurstLength: Schema.optionalKey(size("Bytes, or a size; 8192")),
  immediateData: optional(Schema.Boolean, "true"),
  allowDuplicatedIsid: optional(Schema.Boolean, "false"),
  maxLargeDataInPerConnection: optional(Schema.Finite, "64"),
  maxR2tPerConnection: optional(Schema.Finite, "4"),
  maxConnectionsPerSession: optional(Schema.Finite, "2: the most that a session may have"),
  errorRecoveryLevel: optional(Schema.Finite, "0; recorded, without effect"),
  pduPoolSize: optional(Schema.Finite, "36864; recorded, without effect"),
  immediateDataPoolSize: optional(Schema.Finite, "16384; recorded, without effect"),
  dataOutPoolSize: optional(Schema.Finite, "2048; recorded, without effect")
})
export type OptionsSection = typeof OptionsSection.Type

/** Which observations are kept. */
export const KeepSection = Schema.Struct({
  count: optional(Schema.Finite, "How many, about; 1000000 if absent"),
  age: Schema.optionalKey(duration("Days, or a duration such as 12h: for how long; 30d if absent", dayMicros, "days"))
})

/** Of the event log; what is left out has its default. */
export const LogSection = Schema.Struct({
  slowIo: Schema.optionalKey(
    duration("Milliseconds, or a duration: IO that takes so long is recorded; 1s, 0 for none", 1000, "milliseconds")
  ),
  keep: optional(KeepSection, "Which observations are kept; changes are kept in any case")
})
export type LogSection = typeof LogSection.Type

/** A whole file; every section may be left out. */
export const NativeConfig = Schema.Struct({
  include: optional(
    Schema.Array(Schema.String),
    "Files whose sections belong to this configuration, as seen from this file's folder; * and ? in the last part"
  ),
  options: optional(OptionsSection, "Of the target as a whole"),
  log: optional(LogSection, "Of the event log"),
  bdevs: optional(Schema.Array(BdevSection), "Block devices"),
  authGroups: optional(Schema.Array(AuthGroupSection), "CHAP secrets"),
  portalGroups: optional(Schema.Array(PortalGroupSection), "Addresses"),
  initiatorGroups: optional(Schema.Array(InitiatorGroupSection), "Access rules"),
  targets: optional(Schema.Array(TargetSection), "Targets and their LUNs")
})
export type NativeConfig = typeof NativeConfig.Type
