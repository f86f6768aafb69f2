/** A moment, in the time of this browser; in UTC where the pointer or the keyboard is. */

import { nowMillis } from "../clock.ts"
import { clockText, dayText, localText, utcText } from "./model/time-text.ts"

const microsPerMilli = 1000

/** `at` is microseconds since 1970. `short` leaves the day out if it is today. */
export const When = ({ at, short = false }: { readonly at: number; readonly short?: boolean }) => {
  const utc = utcText(at)
  const isToday = dayText(at) === dayText(nowMillis() * microsPerMilli)
  return (
    <time class="when numbers nowrap" dateTime={utc} title={`${utc} (UTC)`}>
      <span class="here">{short && isToday ? clockText(at) : localText(at)}</span>
      <span class="utc">{utc.slice(0, 23).replace("T", " ")}Z</span>
    </time>
  )
}
