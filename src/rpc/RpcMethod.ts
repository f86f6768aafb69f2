/**
 * What a method is: name, old names, when it may be called, the schema of its parameters, and how it fails to decode
 * them. `defineMethod` closes over the parameter type, so that a table can hold methods of every shape.
 */
import { Effect, Result, Schema, SchemaAST } from "effect"
import type { Cause } from "../../eventlog/record.ts"
import { traced } from "../domain/tracing.ts"
import { JsonObject, type JsonValue, toPlain } from "./json-value.ts"
import { errnoError, invalidParameters, type RpcError, rpcError, type WireError } from "./RpcError.ts"

/** STARTUP until `framework_start_init` has done its work, RUNTIME from then on. */
export type FrameworkState = "STARTUP" | "RUNTIME"

/** Who calls; one per connection, changed by `lunlog_identify`. */
export interface RpcCaller {
  /** What `lunlog_config_upload` has received on this connection. */
  upload?: { readonly name: string; readonly json: string }
  source: Cause["source"]
  actor: string
  /** Whose address is what the log has; it cannot say that it is somebody else. */
  readonly isRemote?: true
  /** May call what changes nothing; the text says how more can be had. */
  readonly onlyReads?: { readonly hint: string }
}

/** What a handler knows about its call beyond the parameters. */
export interface RpcCall {
  /** The method's current name, also if it was called by an old one. */
  readonly method: string
  readonly caller: RpcCaller
  /** What the event log records as the cause of what follows. */
  readonly cause: Cause
  /** Told how far long work is, where somebody watches: what is done, and all of it. */
  readonly onProgress?: (done: number, total: number) => void
  /** Names of the methods that exist, for `rpc_get_methods`. */
  readonly listMethods: (filter: {
    readonly current: boolean
    readonly includeAliases: boolean
  }) => ReadonlyArray<string>
}

/**
 * `change` goes on when its client is gone; `query` does not; a `wait` is a query that does not hold up the client's
 * next requests (answers keep their order all the same).
 */
export type MethodKind = "query" | "change" | "wait"

/** One row of a method table; `run` decodes the parameters itself. */
export interface RpcMethod<R> {
  readonly name: string
  readonly aliases: ReadonlyArray<string>
  readonly states: ReadonlyArray<FrameworkState>
  readonly kind: MethodKind
  /** What a query or wait does beside answering, as "it writes a file": nobody who only reads may call it. */
  readonly sideEffect?: string
  readonly run: (
    params: JsonObject | ReadonlyArray<JsonValue> | undefined,
    call: RpcCall
  ) => Effect.Effect<unknown, RpcError, R>
}

/** Before `framework_start_init` only. */
export const startup: ReadonlyArray<FrameworkState> = ["STARTUP"]
/** After `framework_start_init` only: the default. */
export const runtime: ReadonlyArray<FrameworkState> = ["RUNTIME"]
/** At any time. */
export const anyState: ReadonlyArray<FrameworkState> = ["STARTUP", "RUNTIME"]

interface Definition {
  readonly name: string
  readonly aliases?: ReadonlyArray<string>
  readonly states?: ReadonlyArray<FrameworkState>
  readonly kind: MethodKind
  readonly sideEffect?: string
}

const issueLines = (message: string): string =>
  message
    .replace(/\s*\n\s+at /g, " at ")
    .replace(/Expected no excess property at /g, "There is no such parameter: ")
    .split("\n")
    .join("; ")

/** The parameters that a method takes, for whoever got one wrong: `name (optional), num_blocks, block_size`. */
const parameterNames = (ast: SchemaAST.AST): string =>
  SchemaAST.isObjects(ast)
    ? ast.propertySignatures
        .map(({ name, type }) => `${String(name)}${SchemaAST.isOptional(type) ? " (optional)" : ""}`)
        .join(", ")
    : ""

/** A method with parameters. `params` is a struct schema over plain values with `JsonNumber`s (see `param.ts`). */
export const defineMethod = <P, R>(
  definition: Definition & {
    readonly params: Schema.Codec<P, unknown>
    /** SPDK's answer to parameters that do not decode; default -32602 `Invalid parameters`. */
    readonly undecodable?: WireError
    /** True if SPDK takes absent params as all defaults; else they are undecodable. */
    readonly paramsOptional?: boolean
    readonly handler: (params: P, call: RpcCall) => Effect.Effect<unknown, RpcError, R>
  }
): RpcMethod<R> => {
  const wire = definition.undecodable ?? invalidParameters
  const decode = Schema.decodeUnknownEffect(definition.params, { errors: "all", onExcessProperty: "error" })
  const allowed = parameterNames(definition.params.ast)
  const undecodable = (reason: string, path?: string): RpcError =>
    rpcError(wire, { reason, object: path ?? `params of ${definition.name}`, allowed })
  return {
    ...common(definition),
    run: (params, call) => {
      if (params === undefined && definition.paramsOptional !== true)
        return Effect.fail(undecodable("params are missing"))
      const plain = params === undefined ? Result.succeed<unknown>({}) : toPlain(params, "params")
      if (Result.isFailure(plain)) return Effect.fail(undecodable(plain.failure.reason, plain.failure.path))
      if (Array.isArray(plain.success))
        return Effect.fail(undecodable("params are an array; give them by name in an object"))
      return decode(plain.success).pipe(
        Effect.mapError((error) => undecodable(issueLines(error.message))),
        // Not before: what could not be decoded may be a secret, which the failure may show.
        traced("decode"),
        Effect.flatMap((decoded) => definition.handler(decoded, call))
      )
    }
  }
}

/** SPDK's methods refuse `{}` where they take no parameters, as it was recorded; what is not SPDK's need not. */
const isOwn = (name: string): boolean => /^(?:lunlog|eventlog)_/u.test(name)

const isEmptyObject = (params: JsonObject | ReadonlyArray<JsonValue>): boolean =>
  params instanceof JsonObject && params.members.length === 0

/**
 * A method that takes no parameters: absent and null are fine, and `{}` for those that are lunlog's own; anything else
 * is refused with SPDK's words.
 */
export const defineMethodWithoutParams = <R>(
  definition: Definition & {
    /** SPDK's message; default `<name> requires no parameters`. */
    readonly noParams?: string
    readonly handler: (call: RpcCall) => Effect.Effect<unknown, RpcError, R>
  }
): RpcMethod<R> => ({
  ...common(definition),
  run: (params, call) => {
    if (params === undefined || (isOwn(definition.name) && isEmptyObject(params))) return definition.handler(call)
    const message = definition.noParams ?? `${definition.name} requires no parameters`
    return Effect.fail(rpcError({ code: -32602, message }, { reason: message, hint: "leave params out" }))
  }
})

const common = (definition: Definition) => ({
  name: definition.name,
  aliases: definition.aliases ?? [],
  states: definition.states ?? runtime,
  kind: definition.kind,
  ...(definition.sideEffect === undefined ? {} : { sideEffect: definition.sideEffect })
})

/** -1 for a caller who only reads: `what` is not reading, because of `why`. */
export const readingOnly = (what: string, why: string, hint: string): RpcError =>
  rpcError(errnoError("EPERM"), { reason: `${what} is not for a caller who may only read: ${why}`, hint })

/** Characters of an id that the log keeps; a client may send 256 KiB of it. */
const requestIdLengthMax = 64

/** Text of a request id for the event log. */
export const requestIdText = (id: { readonly source: string } | null): string | undefined =>
  id?.source.slice(0, requestIdLengthMax)
