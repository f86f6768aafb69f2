/** What the event log tells about a time span, read over the socket with `eventlog_read`. */
import type { RpcClient } from "../rpc-client.ts"

/** A record as far as the tests look at it. */
export interface StoryRecord {
  readonly seq: number
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const asRecord = (value: unknown): StoryRecord => {
  if (!isObject(value)) throw new Error(`not a log record: ${JSON.stringify(value)}`)
  const { seq, type, payload } = value
  if (typeof seq !== "number" || typeof type !== "string") {
    throw new Error(`a log record has a seq and a type: ${JSON.stringify(value)}`)
  }
  return { seq, type, payload: isObject(payload) ? payload : {} }
}

const recordsOf = (answer: unknown): ReadonlyArray<unknown> => {
  if (Array.isArray(answer)) return answer
  const records = isObject(answer) ? answer["records"] : undefined
  if (!Array.isArray(records)) throw new Error(`eventlog_read answered ${JSON.stringify(answer).slice(0, 200)}`)
  return records
}

const pageRecords = 500

/** All records from `from` on, in order. */
export const readStory = async (rpc: RpcClient, from: number): Promise<ReadonlyArray<StoryRecord>> => {
  const found: Array<StoryRecord> = []
  for (let next = from; ; ) {
    const page = recordsOf(await rpc.call("eventlog_read", { from: next, limit: pageRecords })).map(asRecord)
    found.push(...page)
    const last = page.at(-1)
    if (last === undefined || page.length < pageRecords) return found
    next = last.seq + 1
  }
}

/** A number of a record's payload; NaN when it is not there. */
export const numberOf = (record: StoryRecord, key: string): number => {
  const value = record.payload[key]
  return typeof value === "number" ? value : Number.NaN
}
