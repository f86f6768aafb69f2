/** Command lines of the methods about the process: framework, threads, log, trace, notifications, and lunlog's own. */

import { Result } from "effect"
import { exportFormatNames } from "../../../config/ExportFormat.ts"
import { argument, flag, type MethodForm, method, onOff, option, required } from "./MethodForm.ts"
import { choice, hexadecimal, integer, text } from "./value-kinds.ts"

const framework: ReadonlyArray<MethodForm> = [
  method(
    "rpc_get_methods",
    "Lists the methods.",
    [flag(["c", "current"], "only those that may be called now"), flag(["i", "include-aliases"], "with the old names")],
    { answer: "json", aliases: ["get_rpc_methods"], example: "--current" }
  ),
  method("spdk_get_version", "Shows the version of SPDK whose dialect is spoken.", [], {
    answer: "json",
    aliases: ["get_spdk_version"]
  }),
  method(
    "spdk_kill_instance",
    "Ends the target.",
    [argument("sig_name", text("SIGNAL"), "SIGINT, SIGTERM, SIGQUIT, SIGHUP: in order; SIGKILL: at once")],
    { aliases: ["kill_instance"], example: "SIGTERM" }
  ),
  method("framework_start_init", "Ends the STARTUP of --wait-for-rpc: initiators are let in.", [], {
    aliases: ["start_subsystem_init"]
  }),
  method("framework_wait_init", "Waits until initiators are let in.", [], { aliases: ["wait_subsystem_init"] }),
  method("framework_get_subsystems", "Lists the subsystems of a saved configuration.", [], {
    aliases: ["get_subsystems"]
  }),
  method(
    "framework_get_config",
    "Shows the calls that lead to the present state of a subsystem.",
    [argument("name", text("SUBSYSTEM"), "iscsi, bdev ..."), flag(["", "with-batches"], "the form of SPDK 26.05")],
    { aliases: ["get_subsystem_config"], example: "iscsi" }
  ),
  method("framework_get_reactors", "Shows the data path's thread."),
  method(
    "framework_get_pci_devices",
    "Lists PCI devices: none.",
    [flag(["", "format-lspci"], "(no effect, as there is none)")],
    { finish: () => Result.succeed({}) }
  )
]

const threads: ReadonlyArray<MethodForm> = [
  method("thread_get_stats", "Shows how busy the threads are."),
  method("thread_get_pollers", "Lists pollers: none."),
  method("thread_get_io_channels", "Lists IO channels: none."),
  method(
    "thread_set_cpumask",
    "(no effect)",
    [
      required(option(["i", "id"], integer("ID"), "id of the thread")),
      required(option(["m", "cpumask"], text("MASK"), "its cores"))
    ],
    { example: "-i 1 -m 1" }
  )
]

const level = argument("level", choice("ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"), "what is told, and all above")
const logFlag = argument("flag", text("FLAG"), "iscsi, scsi, bdev ..., or all")

const log: ReadonlyArray<MethodForm> = [
  method("log_set_print_level", "Sets what the target prints on stderr.", [level], {
    aliases: ["set_log_print_level"],
    example: "DEBUG"
  }),
  method("log_get_print_level", "Shows what the target prints on stderr.", [], { aliases: ["get_log_print_level"] }),
  method("log_set_level", "(no effect: there is no syslog)", [level], { aliases: ["set_log_level"], example: "DEBUG" }),
  method("log_get_level", "Shows what log_set_level was given.", [], { aliases: ["get_log_level"] }),
  method("log_set_flag", "(no effect: messages have no flags)", [logFlag], {
    aliases: ["set_log_flag"],
    example: "iscsi"
  }),
  method("log_clear_flag", "(no effect: messages have no flags)", [logFlag], {
    aliases: ["clear_log_flag"],
    example: "iscsi"
  }),
  method("log_get_flags", "Shows which flags are set.", [], { aliases: ["get_log_flags"] }),
  method(
    "log_enable_timestamps",
    "(no effect)",
    onOff("timestamps", "enabled", "with time or not", [
      ["e", "enable"],
      ["d", "disable"]
    ]).map(required),
    { example: "--timestamps" }
  )
]

