/**
 * The draining of a LUN. New commands find no LUN from the first moment; writes that wait for data end at once;
 * commands that the bdev has run to their end, or to the deadline.
 */
import type { DrainOutcome, LunMapping, Target } from "../iscsi/Target.ts"
import { oldestOf } from "./io-facts.ts"

/** A drain under way. */
export interface LunDrain {
  readonly target: Target
  readonly mapping: LunMapping
  /** By the clock of `now`, in milliseconds. */
  readonly deadlineAt: number
  /** Forgets the drain without an outcome: the reactor shuts down. */
  readonly cancel: () => void
}

/** Begins to drain; calls `done` once, possibly at once. `hanging` are the oldest commands that were given up. */
export const drainLun = (
  target: Target,
  mapping: LunMapping,
  deadlineMillis: number,
  now: () => number,
  done: (outcome: DrainOutcome, hanging: ReturnType<typeof oldestOf>) => void
): LunDrain => {
  const startedAt = now()
  const { submitted } = mapping
  mapping.active = false
  for (const session of target.sessions) session.endReceiving(mapping)
  const inFlight = submitted.size
  let timer: NodeJS.Timeout | undefined
  const stop = (): void => {
    mapping.onTaskEnd = undefined
    if (timer !== undefined) clearTimeout(timer)
  }
  const finish = (aborted: number, hanging: ReturnType<typeof oldestOf> = []): void => {
    stop()
    done({ drained: inFlight - aborted, aborted, durationMillis: Math.round(now() - startedAt) }, hanging)
  }
  const drain = { target, mapping, deadlineAt: startedAt + deadlineMillis, cancel: stop }
  if (inFlight === 0) {
    finish(0)
    return drain
  }
  mapping.onTaskEnd = () => {
    if (submitted.size === 0) finish(0)
  }
  timer = setTimeout(() => {
    const left = [...submitted]
    const hanging = oldestOf(left, now())
    submitted.clear()
    for (const command of left) command.giveUp()
    finish(left.length, hanging)
  }, deadlineMillis)
  return drain
}
