/**
 * A small JSON-RPC client for the tests, independent of `src/rpc`, so that it is a second opinion on the wire format.
 *
 * Requests may be pipelined; responses are matched by `id`. Every wait ends: a call has a deadline, and a connection
 * that closes rejects what is pending.
 */
import { connect, type Socket } from "node:net"
import { makeJsonScanner } from "./json-scanner.ts"

/** Milliseconds a call waits for its response unless told otherwise; rpc.py waits as long. */
export const defaultCallMillis = 60_000

/** A method's parameters: an object of named values, as SPDK's methods take them. */
export type RpcParams = Readonly<Record<string, unknown>>

/** The target answered with an `error` member. */
export class RpcFailure extends Error {
  readonly method: string
  readonly code: number
  /** The `message` member as it came. */
  readonly reason: string
  readonly data: unknown
  constructor(method: string, code: number, reason: string, data: unknown) {
    super(`${method} was refused with ${code}: ${reason}${data === undefined ? "" : ` (${JSON.stringify(data)})`}`)
    this.name = "RpcFailure"
    this.method = method
    this.code = code
    this.reason = reason
    this.data = data
  }
}

/** No answer: the connection failed or closed, or the deadline passed. Whether the operation happened is unknown. */
export class RpcUnanswered extends Error {
  readonly method: string
  constructor(method: string, why: string) {
    super(`${method} got no answer: ${why}`)
    this.name = "RpcUnanswered"
    this.method = method
  }
}

/** One connection to a target's RPC socket. */
export interface RpcClient {
  /** Resolves with the `result` member; rejects with `RpcFailure` or `RpcUnanswered`. */
  readonly call: (method: string, params?: RpcParams, waitMillis?: number) => Promise<unknown>
  /** Sends bytes as they are, for hostile requests. */
  readonly send: (bytes: Uint8Array | string) => void
  /** The next whole message that answers no pending call, as text. */
  readonly nextMessage: (waitMillis?: number) => Promise<string>
  /** Resolves once the connection is closed, whoever closed it. */
  readonly closed: Promise<void>
  readonly close: () => void
}

interface PendingCall {
  readonly method: string
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Settles `call` with a response object's `result` or `error`. */
const settle = (call: PendingCall, response: Record<string, unknown>): void => {
  clearTimeout(call.timer)
  const error = response["error"]
  if (!isRecord(error)) {
    if ("result" in response) call.resolve(response["result"])
    else call.reject(new RpcUnanswered(call.method, `neither result nor error in ${JSON.stringify(response)}`))
    return
  }
  const code = error["code"]
  const message = error["message"]
  call.reject(
    new RpcFailure(
      call.method,
      typeof code === "number" ? code : Number.NaN,
      typeof message === "string" ? message : String(message),
      error["data"]
    )
  )
}

/** Calls by id, and the messages that answer none of them. */
const makeInbox = () => {
  const calls = new Map<number, PendingCall>()
  const unclaimed: Array<string> = []
  const waiters: Array<(message: string) => void> = []
  const receive = (text: string): void => {
    const message = parsed(text)
    const id = isRecord(message) ? message["id"] : undefined
    const call = typeof id === "number" ? calls.get(id) : undefined
    if (call !== undefined && typeof id === "number" && isRecord(message)) {
      calls.delete(id)
      settle(call, message)
      return
    }
    const waiter = waiters.shift()
    if (waiter === undefined) unclaimed.push(text)
    else waiter(text)
  }
  const fail = (why: string): void => {
    for (const call of calls.values()) {
      clearTimeout(call.timer)
      call.reject(new RpcUnanswered(call.method, why))
    }
    calls.clear()
  }
  return { calls, unclaimed, waiters, receive, fail }
}

type Inbox = ReturnType<typeof makeInbox>

const callOver = (socket: Socket, inbox: Inbox) => {
  let lastId = 0
  return (method: string, params?: RpcParams, waitMillis = defaultCallMillis): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) {
        reject(new RpcUnanswered(method, "the connection is closed"))
        return
      }
      const id = ++lastId
      const expired = () => {
        inbox.calls.delete(id)
        reject(new RpcUnanswered(method, `no response within ${waitMillis} ms`))
      }
      inbox.calls.set(id, { method, resolve, reject, timer: setTimeout(expired, waitMillis) })
      socket.write(JSON.stringify({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) }))
    })
}

const nextMessageOf = (inbox: Inbox, closed: Promise<void>) => {
  return (waitMillis = defaultCallMillis): Promise<string> =>
    new Promise((resolve, reject) => {
      const ready = inbox.unclaimed.shift()
      if (ready !== undefined) {
        resolve(ready)
        return
      }
      const timer = setTimeout(() => reject(new Error(`no message within ${waitMillis} ms`)), waitMillis)
      inbox.waiters.push((message) => {
        clearTimeout(timer)
        resolve(message)
      })
      void closed.then(() => {
        clearTimeout(timer)
        reject(new Error("the RPC connection closed before a message came"))
      })
    })
}

/** Connects to the UNIX socket `path`; rejects when nothing listens there. */
export const connectRpc = (path: string): Promise<RpcClient> =>
  new Promise((resolve, reject) => {
    const socket = connect({ path })
    const scanner = makeJsonScanner()
    const inbox = makeInbox()
    const closed = new Promise<void>((done) => {
      socket.once("close", () => {
        inbox.fail("the connection closed")
        done()
      })
    })
    socket.on("data", (chunk) => {
      for (const text of scanner.push(chunk)) inbox.receive(text)
    })
    socket.on("error", (error) => {
      inbox.fail(error.message)
      reject(error)
    })
    socket.once("connect", () =>
      resolve({
        call: callOver(socket, inbox),
        send: (bytes) => void socket.write(bytes),
        nextMessage: nextMessageOf(inbox, closed),
        closed,
        close: () => void socket.destroy()
      })
    )
  })

/** One call over a connection of its own, as rpc.py does it. */
export const callOnce = async (path: string, method: string, params?: RpcParams): Promise<unknown> => {
  const client = await connectRpc(path)
  try {
    return await client.call(method, params)
  } finally {
    client.close()
  }
}
