/**
 * Reads `strace -f -y` output to tell in which order a server received a request, synced its log and answered.
 *
 * Positions are line numbers: strace writes one line per system call in the order in which it saw them, two for a call
 * that another thread's call came in between of.
 */

/** A system call: `from` is the line where it began, `to` the line where it had returned. */
export interface SystemCall {
  readonly name: string
  readonly text: string
  readonly from: number
  readonly to: number
}

/** What happened to one RPC request, as lines of the trace; undefined where the trace shows nothing. */
export interface RequestTrace {
  readonly id: number
  readonly received: number | undefined
  readonly answered: number | undefined
  /** A sync of the log that began after the request was there and had succeeded before the answer was sent. */
  readonly synced: boolean
}

/** The system calls that `traceRequests` needs, for strace's `-e trace=`. */
export const tracedCalls = "fdatasync,fsync,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg"

const wholeCall = /^(\d+) +(\w+)\((.*)$/
const resumedCall = /^(\d+) +<\.\.\. (\w+) resumed>(.*)$/
const unfinished = " <unfinished ...>"

/** The calls of a trace, those that were interrupted put together again. */
export const parseCalls = (trace: string): ReadonlyArray<SystemCall> => {
  const open = new Map<string, { name: string; text: string; from: number }>()
  const calls: Array<SystemCall> = []
  for (const [line, text] of trace.split("\n").entries()) {
    const whole = wholeCall.exec(text)
    const resumed = resumedCall.exec(text)
    if (whole !== null) {
      const [, process = "", name = "", rest = ""] = whole
      if (rest.endsWith(unfinished)) open.set(process, { name, text: rest.slice(0, -unfinished.length), from: line })
      else calls.push({ name, text: rest, from: line, to: line })
    } else if (resumed !== null) {
      const [, process = "", , rest = ""] = resumed
      const begun = open.get(process)
      open.delete(process)
      if (begun !== undefined) calls.push({ ...begun, text: begun.text + rest, to: line })
    }
  }
  return calls
}

const isSocket = (call: SystemCall): boolean => /^\d+<(socket|UNIX)/.test(call.text)
const isRead = (call: SystemCall): boolean => /^(read|readv|recvfrom|recvmsg)$/.test(call.name)
const isWrite = (call: SystemCall): boolean => /^(write|writev|sendto|sendmsg)$/.test(call.name)

const idsIn = (text: string, pattern: RegExp): ReadonlyArray<number> =>
  [...text.matchAll(pattern)].map((match) => Number(match[1]))

/**
 * How each of `ids` went. Requests and responses must have the members in the order `id`, `method` and `id`, `result`,
 * and ids must be unique in the trace. `logDirectory` is where LevelDB's write-ahead files (`*.log`) are.
 */
export const traceRequests = (
  trace: string,
  ids: ReadonlyArray<number>,
  logDirectory: string
): ReadonlyArray<RequestTrace> => {
  const calls = parseCalls(trace)
  const syncs = calls.filter(
    ({ name, text }) =>
      /^(fdatasync|fsync)$/.test(name) && text.includes(`<${logDirectory}`) && /\.log>\) += 0$/.test(text)
  )
  const received = new Map<number, number>()
  const answered = new Map<number, number>()
  for (const call of calls.filter(isSocket)) {
    if (isRead(call)) {
      for (const id of idsIn(call.text, /\\"id\\":(\d+),\\"method\\"/g)) received.set(id, call.to)
    } else if (isWrite(call)) {
      for (const id of idsIn(call.text, /\\"id\\":(\d+),\\"result\\"/g)) answered.set(id, call.from)
    }
  }
  return ids.map((id) => {
    const arrival = received.get(id)
    const answer = answered.get(id)
    const synced =
      arrival !== undefined && answer !== undefined && syncs.some(({ from, to }) => from > arrival && to < answer)
    return { id, received: arrival, answered: answer, synced }
  })
}
