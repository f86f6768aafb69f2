/** How often disks' devices are looked at: `--hotplug-poll`. */
import { Option } from "effect"
import { Flag } from "effect/cli"
import { parseDuration } from "../duration.ts"

/** Milliseconds, or never. */
export type HotplugPoll = number | "off"

const defaultMillis = 1_000
/** More often makes nothing faster: a change has to stay for as long before it counts. */
const shortestMillis = 100

/** How it is written, for messages. */
export const hotplugPollForm = `write ${shortestMillis}ms or longer, such as 2s, or off`

/** Undefined if `text` is none. */
export const parseHotplugPoll = (text: string): HotplugPoll | undefined => {
  if (text === "off") return text
  const millis = parseDuration(text)
  return millis === undefined || millis < shortestMillis ? undefined : millis
}

/** `--hotplug-poll DURATION|off`. */
export const hotplugPollFlag = Flag.String("hotplug-poll").pipe(
  Flag.withMetavar("DURATION|off"),
  Flag.withDescription(
    "How often the files and devices of disks are looked at (default 1s), beside what the system tells of them"
  ),
  Flag.filterMap(
    (text) => Option.fromUndefinedOr(parseHotplugPoll(text)),
    (text) => `"${text}" is no interval; ${hotplugPollForm}`
  ),
  Flag.withDefault(defaultMillis)
)