const traceGroup = argument("name", text("GROUP"), "iscsi_conn, scsi, bdev ..., or all")
const traceMask = argument("tpoint_mask", hexadecimal("MASK"), "points of the group: 0x3")

const trace: ReadonlyArray<MethodForm> = [
  method("trace_enable_tpoint_group", "(no effect: there is no trace file)", [traceGroup], {
    aliases: ["enable_tpoint_group"],
    example: "iscsi_conn"
  }),
  method("trace_disable_tpoint_group", "(no effect: there is no trace file)", [traceGroup], {
    aliases: ["disable_tpoint_group"],
    example: "iscsi_conn"
  }),
  method("trace_set_tpoint_mask", "(no effect: there is no trace file)", [traceGroup, traceMask], {
    example: "iscsi_conn 0x3"
  }),
  method("trace_clear_tpoint_mask", "(no effect: there is no trace file)", [traceGroup, traceMask], {
    example: "iscsi_conn 0x3"
  }),
  method("trace_get_tpoint_group_mask", "Shows which groups are on.", [], { aliases: ["get_tpoint_group_mask"] }),
  method("trace_get_info", "Shows the groups."),
  method("trace_clear", "(no effect: there is no trace file)")
]

const notifications: ReadonlyArray<MethodForm> = [
  method("notify_get_types", "Lists what can be notified of.", [], { aliases: ["get_notification_types"] }),
  method(
    "notify_get_notifications",
    "Shows bdevs that came and went.",
    [
      option(["i", "id"], integer("ID"), "the first one wanted"),
      option(["n", "max"], integer("N"), "how many at most")
    ],
    { aliases: ["get_notifications"], example: "-i 0 -n 10" }
  )
]

const planOptions = [
  flag(["", "enforce"], "what is declared is made so, drift included"),
  flag(["", "prune"], "remove what no file has made"),
  flag(["", "replace"], "also what loses data"),
  option(["", "target"], text("NAME"), "only this target")
]

/** Of use together, over one connection: `lunlog plan` and `lunlog apply` are for people. */
const configuration: ReadonlyArray<MethodForm> = [
  method(
    "lunlog_config_upload",
    "Takes a piece of a configuration, as JSON with everything resolved.",
    [
      argument("name", text("NAME"), "what the file is called"),
      argument("chunk", text("TEXT"), "follows what came before"),
      flag(["", "restart"], "begins anew")
    ],
    { answer: "json", example: "disks.yaml '{}'" }
  ),
  method("lunlog_config_plan", "Shows what applying the configuration would do.", planOptions, {
    answer: "json",
    example: "--prune"
  }),
  method(
    "lunlog_config_apply",
    "Applies the configuration.",
    [...planOptions, option(["", "digest"], text("DIGEST"), "only if the plan still has it")],
    { answer: "json", example: "--prune" }
  ),
  method("lunlog_config_progress", "Shows how far applying is.", [], { answer: "json" })
]

