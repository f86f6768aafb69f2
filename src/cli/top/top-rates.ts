/** What `lunlog top` shows: how fast the counters of two answers of `lunlog_get_statistics` go up. */
import { Schema } from "effect"

const nanosPerSecond = 1e9
const nanosPerMicro = 1000

/** Counters may be beyond what a number holds exactly. */
const Count = Schema.Union([Schema.Number, Schema.BigInt])

/** What IO is counted by. */
export const counters = {
  reads: Count,
  writes: Count,
  flushes: Count,
  bytes_read: Count,
  bytes_written: Count,
  read_latency_nanos: Count,
  write_latency_nanos: Count,
  errors: Count,
  in_flight: Schema.Number
}

/** The fields that are used; there may be more. */
export const TopSample = Schema.Struct({
  at_nanos: Count,
  /** With those that are left out, as they are idle. */
  lun_count: Schema.Number,
  luns: Schema.Array(
    Schema.Struct({
      target: Schema.String,
      lun_id: Schema.Number,
      incarnation: Count,
      bdev_name: Schema.String,
      ...counters
    })
  ),
  sessions: Schema.Array(
    Schema.Struct({
      id: Schema.Number,
      initiator: Schema.String,
      initiator_addr: Schema.String,
      target: Schema.String,
      commands: Count,
      ...counters
    })
  )
})
export type TopSample = typeof TopSample.Type

/** IO as it is counted. */
export type Counters = Pick<TopSample["luns"][number], keyof typeof counters>
type CounterName = Exclude<keyof Counters, "in_flight">

/** Per second, averages over the interval, and what is in flight at its end. */
export interface IoRates {
  readonly reads_per_second: number
  readonly writes_per_second: number
  readonly flushes_per_second: number
  readonly bytes_read_per_second: number
  readonly bytes_written_per_second: number
  /** Averages; 0 without an IO. */
  readonly read_latency_micros: number
  readonly write_latency_micros: number
  readonly errors_per_second: number
  readonly in_flight: number
}

/** One LUN. */
export interface LunRates extends IoRates {
  readonly target: string
  readonly lun_id: number
  readonly bdev_name: string
}

/** One session. */
export interface SessionRates extends IoRates {
  readonly id: number
  readonly initiator: string
  readonly initiator_addr: string
  readonly target: string
  readonly commands_per_second: number
}

/** One interval; LUNs and sessions with the most IO per second first. */
export interface TopRates {
  readonly seconds: number
  /** With those that are idle, which are left out where there are many. */
  readonly lun_count: number
  readonly luns: ReadonlyArray<LunRates>
  readonly sessions: ReadonlyArray<SessionRates>
}

const rounded = (value: number): number => Math.round(value * 100) / 100

/** How fast counters go up. A thing that was not there before has begun at 0. */
export const ratesOf = (before: Counters | undefined, now: Counters, seconds: number): IoRates => {
  const gained = (name: CounterName): number => Number(now[name]) - Number(before?.[name] ?? 0)
  const perSecond = (name: CounterName): number => rounded(gained(name) / seconds)
  const average = (sum: CounterName, ops: CounterName): number =>
    gained(ops) === 0 ? 0 : rounded(gained(sum) / gained(ops) / nanosPerMicro)
  return {
    reads_per_second: perSecond("reads"),
    writes_per_second: perSecond("writes"),
    flushes_per_second: perSecond("flushes"),
    bytes_read_per_second: perSecond("bytes_read"),
    bytes_written_per_second: perSecond("bytes_written"),
    read_latency_micros: average("read_latency_nanos", "reads"),
    write_latency_micros: average("write_latency_nanos", "writes"),
    errors_per_second: perSecond("errors"),
    in_flight: now.in_flight
  }
}

/** IOs per second. */
export const iopsOf = (rates: IoRates): number =>
  rates.reads_per_second + rates.writes_per_second + rates.flushes_per_second

const bytesOf = (rates: IoRates): number => rates.bytes_read_per_second + rates.bytes_written_per_second

const byLoad = (a: IoRates, b: IoRates): number => iopsOf(b) - iopsOf(a) || bytesOf(b) - bytesOf(a)

const lunKey = ({ incarnation, lun_id, target }: TopSample["luns"][number]) => `${incarnation}/${lun_id}/${target}`

/** What is known after `now`: LUNs that it leaves out have not changed. */
export const remembered = (before: TopSample, now: TopSample): TopSample => {
  if (now.luns.length >= now.lun_count) return now
  const changed = new Set(now.luns.map(lunKey))
  return { ...now, luns: [...now.luns, ...before.luns.filter((lun) => !changed.has(lunKey(lun)))] }
}

/** The rates between two samples of one process; `now` must be the later one. */
export const topRates = (before: TopSample, now: TopSample): TopRates => {
  const seconds = (Number(now.at_nanos) - Number(before.at_nanos)) / nanosPerSecond
  const lunsBefore = new Map(before.luns.map((lun) => [lunKey(lun), lun]))
  const sessionsBefore = new Map(before.sessions.map((session) => [session.id, session]))
  return {
    seconds: rounded(seconds),
    lun_count: now.lun_count,
    luns: now.luns
      .map((lun) => ({
        target: lun.target,
        lun_id: lun.lun_id,
        bdev_name: lun.bdev_name,
        ...ratesOf(lunsBefore.get(lunKey(lun)), lun, seconds)
      }))
      .sort(byLoad),
    sessions: now.sessions
      .map((session) => {
        const earlier = sessionsBefore.get(session.id)
        const { id, initiator, initiator_addr, target } = session
        const commands = Number(session.commands) - Number(earlier?.commands ?? 0)
        const commandRate = { commands_per_second: rounded(commands / seconds) }
        return { id, initiator, initiator_addr, target, ...commandRate, ...ratesOf(earlier, session, seconds) }
      })
      .sort(byLoad)
  }
}
