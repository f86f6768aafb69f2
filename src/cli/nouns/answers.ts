/** The target's answers as nouns and verbs read them: only the members that they use. */
import { Effect, Schema } from "effect"
import { closest } from "../../config/native/closest.ts"
import { CliFailure } from "../CliFailure.ts"
import type { Call } from "../rpc/rpc-session.ts"

const Portal = Schema.Struct({ host: Schema.String, port: Schema.String })

/** Of `iscsi_get_portal_groups`. */
export const PortalGroups = Schema.Array(
  Schema.Struct({
    tag: Schema.Number,
    name: Schema.optionalKey(Schema.String),
    portals: Schema.Array(Portal),
    private: Schema.Boolean
  })
)
/** Of `iscsi_get_initiator_groups`. */
export const InitiatorGroups = Schema.Array(
  Schema.Struct({
    tag: Schema.Number,
    name: Schema.optionalKey(Schema.String),
    initiators: Schema.Array(Schema.String),
    netmasks: Schema.Array(Schema.String)
  })
)
/** Of `iscsi_get_auth_groups`, without the secrets. */
export const AuthGroups = Schema.Array(
  Schema.Struct({
    tag: Schema.Number,
    name: Schema.optionalKey(Schema.String),
    secrets: Schema.Array(Schema.Struct({ user: Schema.String, muser: Schema.optionalKey(Schema.String) }))
  })
)

/** Of `iscsi_get_options`: what discovery needs. */
export const IscsiOptions = Schema.Struct({ chap_group: Schema.Number })

/** One of `iscsi_get_target_nodes`. */
export const Target = Schema.Struct({
  name: Schema.String,
  alias_name: Schema.optionalKey(Schema.String),
  pg_ig_maps: Schema.Array(
    Schema.Struct({
      pg_tag: Schema.Number,
      ig_tag: Schema.Number,
      luns: Schema.optionalKey(Schema.Array(Schema.Number)),
      read_only: Schema.optionalKey(Schema.Boolean)
    })
  ),
  luns: Schema.Array(Schema.Struct({ bdev_name: Schema.String, lun_id: Schema.Number })),
  queue_depth: Schema.Number,
  disable_chap: Schema.Boolean,
  require_chap: Schema.Boolean,
  mutual_chap: Schema.Boolean,
  chap_group: Schema.Number,
  header_digest: Schema.Boolean,
  data_digest: Schema.Boolean
})
export type Target = typeof Target.Type
/** Of `iscsi_get_target_nodes`. */
export const Targets = Schema.Array(Target)

/** One of `bdev_get_bdevs`. */
export const Bdev = Schema.Struct({
  name: Schema.String,
  product_name: Schema.String,
  removable: Schema.optionalKey(Schema.Boolean),
  block_size: Schema.Number,
  num_blocks: Schema.Union([Schema.Number, Schema.BigInt]),
  uuid: Schema.optionalKey(Schema.String),
  /** 0 is no limit. */
  assigned_rate_limits: Schema.optionalKey(Schema.Record(Schema.String, Schema.Number)),
  /** Its device is away. */
  detached: Schema.optionalKey(Schema.Struct({ reason: Schema.String }))
})
export type Bdev = typeof Bdev.Type
/** Of `bdev_get_bdevs`. */
export const Bdevs = Schema.Array(Bdev)

/** Of `lunlog_get_sessions` and `lunlog_kick_session`. */
export const Sessions = Schema.Array(
  Schema.Struct({
    id: Schema.Number,
    tsih: Schema.Number,
    state: Schema.String,
    login_phase: Schema.String,
    initiator_name: Schema.String,
    initiator_addr: Schema.String,
    target_name: Schema.String,
    portal_group_tag: Schema.Number
  })
)
export type Sessions = typeof Sessions.Type

/** One call whose answer has the form of `schema`. */
export const ask = <A>(
  call: Call,
  schema: Schema.Codec<A, unknown>,
  method: string,
  params?: unknown
): Effect.Effect<A, CliFailure> =>
  Effect.flatMap(call(method, params), (answer) =>
    Effect.mapError(Schema.decodeUnknownEffect(schema)(answer), (error) => {
      const reason = error.message.split("\n")[0] ?? ""
      const message = `the answer to ${method} has not the expected form (${reason}); use the same lunlog on both ends`
      return new CliFailure({ message })
    })
  )

/** The targets. */
export const askTargets = (call: Call) => ask(call, Targets, "iscsi_get_target_nodes")

const shortName = (name: string): string => name.slice(name.indexOf(":") + 1)

const noTarget = (wanted: string, targets: ReadonlyArray<Target>): CliFailure => {
  const names = targets.flatMap(({ name }) => [name, shortName(name)])
  const meant = closest(wanted, names)
  const hint = meant === undefined ? "lunlog target list shows those that are there" : `did you mean ${meant}?`
  return new CliFailure({ message: `there is no target ${wanted}; ${hint}` })
}

/** A target by its whole name, or by what follows the first colon if only one has that. */
export const findTarget = (call: Call, wanted: string): Effect.Effect<Target, CliFailure> =>
  Effect.flatMap(askTargets(call), (targets) => {
    const same = (name: string): boolean => name.toLowerCase() === wanted.toLowerCase()
    const found = targets.filter(({ name }) => same(name))
    const short = found.length > 0 ? found : targets.filter(({ name }) => same(shortName(name)))
    const [target, other] = short
    if (target === undefined) return Effect.fail(noTarget(wanted, targets))
    if (other === undefined) return Effect.succeed(target)
    const names = short.map(({ name }) => name).join(", ")
    return Effect.fail(new CliFailure({ message: `${wanted} is the end of several names: ${names}; give a whole one` }))
  })

/** The lowest tag that no group has. */
export const freeTag = (groups: ReadonlyArray<{ readonly tag: number }>): number => {
  const taken = new Set(groups.map(({ tag }) => tag))
  let tag = 1
  while (taken.has(tag)) tag++
  return tag
}

/** Bytes of a disk. */
export const bytesOf = ({ block_size, num_blocks }: Bdev): number => block_size * Number(num_blocks)
