/** `lunlog_get_metrics`: what `/metrics` answers, for those who have the control socket and no HTTP. */
import { Effect } from "effect"
import type { EventLog } from "../../../eventlog/EventLog.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import type { Instance } from "../Instance.ts"
import type { IncidentStore } from "../incident/IncidentStore.ts"
import { expositionType } from "../metrics/exposition.ts"
import { metricsText } from "../metrics/metrics-text.ts"
import { anyState, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"

const lunlogGetMetrics = defineMethodWithoutParams({
  name: "lunlog_get_metrics",
  states: anyState,
  kind: "query",
  handler: () => Effect.map(metricsText, (text) => ({ content_type: expositionType, text }))
})

/** This file's methods. */
export const metricsMethods: ReadonlyArray<RpcMethod<DataPlane | EventLog | IncidentStore | Instance>> = [
  lunlogGetMetrics
]
