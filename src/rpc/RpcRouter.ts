/**
 * From a parsed message to the text of its answer: finds the method, checks the state, runs it, prints. A request
 * fails alone, also by a defect: that is logged with its cause and answered with -32603.
 */
import { Cause, Context, Effect, Fiber, Layer, Result } from "effect"
import { annotate, traced } from "../domain/tracing.ts"
import { type BadRequest, printError, printResult, type Request, type RequestId, readRequest } from "./envelope.ts"
import { Instance } from "./Instance.ts"
import type { JsonValue } from "./json-value.ts"
import {
  internalError,
  invalidRequest,
  methodNotFound,
  parseError,
  type RpcError,
  rpcError,
  runtimeOnly,
  startupOnly
} from "./RpcError.ts"
import {
  type MethodKind,
  type RpcCall,
  type RpcCaller,
  type RpcMethod,
  readingOnly,
  requestIdText
} from "./RpcMethod.ts"

/** SPDK's response buffer: 32 MiB. What is longer is answered with an error. */
export const responseBytesMax = 32 * 1024 * 1024

/**
 * What to do about one message. `run` gives the answer's text, without newline; undefined if none is due. A result
 * longer than what `bytesMax` gives when it is printed becomes an error.
 */
export interface Exchange {
  readonly kind: MethodKind
  readonly run: (bytesMax: () => number) => Effect.Effect<string | undefined>
}

/** What the command line says about methods. */
export interface RouterOptions {
  /** Only these names may be called (`--rpcs-allowed`); all if undefined. */
  readonly allowed?: ReadonlySet<string>
}

/** The answer to bytes that are no JSON; after it the connection ends. */
export const malformedAnswer = (reason: string, offset: number): string =>
  printError(null, rpcError(parseError, { reason: `${reason} (byte ${offset} of this connection)` }))

const answer = (id: RequestId, outcome: Result.Result<unknown, RpcError>, bytesMax: number): string | undefined => {
  if (Result.isFailure(outcome)) return printError(id, outcome.failure)
  if (id === null) return undefined
  const printed = printResult(id, outcome.success)
  if (printed.length <= bytesMax) return printed
  const reason = `the result has ${printed.length} bytes`
  const data = { reason, allowed: `at most ${bytesMax}`, hint: "ask for less at a time" }
  return printError(id, rpcError(internalError, data))
}

const refused = (bad: BadRequest): Exchange => ({
  kind: "query",
  run: () => Effect.succeed(printError(bad.id, bad.error))
})

type Outcome = Effect.Effect<Result.Result<unknown, RpcError>>

/**
 * The span of a call, with the attributes of OpenTelemetry's conventions for JSON-RPC. Over HTTP it is a part of the
 * request's span, and so of the caller's trace; on the control socket it is the first of a trace.
 */
const tracedCall =
  ({ caller: { actor, isRemote, source }, method }: RpcCall, requestId: string | undefined) =>
  (call: Effect.Effect<unknown, RpcError>): Effect.Effect<unknown, RpcError> =>
    call.pipe(
      Effect.tapError(({ code }) =>
        annotate(() => ({ "rpc.response.status_code": String(code), "error.type": String(code) }))
      ),
      traced(method, () => ({
        kind: "server",
        root: isRemote !== true,
        attributes: {
          "rpc.system.name": "jsonrpc",
          "rpc.method": method,
          "jsonrpc.protocol.version": "2.0",
          ...(requestId === undefined ? {} : { "jsonrpc.request.id": requestId }),
          "lunlog.actor": actor,
          "lunlog.source": source
        }
      }))
    )

/** Whatever happens inside becomes an answer. */
const settle = (method: string, call: Effect.Effect<unknown, RpcError>): Outcome =>
  Effect.result(call).pipe(
    Effect.catchDefect((defect) => {
      const reason = `lunlog made a mistake in ${method}: ${defect instanceof Error ? defect.message : String(defect)}`
      const error = rpcError(internalError, { reason, hint: "please report it, with the log around this time" })
      return Effect.as(Effect.logError(`defect in ${method}`, Cause.die(defect)), Result.fail(error))
    })
  )

/** Why one who only reads may not call it; undefined if it changes nothing. */
const changeBy = <R>({ kind, sideEffect }: RpcMethod<R>): string | undefined =>
  kind === "change" ? "it changes the target" : sideEffect

/** Built over a method table and the services that its methods need. */
export class RpcRouter extends Context.Service<
  RpcRouter,
  {
    /** Takes a single request or a batch. */
    readonly route: (message: JsonValue, caller: RpcCaller) => Exchange
  }
>()("lunlog/rpc/RpcRouter") {
  static readonly layer = <R>(methods: ReadonlyArray<RpcMethod<R>>, options: RouterOptions = {}) =>
    Layer.effect(
      RpcRouter,
      Effect.gen(function* () {
        const instance = yield* Instance
        const services = yield* Effect.context<R>()
        return RpcRouter.of(makeRouter(methods, options, instance, (effect) => Effect.provide(effect, services)))
      })
    )
}

type Provide<R> = (effect: Effect.Effect<unknown, RpcError, R>) => Effect.Effect<unknown, RpcError>

