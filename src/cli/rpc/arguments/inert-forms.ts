/** Command lines of the methods whose settings have no effect here, so that SPDK's scripts run. */
import { Result } from "effect"
import { argument, flag, type MethodForm, method, onOff, option, optionalArgument, required } from "./MethodForm.ts"
import { choice, commaList, integer, type Params, text } from "./value-kinds.ts"

const number = (long: string, help: string) => option(["", long], integer("N"), help)

const implementation = required(option(["i", "impl"], text("NAME"), "posix, ssl or uring", "impl_name"))

/** A switch of sockets: `--NAME`, and the two flags of old versions. */
const socketSwitch = (name: string) =>
  onOff(name, `enable_${name.replaceAll("-", "_")}`, "(no effect)", [
    ["", `enable-${name}`],
    ["", `disable-${name}`]
  ])

const sockets: ReadonlyArray<MethodForm> = [
  method("sock_get_default_impl", "Shows the socket implementation that was set."),
  method("sock_set_default_impl", "(no effect)", [implementation], { answer: "bare", example: "-i posix" }),
  method("sock_impl_get_options", "Shows the options that were set.", [implementation], { example: "-i posix" }),
  method(
    "sock_impl_set_options",
    "(no effect)",
    [
      implementation,
      option(["r", "recv-buf-size"], integer("BYTES"), "(no effect)"),
      option(["s", "send-buf-size"], integer("BYTES"), "(no effect)"),
      option(["p", "enable-placement-id"], integer("0-2"), "(no effect)"),
      ...["recv-pipe", "quickack", "zerocopy-send-server", "zerocopy-send-client", "ktls"].flatMap(socketSwitch),
      number("zerocopy-threshold", "(no effect)"),
      number("tls-version", "(no effect)")
    ],
    { example: "-i posix -r 4194304" }
  )
]

const buffers: ReadonlyArray<MethodForm> = [
  method(
    "iobuf_set_options",
    "(no effect)",
    [
      number("small-pool-count", "small buffers"),
      number("large-pool-count", "large buffers"),
      number("small-bufsize", "bytes of a small one"),
      number("large-bufsize", "bytes of a large one"),
      flag(["", "enable-numa"], "pools by NUMA node")
    ],
    { example: "--small-pool-count 16384" }
  ),
  method("iobuf_get_stats", "Shows zeroes.")
]

const acceleration: ReadonlyArray<MethodForm> = [
  method(
    "accel_set_options",
    "(no effect)",
    ["small-cache-size", "large-cache-size", "task-count", "sequence-count", "buf-count"].map((name) =>
      number(name, "(no effect)")
    ),
    { example: "--task-count 4096" }
  ),
  method(
    "accel_assign_opc",
    "(no effect)",
    [
      required(option(["o", "opname"], text("NAME"), "the operation")),
      required(option(["m", "module"], text("NAME"), "who is to do it"))
    ],
    { example: "-o crc32c -m software" }
  ),
  method("accel_set_driver", "(no effect)", [argument("name", text("NAME"), "name of the driver")], {
    example: "mlx5"
  }),
  method("accel_get_opc_assignments", "Shows who does what."),
  method("accel_get_module_info", "Shows the modules."),
  method("accel_get_stats", "Shows zeroes."),
  method(
    "accel_error_inject_error",
    "(no effect)",
    [
      required(option(["o", "opcode"], text("NAME"), "the operation: crc32c")),
      required(option(["t", "type"], choice("corrupt", "failure", "disable"), "what goes wrong")),
      option(["c", "count"], integer("N"), "(no effect)"),
      option(["i", "interval"], integer("N"), "(no effect)"),
      option(["", "errcode"], integer("N"), "(no effect)")
    ],
    { example: "-o crc32c -t disable" }
  ),
  method("env_dpdk_get_mem_stats", "Shows where memory statistics would be written."),
  method("ioat_scan_accel_module", "(no effect)"),
  method("ae4dma_scan_accel_module", "(no effect)"),
  method("vmd_enable", "(no effect)"),
  method("vmd_rescan", "Looks for devices behind VMD: none.", [], { answer: "json" }),
  method("vmd_remove_device", "Refused: there is none.", [argument("addr", text("ADDRESS"), "its PCI address")], {
    example: "5d0505:01:00.0"
  })
]

/** The multipath options are one object. */
const groupMultipath = ({ min_io, policy, selector, ...params }: Params): Result.Result<Params, string> => {
  const given = Object.entries({ policy, selector, min_io }).filter(([, value]) => value !== undefined)
  return Result.succeed(given.length === 0 ? params : { ...params, multipath_opts: Object.fromEntries(given) })
}

const nvmeShort: ReadonlyArray<readonly [string, string]> = [
  ["t", "timeout-us"],
  ["", "timeout-admin-us"],
  ["k", "keep-alive-timeout-ms"],
  ["", "arbitration-burst"],
  ["", "low-priority-weight"],
  ["", "medium-priority-weight"],
  ["", "high-priority-weight"],
  ["p", "nvme-adminq-poll-period-us"],
  ["i", "nvme-ioq-poll-period-us"],
  ["s", "io-queue-requests"],
  ["c", "transport-retry-count"],
  ["r", "bdev-retry-count"],
  ["e", "transport-ack-timeout"],
  ["l", "ctrlr-loss-timeout-sec"],
  ["o", "reconnect-delay-sec"],
  ["u", "fast-io-fail-timeout-sec"],
  ["", "transport-tos"],
  ["q", "rdma-srq-size"],
  ["", "rdma-max-cq-size"],
  ["", "rdma-cm-event-timeout-ms"],
  ["", "tcp-connect-timeout-ms"]
]

