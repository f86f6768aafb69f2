/**
 * What a reactor does, by a pool of two: the same tests, to which nothing may tell that there are several. All of them
 * run so with `LUNLOG_TEST_REACTOR=pool`; these are those that look at what sessions, targets and disks share.
 */
import { vi } from "vitest"

vi.hoisted(() => {
  process.env["LUNLOG_TEST_REACTOR"] = "pool"
})

await import("../reactor/drain-lun.test.ts")
await import("../reactor/reservations.test.ts")
await import("../reactor/peer-limits.test.ts")
await import("../reactor/stacked-late-writes.test.ts")
await import("../reactor/connection-observations.test.ts")
