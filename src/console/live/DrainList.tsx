/** LUNs that go: how many commands are left, and when those are aborted. */
import { nowMillis } from "../clock.ts"
import { counted, durationText } from "../format.ts"
import { Badge } from "../parts/Badge.tsx"
import { Progress } from "../parts/Progress.tsx"
import { linkTo } from "../route.ts"
import type { Drain } from "../rpc/methods.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { lunKey } from "../store/LiveRates.ts"

const millisPerSecond = 1000
/** Drains that are drawn; a target of 10,000 LUNs may be deleted. */
const shown = 50

const deadlineText = (drain: Drain, now: number): string => {
  if (drain.deadline_at === undefined) return "no deadline"
  const left = (drain.deadline_at - now) / millisPerSecond
  return left > 0 ? `what is left is aborted in ${durationText(left)}` : "the deadline has passed"
}

/** Commands that have ended, of those that were left when this page first saw the drain. */
const doneOf = (drain: Drain, first: number): number =>
  first === 0 ? 1 : Math.max(0, 1 - drain.commands_left / Math.max(first, drain.commands_left))

const DrainItem = ({ drain, first, now }: { readonly drain: Drain; readonly first: number; readonly now: number }) => {
  const left = counted(drain.commands_left, "command")
  return (
    <li>
      <div class="drain-head">
        <a href={linkTo.lun(drain.target, drain.lun_id)}>
          LUN {drain.lun_id} of {drain.target}
        </a>
        <Badge tone="warn">draining</Badge>
        <span class="numbers">{left} left</span>
        <span class="muted numbers">{deadlineText(drain, now)}</span>
      </div>
      <Progress
        label={`Drain of LUN ${drain.lun_id} of ${drain.target}`}
        value={doneOf(drain, first)}
        text={`${left} left; ${deadlineText(drain, now)}`}
        tone="warn"
      />
    </li>
  )
}

/** Of all targets, or of those that are given. */
export const DrainList = ({ drains }: { readonly drains: ReadonlyArray<Drain> }) => {
  const store = useStore()
  // Deadlines come nearer with every sample.
  const now = Math.max(store.rates.now.value.at * millisPerSecond, nowMillis())
  return (
    <ul class="drains">
      {drains.slice(0, shown).map((drain) => {
        const key = lunKey(drain.target, drain.lun_id)
        return <DrainItem key={key} drain={drain} first={store.drainsBegun.get(key) ?? drain.commands_left} now={now} />
      })}
      {drains.length > shown ? <li class="muted">and {drains.length - shown} more</li> : null}
    </ul>
  )
}
