/** What `/metrics` answers. */
import { Effect } from "effect"
import { Instance } from "../../../rpc/Instance.ts"

/** In Prometheus' text format. */
export const metricsText: Effect.Effect<string, never, Instance> = Effect.map(
  Instance,
  ({ version }) =>
    `# HELP lunlog_build_info Version of the target.\n# TYPE lunlog_build_info gauge\n` +
    `lunlog_build_info{version="${version}"} 1\n`
)
