/** Flags that the commands which run a server share, and the settings that they make. */
import { Config, Option } from "effect"
import { Flag } from "effect/cli"
import { defaultSocketPath } from "../../rpc/socket-path.ts"
import { durationMillisMax, parseDuration } from "../duration.ts"
import { hotplugPollFlag } from "./hotplug-poll.ts"
import { incidentSpaceFlag } from "./incident-space.ts"
import { logFormats } from "./logging.ts"
import { memorySizeFlag } from "./memory-size.ts"
import { reactorFlags } from "./reactor-flags.ts"

/** Milliseconds that a removal waits, unless said otherwise; below the 60 s that rpc.py waits. */
export const removalDeadlineDefault = 40_000

/** `-r PATH`, also `-s` as rpc.py has it. */
export const socketFlag = Flag.String("rpc-socket").pipe(
  Flag.withAlias("r"),
  Flag.withAlias("s"),
  Flag.withMetavar("PATH"),
  Flag.withDescription(`Control socket (LUNLOG_SOCKET, else ${defaultSocketPath})`),
  Flag.withFallbackConfig(Config.String("LUNLOG_SOCKET")),
  Flag.withDefault(defaultSocketPath)
)

/** A duration of at least 1 ms, in milliseconds. */
export const durationFlag = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("DURATION"),
    Flag.withDescription(description),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(parseDuration(text)),
      (text) => `"${text}" is no duration; write 500ms, 40s or 2m (1ms to ${durationMillisMax / 60_000}m)`
    )
  )

/** A whole number within bounds. */
export const boundedInt = (name: string, minimum: number, maximum: number) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (value) => value >= minimum && value <= maximum,
      (value) => `${value} is out of range; use ${minimum} to ${maximum}`
    )
  )

/** `--log-format`. */
export const logFormatFlag = Flag.Literals("log-format", logFormats).pipe(
  Flag.withDescription(
    "Format of the lines on stderr: pretty (default), json or logfmt; LUNLOG_LOG_LEVEL is the level"
  ),
  Flag.withDefault("pretty" as const)
)

/** Flags of `serve`; `demo` has some of them. */
export const serverFlags = {
  removalDeadline: durationFlag(
    "removal-deadline",
    "How long a removed LUN may finish its commands (default 40s); what is left then is aborted"
  ).pipe(Flag.withDefault(removalDeadlineDefault)),
  hotplugPoll: hotplugPollFlag,
  sysfsRoot: Flag.Directory("sysfs-root").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("Where the kernel shows devices (default /sys), for tests and containers"),
    Flag.withDefault("/sys")
  ),
  deviceRoot: Flag.Directory("device-root").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("Where the device nodes of NVMe namespaces are (default /dev)"),
    Flag.withDefault("/dev")
  ),
  spdkIdentities: Flag.Boolean("spdk-identities").pipe(
    Flag.withDescription("Disks identify themselves as under SPDK (by name), not by UUID"),
    Flag.withDefault(false)
  ),
  waitForRpc: Flag.Boolean("wait-for-rpc").pipe(
    Flag.withDescription("Let nobody in before framework_start_init is called"),
    Flag.withDefault(false)
  ),
  rpcsAllowed: Flag.String("rpcs-allowed").pipe(
    Flag.withMetavar("METHODS"),
    Flag.withDescription("Comma-separated RPC methods that may be called; all others do not exist"),
    Flag.optional
  ),
  ...reactorFlags,
  memorySize: memorySizeFlag,
  incidentSpace: incidentSpaceFlag,
  acceptLogLoss: Flag.Boolean("accept-log-loss").pipe(
    Flag.withDescription("Go on with what is left of a damaged event log"),
    Flag.withDefault(false)
  ),
  logFormat: logFormatFlag
}

/** The names of a comma-separated list. */
export const methodSet = (list: string): ReadonlySet<string> =>
  new Set(
    list
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
  )
