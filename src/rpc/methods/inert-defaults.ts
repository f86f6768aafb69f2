/** Parameters of the methods without effect, with the defaults of SPDK 26.05, in the order in which it shows them. */
import { Schema } from "effect"
import { JsonNumber } from "../json-value.ts"
import { Text, Uint64 } from "../param.ts"
import { inertDefaults, inertOptional, inertRequired } from "./inert.ts"

/** Some of `bdev_nvme_set_options` may be -1. */
const AnyNumber = Schema.instanceOf(JsonNumber, { expected: "a number" })

/** Socket implementations that a saved configuration may name. */
export const sockImplementations = ["posix", "ssl", "uring"] as const

const sockBuffers = (bytes: number) =>
  inertDefaults({
    recv_buf_size: bytes,
    send_buf_size: bytes,
    enable_recv_pipe: true,
    enable_quickack: false,
    enable_placement_id: 0,
    enable_zerocopy_send_server: true,
    enable_zerocopy_send_client: false,
    zerocopy_threshold: 0,
    tls_version: 0,
    enable_ktls: false
  })

/** `sock_impl_set_options` without the name of the implementation. */
export const sockParams = (implementation: string) => sockBuffers(implementation === "ssl" ? 4096 : 2_097_152)

/** `iobuf_set_options`. */
export const iobufParams = inertDefaults(
  {
    small_pool_count: 8192,
    large_pool_count: 1024,
    small_bufsize: 8192,
    large_bufsize: 135_168,
    enable_numa: false
  },
  { small_pool_count: Uint64, large_pool_count: Uint64 }
)

/** `accel_set_options`. */
export const accelParams = inertDefaults({
  small_cache_size: 128,
  large_cache_size: 16,
  task_count: 2048,
  sequence_count: 2048,
  buf_count: 2048
})

/** `bdev_set_options`. */
export const bdevParams = inertDefaults({
  bdev_io_pool_size: 65_535,
  bdev_io_cache_size: 256,
  bdev_auto_examine: true,
  iobuf_small_cache_size: 128,
  iobuf_large_cache_size: 16
})

/** `bdev_raid_set_options`. */
export const raidParams = inertDefaults({ process_window_size_kb: 1024, process_max_bandwidth_mb_sec: 0 })

/** `bdev_iscsi_set_options`. */
export const iscsiInitiatorParams = inertDefaults({ timeout_sec: 30 }, { timeout_sec: Uint64 })

const nvmeDefaults = {
  action_on_timeout: "none",
  timeout_us: 0,
  timeout_admin_us: 0,
  keep_alive_timeout_ms: 10_000,
  arbitration_burst: 0,
  low_priority_weight: 0,
  medium_priority_weight: 0,
  high_priority_weight: 0,
  nvme_adminq_poll_period_us: 10_000,
  nvme_ioq_poll_period_us: 0,
  io_queue_requests: 0,
  delay_cmd_submit: true,
  transport_retry_count: 4,
  bdev_retry_count: 3,
  transport_ack_timeout: 0,
  ctrlr_loss_timeout_sec: 0,
  reconnect_delay_sec: 0,
  fast_io_fail_timeout_sec: 0,
  disable_auto_failback: false,
  generate_uuids: false,
  transport_tos: 0,
  nvme_error_stat: false,
  rdma_srq_size: 0,
  io_path_stat: false,
  allow_accel_sequence: false,
  rdma_max_cq_size: 0,
  rdma_cm_event_timeout_ms: 0,
  dhchap_digests: ["sha256", "sha384", "sha512"],
  dhchap_dhgroups: ["null", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"],
  rdma_umr_per_io: false,
  tcp_connect_timeout_ms: 0,
  enable_flush: false,
  multipath_opts: { policy: "active_passive" }
}

const numberNames = Object.entries(nvmeDefaults).flatMap(([name, value]) => (typeof value === "number" ? [name] : []))

/** `bdev_nvme_set_options`. */
export const nvmeParams = inertDefaults(nvmeDefaults, Object.fromEntries(numberNames.map((name) => [name, AnyNumber])))

/** `framework_set_scheduler`. The settings of the dynamic scheduler are shown only if they were given. */
export const schedulerParams = {
  name: { ...inertRequired(Text), otherwise: "static" },
  period: inertOptional(Uint64),
  load_limit: inertOptional(AnyNumber),
  core_limit: inertOptional(AnyNumber),
  core_busy: inertOptional(AnyNumber),
  mappings: inertOptional(Text)
}
