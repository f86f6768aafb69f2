/** Options of benchmarks that start a target of their own. */
import type { BenchContext, BenchOptions } from "./Benchmark.ts"

/** How the target is started. */
export const lunlogOptions: BenchOptions = {
  workers: { about: "lunlog serve --workers; 0: without that option", default: "0" },
  "lunlog-args": { about: "more options of lunlog serve, in one string", default: "" }
}

/** The arguments that these options come to. */
export const lunlogArgs = (context: BenchContext): ReadonlyArray<string> => {
  const workers = context.number("workers")
  return [
    ...(workers === 0 ? [] : ["--workers", String(workers)]),
    ...context.text("lunlog-args").split(" ").filter(Boolean)
  ]
}
