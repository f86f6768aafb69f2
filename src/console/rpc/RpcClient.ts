/**
 * Calls methods of the target over `POST /rpc`. Calls that are made in one turn of the browser travel as one batch;
 * what waits (`eventlog_read` with a timeout) travels alone. Nothing here is thrown: a call ends with a value.
 */

import { type RpcProblem, refusalDetails } from "./RpcProblem.ts"
import { AnswerMismatch, isRecord, type Reader } from "./reader-codec.ts"

/** What a call ends with. */
export type Outcome<A> =
  | { readonly _tag: "Answer"; readonly value: A }
  | { readonly _tag: "Failed"; readonly problem: RpcProblem }

/** A method with the reader of its answer. */
export interface Method<A> {
  readonly name: string
  readonly reader: Reader<A>
}

/** Parameters by name. */
export type Params = Readonly<Record<string, unknown>>

/** Defines a method. */
export const method = <A>(name: string, reader: Reader<A>): Method<A> => ({ name, reader })

/** What the client needs of the browser; tests have their own. */
export interface RpcClientOptions {
  readonly post: (body: string, token: string, signal: AbortSignal | undefined) => Promise<Response>
  readonly token: () => string | undefined
  /** Every failure that is of the connection, not of one call, and undefined for every answer. */
  readonly onConnection: (problem: RpcProblem | undefined) => void
}

interface Call {
  readonly name: string
  readonly params: Params | undefined
  readonly settle: (outcome: Outcome<unknown>) => void
}

/** Calls in one batch; the server reads no body above 256 KiB. */
const batchMax = 32

const failed = (problem: RpcProblem): Outcome<never> => ({ _tag: "Failed", problem })

/** Posts to the server that the page is from. */
export const postToOrigin: RpcClientOptions["post"] = (body, token, signal) =>
  fetch("rpc", {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body,
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    ...(signal === undefined ? {} : { signal })
  })

const reasonOf = (body: unknown): string | undefined => {
  const error = isRecord(body) ? body["error"] : undefined
  if (!isRecord(error)) return undefined
  const text = error["message"]
  return refusalDetails(error["data"]).reason ?? (typeof text === "string" ? text : undefined)
}

const outcomeOf = (answer: unknown): Outcome<unknown> => {
  if (!isRecord(answer)) return failed({ _tag: "Unreachable" })
  const error = answer["error"]
  if (!isRecord(error)) return { _tag: "Answer", value: answer["result"] }
  const { code, data, message } = error
  const known = { code: typeof code === "number" ? code : 0, message: typeof message === "string" ? message : "" }
  return failed({ _tag: "Refused", ...known, details: refusalDetails(data) })
}

const problemOfStatus = (status: number, body: unknown): RpcProblem => {
  const reason = reasonOf(body) ?? "no reason was given"
  if (status === 401) return { _tag: "Unauthorized" }
  if (status === 429 || status === 503) return { _tag: "Busy", reason }
  // What a proxy says when the target behind it is away.
  if (status === 502 || status === 504) return { _tag: "Unreachable" }
  return { _tag: "Rejected", status, reason }
}

/** One for the page. */
export class RpcClient {
  readonly #options: RpcClientOptions
  #waiting: Array<Call> = []

  constructor(options: RpcClientOptions) {
    this.#options = options
  }

  /** Calls a method, together with what else is called in this turn. */
  call<A>(called: Method<A>, params?: Params): Promise<Outcome<A>> {
    return new Promise((resolve) => {
      const settle = (outcome: Outcome<unknown>) => resolve(this.#decoded(called, outcome))
      if (this.#waiting.length === 0) queueMicrotask(() => this.#sendWaiting())
      this.#waiting.push({ name: called.name, params, settle })
    })
  }

  /** Calls a method in a request of its own, which may be given up. */
  callAlone<A>(called: Method<A>, params: Params, signal: AbortSignal): Promise<Outcome<A>> {
    return new Promise((resolve) => {
      const settle = (outcome: Outcome<unknown>) => resolve(this.#decoded(called, outcome))
      void this.#send([{ name: called.name, params, settle }], signal)
    })
  }

  #decoded<A>({ name, reader }: Method<A>, outcome: Outcome<unknown>): Outcome<A> {
    if (outcome._tag === "Failed") return outcome
    try {
      return { _tag: "Answer", value: reader(outcome.value) }
    } catch (error) {
      if (!(error instanceof AnswerMismatch)) throw error
      return failed({ _tag: "Unreadable", method: name, reason: `${error.path}: ${error.message}` })
    }
  }

  #sendWaiting(): void {
    const calls = this.#waiting
    this.#waiting = []
    for (let at = 0; at < calls.length; at += batchMax) void this.#send(calls.slice(at, at + batchMax), undefined)
  }

  async #send(calls: ReadonlyArray<Call>, signal: AbortSignal | undefined): Promise<void> {
    const answers = await this.#exchange(calls, signal)
    if (!Array.isArray(answers)) {
      for (const { settle } of calls) settle(answers)
      return
    }
    const byId = new Map(answers.map((answer: unknown) => [isRecord(answer) ? answer["id"] : undefined, answer]))
    for (const [id, { settle }] of calls.entries()) settle(outcomeOf(byId.get(id)))
  }

  /** The answers of the calls, by their places as ids; or how all of them fail. */
  async #exchange(calls: ReadonlyArray<Call>, signal: AbortSignal | undefined) {
    const token = this.#options.token()
    if (token === undefined) return this.#lost({ _tag: "Unauthorized" })
    const requests = calls.map(({ name, params }, id) => ({ jsonrpc: "2.0", id, method: name, params }))
    try {
      const response = await this.#options.post(JSON.stringify(requests), token, signal)
      const body: unknown = response.status === 204 ? [] : await response.json().catch(() => undefined)
      if (response.status !== 200) return this.#lost(problemOfStatus(response.status, body))
      this.#options.onConnection(undefined)
      return Array.isArray(body) ? body : [body]
    } catch {
      return signal?.aborted === true ? failed({ _tag: "Aborted" }) : this.#lost({ _tag: "Unreachable" })
    }
  }

  #lost(problem: RpcProblem): Outcome<never> {
    this.#options.onConnection(problem)
    return failed(problem)
  }
}