const own: ReadonlyArray<MethodForm> = [
  method("lunlog_status", "Shows what lunlog status shows.", [], { answer: "json" }),
  method(
    "lunlog_get_statistics",
    "Shows the counters behind lunlog top.",
    [option(["", "active-since"], integer("NANOS"), "only LUNs with IO since this at_nanos of an earlier answer")],
    { answer: "json" }
  ),
  method("lunlog_get_metrics", "Shows all metrics, as Prometheus reads them.", [], { answer: "json" }),
  method(
    "lunlog_get_metrics_history",
    "Shows what the target has been doing, in steps of 5, 60 or 600 seconds.",
    [
      option(["", "step"], integer("SECONDS"), "5 (default; of the last 10 minutes), 60 (2 hours) or 600 (a day)"),
      option(["", "from"], integer("MILLISECONDS"), "samples that end after this time (since 1970)"),
      option(["", "to"], integer("MILLISECONDS"), "and no later than this")
    ],
    { answer: "json" }
  ),
  method(
    "lunlog_capture_pdus",
    "Shows the last PDUs of connections, as lunlog incident capture writes them into a file.",
    [
      option(["", "target"], text("NAME"), "only of connections with this target"),
      option(["", "initiator"], text("NAME"), "only of this initiator"),
      option(["", "tsih"], integer("N"), "only of this session"),
      option(["", "id"], integer("N"), "only of this connection"),
      option(["", "from"], integer("N"), "connections with this number or a higher one: next of the answer before")
    ],
    { answer: "json", example: "--tsih 1" }
  ),
  method(
    "lunlog_set_log_options",
    "Sets what counts as slow IO, and which observations the event log keeps.",
    [
      option(["", "slow-io-ms"], integer("MILLISECONDS"), "IO that takes so long is recorded; 0 for none (1000)"),
      option(["", "keep-count"], integer("N"), "how many observations are kept (1000000)"),
      option(["", "keep-age-ms"], integer("MILLISECONDS"), "for how long (2592000000, which is 30 days)")
    ],
    { answer: "json", example: "--slow-io-ms 500" }
  ),
  method("lunlog_get_log_options", "Shows them.", [], { answer: "json" }),
  method(
    "lunlog_identify",
    "Names the client in the log for the rest of the connection; of use on stdin and by programs.",
    [
      argument("source", choice("cli", "config", "rpc"), "what kind of client it is"),
      argument("actor", text("NAME"), "who it is")
    ],
    { example: "rpc backup-job" }
  ),
  method(
    "lunlog_export",
    "Gives the state as a configuration file; lunlog export writes it.",
    [
      option(["", "format"], choice(...exportFormatNames), "of the file (yaml)"),
      option(["", "target"], text("NAME"), "only this target and what it needs"),
      flag(["", "with-secrets"], "with the secrets of CHAP in clear")
    ],
    { answer: "json", example: "--target disk1" }
  ),
  method("lunlog_get_console", "Shows who calls and whether it may change anything, and where the web console is."),
  method("lunlog_get_sessions", "Shows who is connected, with names."),
  method(
    "lunlog_kick_session",
    "Asks sessions to log out, and cuts those that do not.",
    [
      option(["", "id"], integer("ID"), "id of the connection"),
      option(["", "tsih"], integer("TSIH"), "handle of the session"),
      option(["", "initiator"], text("NAME"), "name of the initiator"),
      option(["", "target"], text("NAME"), "name of the target"),
      option(["", "logout-timeout"], integer("MILLISECONDS"), "when to cut them (30000)", "timeout")
    ],
    { answer: "json", example: "--tsih 3" }
  ),
  method(
    "lunlog_reservations_get",
    "Shows who is registered with disks, and has reserved them.",
    [option(["", "name"], text("BDEV"), "only this disk")],
    { answer: "json", example: "--name Malloc0" }
  ),
  method(
    "lunlog_reservations_clear",
    "Takes all registrations and the reservation of a disk away.",
    [argument("name", text("BDEV"), "the disk")],
    { answer: "json", example: "Malloc0" }
  ),
  method(
    "lunlog_bdev_dump",
    "Copies what a RAM disk holds into a new file on the target's host.",
    [
      argument("name", text("BDEV"), "the disk"),
      argument("file", text("FILE"), "absolute path of a file that does not exist yet")
    ],
    { answer: "json", example: "Malloc0 /var/tmp/malloc0.img" }
  )
]

/** This file's forms. */
export const processForms: ReadonlyArray<MethodForm> = [
  ...framework,
  ...threads,
  ...log,
  ...trace,
  ...notifications,
  ...configuration,
  ...own
]
