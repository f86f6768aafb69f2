/** Every method that this build serves; a method is here only if it does what it says. */
import type { EventLog } from "../../../eventlog/EventLog.ts"
import type { LogArchive } from "../../../eventlog/LogArchive.ts"
import type { ConfigApplier } from "../../config/plan/ConfigApplier.ts"
import type { ControlPlane } from "../../domain/ControlPlane.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import type { Secrets } from "../../domain/Secrets.ts"
import type { Replayer } from "../../history/replay/Replayer.ts"
import type { Instance } from "../Instance.ts"
import type { IncidentStore } from "../incident/IncidentStore.ts"
import type { MetricsHistory } from "../metrics/MetricsHistory.ts"
import type { Notifications } from "../Notifications.ts"
import type { RpcMethod } from "../RpcMethod.ts"
import { authGroupMethods } from "./auth-groups.ts"
import { bdevMethods } from "./bdev/bdev.ts"
import { bdevAioMethods } from "./bdev/bdev-aio.ts"
import { bdevContentMethods } from "./bdev/bdev-content.ts"
import { bdevErrorMethods } from "./bdev/bdev-error.ts"
import { bdevNbdMethods } from "./bdev/bdev-nbd.ts"
import { bdevNvmeMethods } from "./bdev/bdev-nvme.ts"
import { bdevOverlayMethods } from "./bdev/bdev-overlay.ts"
import { bdevQosMethods } from "./bdev/bdev-qos.ts"
import { bdevStackedMethods } from "./bdev/bdev-stacked.ts"
import { bdevStatisticsMethods } from "./bdev/bdev-statistics.ts"
import { histogramMethods } from "./bdev/histograms.ts"
import { nbdMethods } from "./bdev/nbd.ts"
import { captureMethods } from "./capture.ts"
import { configMethods } from "./config.ts"
import { consoleMethods } from "./console.ts"
import { archiveMethods } from "./eventlog/archive-methods.ts"
import { compactMethods } from "./eventlog/compact.ts"
import { exportMethods } from "./export.ts"
import { frameworkMethods } from "./framework.ts"
import { incidentMethods } from "./incidents.ts"
import { inertSettingMethods } from "./inert-settings.ts"
import { initiatorGroupMethods } from "./initiator-groups.ts"
import { iscsiMethods } from "./iscsi.ts"
import { logMethods } from "./log.ts"
import { logOptionsMethods } from "./log-options.ts"
import { loginMethods } from "./logins.ts"
import { lunlogMethods } from "./lunlog.ts"
import { lunlogStatisticsMethods } from "./lunlog-statistics.ts"
import { memoryStatsMethods } from "./memory-stats.ts"
import { metricsMethods } from "./metrics.ts"
import { metricsHistoryMethods } from "./metrics-history.ts"
import { notifyMethods } from "./notify.ts"
import { portalGroupMethods } from "./portal-groups.ts"
import { replayMethods } from "./replay.ts"
import { reservationMethods } from "./reservations.ts"
import { sessionMethods } from "./sessions.ts"
import { subsystemMethods } from "./subsystems.ts"
import { targetNodeMethods } from "./target-nodes.ts"
import { threadMethods } from "./threads.ts"
import { traceMethods } from "./trace.ts"

/** What methods need of the process. */
export type RpcServices =
  | ControlPlane
  | DataPlane
  | EventLog
  | LogArchive
  | Secrets
  | Instance
  | Notifications
  | ConfigApplier
  | Replayer
  | MetricsHistory
  | IncidentStore

/** In the order in which `rpc_get_methods` lists them. */
export const allMethods: ReadonlyArray<RpcMethod<RpcServices>> = [
  ...frameworkMethods,
  ...subsystemMethods,
  ...threadMethods,
  ...memoryStatsMethods,
  ...logMethods,
  ...traceMethods,
  ...notifyMethods,
  ...inertSettingMethods,
  ...nbdMethods,
  ...bdevMethods,
  ...bdevAioMethods,
  ...bdevNbdMethods,
  ...bdevNvmeMethods,
  ...bdevQosMethods,
  ...bdevErrorMethods,
  ...bdevStackedMethods,
  ...bdevOverlayMethods,
  ...bdevStatisticsMethods,
  ...portalGroupMethods,
  ...initiatorGroupMethods,
  ...authGroupMethods,
  ...targetNodeMethods,
  ...loginMethods,
  ...iscsiMethods,
  ...histogramMethods,
  ...lunlogMethods,
  ...consoleMethods,
  ...logOptionsMethods,
  ...configMethods,
  ...exportMethods,
  ...sessionMethods,
  ...lunlogStatisticsMethods,
  ...metricsHistoryMethods,
  ...captureMethods,
  ...metricsMethods,
  ...bdevContentMethods,
  ...reservationMethods,
  ...replayMethods,
  ...incidentMethods,
  ...archiveMethods,
  ...compactMethods
]
