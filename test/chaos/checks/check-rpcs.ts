/**
 * Requests against the log: each was answered as what was there had it; a success has left its record once, a refusal
 * none; and records are in an order that agrees with that of requests and answers.
 */
import { findTool } from "../../support/requires-tool.ts"
import type { ControlRecord, History, RpcDone } from "../History.ts"
import { follow, type There } from "../model/ControlModel.ts"
import { headlineOf, refusalsOf } from "../model/rpc-rules.ts"

/** What is there after each record of the round, with the seq; the first is from before the round. */
export type States = ReadonlyArray<There>

/** Folds a round's records; what may not follow what goes into `wrong`. */
export const foldRound = (before: There, records: ReadonlyArray<ControlRecord>, wrong: Array<string>): States => {
  const states = [before]
  for (const record of records) {
    const step = follow(states.at(-1) ?? before, record)
    if (step.wrong !== undefined) wrong.push(step.wrong)
    states.push(step.there)
  }
  return states
}

const rpcText = ({ id, method, params }: RpcDone): string => `action ${id}, ${method} ${JSON.stringify(params)}`

const recordsOf = (history: History, id: number): ReadonlyArray<ControlRecord> =>
  history.records.filter(({ action }) => action === id)

/** Between which records an answer without one of its own was decided. */
const windowOf = (history: History, rpc: RpcDone): { readonly from: number; readonly to: number } => {
  let from = 0
  let to = Number.POSITIVE_INFINITY
  for (const other of history.rpcs) {
    const seqs = recordsOf(history, other.id).map(({ seq }) => seq)
    const [first] = seqs
    if (first === undefined) continue
    // Records of a removal that the target adds later are not of the action, so these are its first.
    if (other.end < rpc.begin) from = Math.max(from, first)
    if (other.begin > rpc.end) to = Math.min(to, first - 1)
  }
  return { from, to }
}

const statesIn = (states: States, { from, to }: { readonly from: number; readonly to: number }): States => {
  const inside = states.filter(({ seq }) => seq >= from && seq <= to)
  const before = states.findLast(({ seq }) => seq < from)
  return before === undefined ? inside : [before, ...inside]
}

const fileOf = ({ params }: RpcDone): unknown => params["filename"] ?? params["file"]

/** Files are opened before anything is decided: of two requests at once, the later one finds the file in use. */
const isRaceForFile = (history: History, rpc: RpcDone, code: number): boolean =>
  code === -16 &&
  fileOf(rpc) !== undefined &&
  history.rpcs.some(
    (other) => other !== rpc && fileOf(other) === fileOf(rpc) && other.begin < rpc.end && rpc.begin < other.end
  )

/** There is no server, or not just now, or another request has not been answered that takes its socket. */
const isWithoutServer = (history: History, rpc: RpcDone): boolean =>
  rpc.method === "bdev_nbd_create" &&
  (findTool("qemu-nbd") === undefined || history.faults.some(({ begin, of }) => of === "nbd" && begin < rpc.end))

const checkRefused = (
  history: History,
  states: States,
  rpc: RpcDone,
  code: number,
  reason: string
): string | undefined => {
  const given = statesIn(states, windowOf(history, rpc)).map((there) => refusalsOf(there, rpc))
  if (given.some((codes) => codes === undefined || codes.includes(code))) return undefined
  if (isRaceForFile(history, rpc, code) || isWithoutServer(history, rpc)) return undefined
  const expected = [...new Set(given.flatMap((codes) => codes ?? []))]
  const other = expected.length === 0 ? "it had to succeed" : `codes for it are ${expected.join(", ")}`
  return `${rpcText(rpc)} was refused with ${code} (${reason}); ${other}`
}

const checkSucceeded = (history: History, states: States, rpc: RpcDone): string | undefined => {
  const headline = headlineOf(rpc)
  const own = recordsOf(history, rpc.id)
  if (headline === undefined) return undefined
  const { key, mayBeLeftOut, type, value } = headline
  const found = own.filter((record) => record.type === type && record.payload[key] === value)
  if (found.length === 0 && mayBeLeftOut) return undefined
  const [first] = found
  if (first === undefined || found.length > 1) {
    return `${rpcText(rpc)} was acknowledged; there are ${found.length} records ${type} of ${value} by it`
  }
  const before = states.findLast(({ seq }) => seq < first.seq)
  const codes = before === undefined ? [] : (refusalsOf(before, rpc) ?? [])
  return codes.length === 0 ? undefined : `${rpcText(rpc)} had to be refused with ${codes.join(" or ")}`
}

/** Removals by fault injection that come too late are recorded before that is found out. */
const mayBeRefusedAfterwards = (rpc: RpcDone): boolean => rpc.method === "bdev_error_inject_error"

const checkAnswer = (history: History, states: States, rpc: RpcDone): string | undefined => {
  const { outcome } = rpc
  if (outcome._tag === "Unanswered") return undefined
  if (outcome._tag === "Ok") return checkSucceeded(history, states, rpc)
  const own = recordsOf(history, rpc.id)
  if (own.length > 0 && !mayBeRefusedAfterwards(rpc)) {
    return `${rpcText(rpc)} was refused with ${outcome.code}, but left records ${own.map(({ seq }) => seq).join(", ")}`
  }
  return own.length > 0 ? undefined : checkRefused(history, states, rpc, outcome.code, outcome.reason)
}

/** A request that was sent after the answer of another comes later in the log. */
const checkOrder = (history: History): ReadonlyArray<string> => {
  const placed = history.rpcs.flatMap((rpc) => {
    const [first] = recordsOf(history, rpc.id)
    return first === undefined ? [] : [{ rpc, seq: first.seq }]
  })
  return placed.flatMap((later) =>
    placed
      .filter(({ rpc, seq }) => rpc.end < later.rpc.begin && seq > later.seq)
      .map(
        ({ rpc }) => `${rpcText(later.rpc)} was sent after the answer to action ${rpc.id}, but is recorded before it`
      )
  )
}

/** Everything that is wrong with the requests of a round. */
export const checkRpcs = (history: History, states: States): ReadonlyArray<string> => [
  ...history.rpcs.flatMap((rpc) => checkAnswer(history, states, rpc) ?? []),
  ...checkOrder(history)
]