const nvmeOptions = [
  option(["a", "action-on-timeout"], choice("none", "reset", "abort"), "(no effect)"),
  ...nvmeShort.map((names) => option(names, integer("N"), "(no effect)")),
  flag(["d", "disable-delay-cmd-submit"], "(no effect)", "delay_cmd_submit", false),
  flag(["f", "disable-auto-failback"], "(no effect)"),
  flag(["m", "nvme-error-stat"], "(no effect)"),
  ...["generate-uuids", "io-path-stat", "allow-accel-sequence", "rdma-umr-per-io", "enable-flush"].map((long) =>
    flag(["", long], "(no effect)")
  ),
  option(["", "dhchap-digests"], commaList("NAME"), "(no effect)"),
  option(["", "dhchap-dhgroups"], commaList("NAME"), "(no effect)"),
  option(["", "policy"], choice("active_passive", "active_active"), "(no effect)"),
  option(["", "selector"], choice("round_robin", "queue_depth"), "(no effect)"),
  option(["", "min-io"], integer("N"), "(no effect)")
]

const bdevModules: ReadonlyArray<MethodForm> = [
  method(
    "bdev_set_options",
    "Sets whether bdevs are examined by themselves; the rest has no effect.",
    [
      option(["p", "bdev-io-pool-size"], integer("N"), "(no effect)"),
      option(["c", "bdev-io-cache-size"], integer("N"), "(no effect)"),
      ...onOff("auto-examine", "bdev_auto_examine", "examine new bdevs by themselves", [
        ["e", "enable-auto-examine"],
        ["d", "disable-auto-examine"]
      ]),
      number("iobuf-small-cache-size", "(no effect)"),
      number("iobuf-large-cache-size", "(no effect)")
    ],
    { aliases: ["set_bdev_options"], example: "--no-auto-examine" }
  ),
  method(
    "bdev_raid_set_options",
    "(no effect)",
    [
      option(["w", "process-window-size-kb"], integer("KIB"), "(no effect)"),
      option(["b", "process-max-bandwidth-mb-sec"], integer("MIB"), "(no effect)")
    ],
    { example: "-w 2048" }
  ),
  method("bdev_iscsi_set_options", "(no effect)", [option(["t", "timeout-sec"], integer("SECONDS"), "(no effect)")], {
    aliases: ["set_bdev_iscsi_options"],
    example: "-t 30"
  }),
  method("bdev_nvme_set_options", "(no effect)", nvmeOptions, {
    aliases: ["set_bdev_nvme_options"],
    example: "-r 5",
    finish: groupMultipath
  })
]

const keysAndDisks: ReadonlyArray<MethodForm> = [
  method("keyring_linux_set_options", "(no effect)", [flag(["e", "enable"], "(no effect)")], { example: "-e" }),
  method(
    "keyring_file_add_key",
    "Notes the name of a key; its file is not read.",
    [argument("name", text("NAME"), "name of the key"), argument("path", text("FILE"), "path of its file")],
    { example: "key0 /etc/lunlog/key0" }
  ),
  method("keyring_file_remove_key", "Forgets the name of a key.", [argument("name", text("NAME"), "its name")], {
    example: "key0"
  }),
  method("keyring_get_keys", "Shows the keys that were noted."),
  method(
    "nbd_start_disk",
    "Notes the wish; no device is made.",
    [argument("bdev_name", text("BDEV"), "the bdev"), optionalArgument("nbd_device", text("DEVICE"), "/dev/nbd0")],
    { answer: "bare", aliases: ["start_nbd_disk"], example: "Malloc0 /dev/nbd0" }
  ),
  method("nbd_stop_disk", "Forgets the wish.", [argument("nbd_device", text("DEVICE"), "/dev/nbd0")], {
    aliases: ["stop_nbd_disk"],
    example: "/dev/nbd0"
  }),
  method("nbd_get_disks", "Lists NBD devices: none.", [option(["n", "nbd-device"], text("DEVICE"), "only this")], {
    aliases: ["get_nbd_disks"]
  })
]

const scheduling: ReadonlyArray<MethodForm> = [
  method(
    "framework_set_scheduler",
    "(no effect)",
    [
      argument("name", text("NAME"), "static, dynamic or gscheduler"),
      option(["p", "period"], integer("MICROSECONDS"), "(no effect)"),
      number("load-limit", "(no effect)"),
      number("core-limit", "(no effect)"),
      number("core-busy", "(no effect)"),
      option(["", "mappings"], text("THREAD:CORE,..."), "(no effect)")
    ],
    { example: "dynamic -p 500000" }
  ),
  method("framework_get_scheduler", "Shows the scheduler that was set."),
  method("framework_get_governor", "Shows nothing."),
  method(
    "scheduler_set_options",
    "(no effect)",
    [
      option(["i", "isolated-core-mask"], text("MASK"), "(no effect)"),
      option(["s", "scheduling-core"], integer("N"), "(no effect)")
    ],
    { example: "-i 0x1" }
  ),
  method("framework_enable_cpumask_locks", "(no effect)"),
  method("framework_disable_cpumask_locks", "(no effect)"),
  method(
    "framework_monitor_context_switch",
    "(no effect)",
    onOff("monitor", "enabled", "on or off", [
      ["e", "enable"],
      ["d", "disable"]
    ]),
    { answer: "json", aliases: ["context_switch_monitor"], example: "--monitor" }
  )
]

/** This file's forms. */
export const inertForms: ReadonlyArray<MethodForm> = [
  ...sockets,
  ...buffers,
  ...acceleration,
  ...bdevModules,
  ...keysAndDisks,
  ...scheduling
]
