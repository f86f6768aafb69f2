/**
 * Forks: a target that goes on from a moment of another one's log. Its own log begins with the state of that moment,
 * with names, ids, addresses and files put in place of the source's, and then says so with `Forked`.
 */
import { Schema } from "effect"
import { Portal } from "../group/PortalGroup.ts"
import { Seq, Uuid } from "../ids.ts"

/** Characters of what is appended to the names of targets. */
const FORK_SUFFIX_LENGTH_MAX = 64
/** Characters of the directory of a fork's files. */
const FORK_DIRECTORY_LENGTH_MAX = 3800

/** What initiators know targets and disks by. `Kept`: they cannot tell the fork from its source. */
export const ForkIdentity = Schema.TaggedUnion({
  Kept: {},
  /** Target names end in `suffix`; ids of disks derive from the fork's instance id. */
  New: {
    suffix: Schema.String.check(Schema.isPattern(/^[a-z0-9.:-]+$/u), Schema.isMaxLength(FORK_SUFFIX_LENGTH_MAX))
  }
})
export type ForkIdentity = typeof ForkIdentity.Type

/** Where a fork listens instead. */
export const ForkPortals = Schema.TaggedUnion({
  /** On the same addresses, `by` ports further; past 65535 it goes on at 1. */
  Offset: { by: Schema.Int.check(Schema.isBetween({ minimum: -65534, maximum: 65534 })) },
  /** On one address. A portal that is not listed keeps its port. */
  Address: {
    host: Portal.fields.host,
    ports: Schema.Array(Schema.Struct({ from: Portal, port: Portal.fields.port }))
  }
})
export type ForkPortals = typeof ForkPortals.Type

/** What is another in the fork, for every name, address and file that its source's log can hold. */
export const ForkMapping = Schema.Struct({
  /** The fork's: the source's if the identity is kept. */
  instanceId: Uuid,
  identity: ForkIdentity,
  portals: ForkPortals,
  /** Redirects to the source's own portals. Those to any other address stay. */
  redirects: Schema.Array(Schema.Struct({ from: Portal, to: Portal })),
  /** Absolute directory of the files that take the place of the source's. */
  fileDirectory: Schema.String.check(Schema.isMaxLength(FORK_DIRECTORY_LENGTH_MAX))
})
export type ForkMapping = typeof ForkMapping.Type

/** What a fork's disks began with. `snapshot`: with the source's content of the time of the fork, not of `sourceAt`. */
export const ForkData = Schema.Literals(["empty", "snapshot"])
export type ForkData = typeof ForkData.Type

const origin = {
  sourceInstanceId: Uuid,
  /** Last record whose effect the fork began with; 0 if none. */
  sourceSeq: Seq,
  /** SHA-256 of the last control record up to there, in hexadecimal; empty if there is none. */
  sourceControlHash: Schema.String,
  /** Microseconds since 1970 of the last record up to there. */
  sourceAt: Schema.Natural,
  mapping: ForkMapping,
  data: ForkData
}

/** Where a fork has come from; it stays through every epoch. */
export const ForkOrigin = Schema.Struct({
  ...origin,
  /** Seq of the event in the fork's log. */
  since: Seq
})
export type ForkOrigin = typeof ForkOrigin.Type

/** What can happen to a fork as such. */
export const forkEvents = {
  /** First record of a fork's log. */
  Forked: origin
} as const

/** What can be asked of it. */
export const forkCommands = {
  /** Refused on a target that has started. */
  RecordForked: origin
} as const
