/**
 * Loaded before a program (`node --import`): its calendar is STORY_OFFSET_MILLIS ahead of the machine's, so that what
 * happens in seconds now has happened on the night of the story. At SIGUSR2 it goes to the time that STORY_TIME_FILE
 * says, and so does the clock that nobody can set: for the program that time has passed. What it measures durations
 * with (`performance`) and its timers go on as they are.
 */
import { readFileSync } from "node:fs"

const RealDate = Date
const realNanos = process.hrtime.bigint
let offset = Number(process.env.STORY_OFFSET_MILLIS ?? 0)
let nanosAhead = 0n

globalThis.Date = class StoryDate extends RealDate {
  constructor(...time) {
    if (time.length === 0) super(RealDate.now() + offset)
    else super(...time)
  }

  static now() {
    return RealDate.now() + offset
  }
}
process.hrtime.bigint = () => realNanos() + nanosAhead

const file = process.env.STORY_TIME_FILE
if (file !== undefined) {
  process.on("SIGUSR2", () => {
    const time = readFileSync(file, "utf8")
    const next = RealDate.parse(time) - RealDate.now()
    nanosAhead += BigInt(Math.round(next - offset)) * 1_000_000n
    offset = next
    process.stderr.write(`in process ${process.pid} it is ${time}\n`)
  })
}