/** Methods by every name that they may be called by. */
const catalog = <R>(methods: ReadonlyArray<RpcMethod<R>>, allowed: ReadonlySet<string> | undefined) => {
  const byName = new Map<string, RpcMethod<R>>()
  for (const method of methods) {
    for (const name of [method.name, ...method.aliases]) {
      if (byName.has(name)) throw new Error(`RPC method name ${name} is taken twice`)
      if (allowed === undefined || allowed.has(name)) byName.set(name, method)
    }
  }
  return byName
}

const makeRouter = <R>(
  methods: ReadonlyArray<RpcMethod<R>>,
  options: RouterOptions,
  instance: Instance["Service"],
  provide: Provide<R>
): RpcRouter["Service"] => {
  const byName = catalog(methods, options.allowed)

  const listMethods: RpcCall["listMethods"] = ({ current, includeAliases }) =>
    [...byName].flatMap(([name, method]) => {
      const isListed =
        (includeAliases || name === method.name) && (!current || method.states.includes(instance.frameworkState()))
      return isListed ? [name] : []
    })

  /** SPDK answers nobody while it starts its subsystems; here only those wait that need them. */
  const outcome = (method: RpcMethod<R>, request: Request, caller: RpcCaller): Outcome => {
    const initializing = method.states.includes("STARTUP") ? undefined : instance.initializing()
    if (initializing === undefined) return outcomeNow(method, request, caller)
    return Effect.andThen(
      initializing,
      Effect.suspend(() => outcomeNow(method, request, caller))
    )
  }

  const outcomeNow = (method: RpcMethod<R>, request: Request, caller: RpcCaller): Outcome => {
    if (!method.states.includes(instance.frameworkState())) {
      const wire = method.states.includes("RUNTIME") ? runtimeOnly : startupOnly
      const reason = `${method.name} may not be called in state ${instance.frameworkState()}`
      return Effect.succeed(Result.fail(rpcError(wire, { reason, allowed: method.states.join(" or ") })))
    }
    const requestId = requestIdText(request.id)
    const { actor, source } = caller
    const cause = { source, actor, method: method.name, ...(requestId === undefined ? {} : { requestId }) }
    const call: RpcCall = { method: method.name, caller, cause, listMethods }
    const run = tracedCall(call, requestId)(provide(method.run(request.params, call)))
    return instance.calls.counted(method.name, settle(method.name, run))
  }

  const routeOne = (message: JsonValue, caller: RpcCaller): Exchange => {
    const request = readRequest(message)
    if (Result.isFailure(request)) return refused(request.failure)
    const { id, method: name } = request.success
    const method = byName.get(name)
    if (method === undefined) {
      const data = { reason: `there is no method ${name.slice(0, 128)} here`, hint: "rpc_get_methods lists them" }
      return refused({ id, error: rpcError(methodNotFound, data) })
    }
    const change = caller.onlyReads === undefined ? undefined : changeBy(method)
    if (change !== undefined) {
      return refused({ id, error: readingOnly(method.name, change, caller.onlyReads?.hint ?? "") })
    }
    const run = Effect.suspend(() => outcome(method, request.success, caller))
    return { kind: method.kind, run: (bytesMax) => Effect.map(run, (result) => answer(id, result, bytesMax())) }
  }

  return {
    route: (message, caller) => {
      if (!Array.isArray(message)) return routeOne(message, caller)
      if (message.length > 0) return batch(message.map((element: JsonValue) => routeOne(element, caller)))
      return refused({ id: null, error: rpcError(invalidRequest, { reason: "the batch is empty" }) })
    }
  }
}

/** A change in it goes on without its client; without one, a wait in it does not hold up what follows the batch. */
const kindOf = (exchanges: ReadonlyArray<Exchange>): MethodKind => {
  const kinds = exchanges.map(({ kind }) => kind)
  if (kinds.includes("change")) return "change"
  return kinds.includes("wait") ? "wait" : "query"
}

/**
 * One array of answers, in the order of the requests; nothing if no answer is due. Waits do not hold up what follows
 * them. All answers together have the bytes of one, and others have their turn between two of them: thousands of
 * questions fit into a batch.
 */
const batch = (exchanges: ReadonlyArray<Exchange>): Exchange => ({
  kind: kindOf(exchanges),
  run: Effect.fnUntraced(function* (bytesMax: () => number) {
    const texts: Array<Effect.Effect<string | undefined>> = []
    let bytes = 0
    const bytesLeft = (): number => Math.max(0, bytesMax() - bytes)
    const counted = (text: string | undefined): string | undefined => {
      bytes += text?.length ?? 0
      return text
    }
    for (const exchange of exchanges) {
      const run = Effect.map(exchange.run(bytesLeft), counted)
      if (exchange.kind === "wait") {
        texts.push(Fiber.join(yield* Effect.forkChild(run, { startImmediately: true })))
      } else {
        texts.push(Effect.succeed(yield* run))
      }
      yield* Effect.yieldNow
    }
    const due = (yield* Effect.all(texts)).filter((text) => text !== undefined)
    return due.length === 0 ? undefined : `[${due.join(",")}]`
  })
})
