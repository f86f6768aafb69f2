/**
 * The methods that the page calls, with what it reads of their answers. They are those of the command line:
 * `lunlog status --json`, `lunlog top --json`, `lunlog session list`, `lunlog log` (docs/rpc.md).
 */

import { method } from "./RpcClient.ts"
import {
  anything,
  flag,
  list,
  number,
  object,
  optional,
  orElse,
  type Read,
  text,
  textOrNumber,
  words
} from "./reader-codec.ts"

const portal = object({
  tag: number,
  host: text,
  port: number,
  state: text,
  code: optional(text),
  group_name: optional(words)
})

const bdevState = object({
  name: text,
  state: text,
  detail: optional(words),
  limited: optional(object({ waiting_ios: number, delayed_ios: number }))
})

const drain = object({ target: text, lun_id: number, commands_left: number, deadline_at: optional(number) })
/** A LUN that goes: what is left of its commands, and when the rest is aborted (milliseconds since 1970). */
export type Drain = Read<typeof drain>

const reactor = object({
  index: number,
  state: text,
  targets: list(text),
  bdevs: number,
  connections: number,
  failures: number
})

const memory = object({
  limit: number,
  used: number,
  connections: number,
  commands: number,
  output: number,
  disks: number,
  process: object({ resident: number })
})

const status = object({
  version: text,
  instance_id: text,
  state_directory: optional(text),
  pid: number,
  started_at: number,
  state: text,
  epoch: optional(object({ number, mode: text })),
  fork: optional(object({ source_instance_id: text, source_seq: number, source_at: number })),
  log: object({ durable_seq: number, tip_seq: number, control_no: number, dropped_observations: number }),
  config: optional(object({ name: text, seq: number })),
  objects: optional(object({ bdevs: number, targets: number })),
  drift_count: orElse(number, 0),
  drift: orElse(list(object({ message: words })), []),
  portals: orElse(list(portal), []),
  bdevs: orElse(list(bdevState), []),
  lun_drains: orElse(list(drain), []),
  reactors: orElse(list(reactor), []),
  memory: optional(memory),
  suppressed_observations: orElse(number, 0),
  warnings: orElse(list(words), [])
})
/** What `lunlog status --json` has under `status`. */
export type Status = Read<typeof status>

/** `lunlog_status`. */
export const lunlogStatus = method("lunlog_status", status)

const map = object({ pg_tag: number, ig_tag: number, luns: optional(list(number)), read_only: orElse(flag, false) })

const target = object({
  name: text,
  alias_name: optional(words),
  pg_ig_maps: list(map),
  luns: list(object({ bdev_name: text, lun_id: number })),
  queue_depth: number,
  disable_chap: flag,
  require_chap: flag,
  mutual_chap: flag,
  chap_group: number,
  header_digest: flag,
  data_digest: flag
})
/** A target with its LUNs and whom it lets in. */
export type Target = Read<typeof target>

/** `iscsi_get_target_nodes`: those that are not being deleted. */
export const getTargets = method("iscsi_get_target_nodes", list(target))

const rateLimits = object({
  rw_ios_per_sec: number,
  rw_mbytes_per_sec: number,
  r_mbytes_per_sec: number,
  w_mbytes_per_sec: number
})

const bdev = object({
  name: text,
  product_name: text,
  block_size: number,
  num_blocks: number,
  uuid: text,
  claimed: orElse(flag, false),
  assigned_rate_limits: optional(rateLimits),
  driver_specific: anything
})
/** A block device. */
export type Bdev = Read<typeof bdev>

/** `bdev_get_bdevs`. */
export const getBdevs = method("bdev_get_bdevs", list(bdev))

const session = object({
  id: number,
  tsih: number,
  state: text,
  login_phase: text,
  initiator_name: text,
  initiator_addr: text,
  target_name: text,
  target_addr: text,
  portal_group_tag: number
})
/** A connection with its session; without a target it is a discovery session. */
export type Session = Read<typeof session>

/** `lunlog_get_sessions`. */
export const getSessions = method("lunlog_get_sessions", list(session))

const portalGroup = object({
  tag: number,
  name: optional(words),
  portals: list(object({ host: text, port: textOrNumber })),
  private: orElse(flag, false)
})
/** Addresses that are listened on. */
export type PortalGroup = Read<typeof portalGroup>

/** `iscsi_get_portal_groups`. */
export const getPortalGroups = method("iscsi_get_portal_groups", list(portalGroup))

const initiatorGroup = object({ tag: number, name: optional(words), initiators: list(text), netmasks: list(text) })
/** Who may log in, and from where. */
export type InitiatorGroup = Read<typeof initiatorGroup>

/** `iscsi_get_initiator_groups`. */
export const getInitiatorGroups = method("iscsi_get_initiator_groups", list(initiatorGroup))

const registration = object({
  initiator_name: text,
  isid: text,
  target_name: text,
  relative_target_port: number,
  key: text,
  holder: flag
})

/** `lunlog_reservations_get`: of disks that somebody is registered with. */
export const getReservations = method(
  "lunlog_reservations_get",
  list(
    object({
      bdev_name: text,
      generation: number,
      persist_through_power_loss: orElse(flag, false),
      reservation: optional(object({ type: number, type_name: text })),
      registrations: list(registration)
    })
  )
)

const access = object({ read_only: flag, hint: optional(text), host: optional(text) })
/** What the page may do, and why not more. */
export type Access = Read<typeof access>

/** `lunlog_get_console`. */
export const getAccess = method("lunlog_get_console", access)

/** `iscsi_target_node_remove_lun`: answers when the LUN has drained. */
export const removeLun = method("iscsi_target_node_remove_lun", flag)

/** `lunlog_kick_session`: asks a session to log out. */
export const kickSession = method("lunlog_kick_session", list(object({ id: number })))
