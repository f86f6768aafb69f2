/**
 * The JSON-RPC 2.0 envelope as SPDK reads and writes it: `jsonrpc` may be absent, nothing else may be added, the id
 * comes back byte for byte, and a request without id (or with null) gets an answer only if it fails.
 */
import { Result } from "effect"
import { printJson } from "./json-print.ts"
import { JsonNumber, JsonObject, JsonText, type JsonValue } from "./json-value.ts"
import { invalidRequest, type RpcError, rpcError } from "./RpcError.ts"

/** Null stands for a notification too. */
export type RequestId = JsonText | JsonNumber | null

/** A request whose envelope is right; its parameters are the method's business. */
export interface Request {
  readonly id: RequestId
  readonly method: string
  /** Undefined if absent or null. */
  readonly params: JsonObject | ReadonlyArray<JsonValue> | undefined
}

/** What to answer to one whose envelope is wrong. */
export interface BadRequest {
  readonly id: RequestId
  readonly error: RpcError
}

const bad = (reason: string, id: RequestId = null): Result.Result<never, BadRequest> =>
  Result.fail({ id, error: rpcError(invalidRequest, { reason, allowed: "jsonrpc, method, params, id; each once" }) })

const isId = (value: JsonValue): value is RequestId =>
  value === null || value instanceof JsonText || value instanceof JsonNumber
const isParams = (value: JsonValue): value is JsonObject | ReadonlyArray<JsonValue> =>
  value instanceof JsonObject || Array.isArray(value)

/** The members by name; undefined if one occurs twice. */
const byName = (object: JsonObject): ReadonlyMap<string, JsonValue> | undefined => {
  const members = new Map(object.members)
  return members.size === object.members.length ? members : undefined
}

const known = new Set(["jsonrpc", "method", "params", "id"])

/** Reads one request (not a batch). */
export const readRequest = (value: JsonValue): Result.Result<Request, BadRequest> => {
  if (!(value instanceof JsonObject)) return bad("a request is an object")
  const members = byName(value)
  if (members === undefined) return bad("a member occurs twice")
  for (const name of members.keys()) if (!known.has(name)) return bad(`unknown member ${printJson(name)}`)
  const version = members.get("jsonrpc")
  if (version !== undefined && !(version instanceof JsonText && version.value === "2.0")) {
    return bad('jsonrpc is not the string "2.0"')
  }
  const method = members.get("method")
  if (!(method instanceof JsonText) || method.value.includes("\0")) return bad("method is missing or not a string")
  const id = members.get("id") ?? null
  if (!isId(id)) return bad("id is neither a string, a number nor null")
  const params = members.get("params") ?? undefined
  if (params !== undefined && !isParams(params)) return bad("params is neither an object nor an array", id)
  return Result.succeed({ id, method: method.value, params })
}

/** The answer to a call that succeeded. */
export const printResult = (id: RequestId, result: unknown): string =>
  `{"jsonrpc":"2.0","id":${printJson(id)},"result":${printJson(result)}}`

/** The answer to a call that failed. */
export const printError = (id: RequestId, error: RpcError): string => {
  const { code, message, data } = error
  return `{"jsonrpc":"2.0","id":${printJson(id)},"error":${printJson({ code, message, data })}}`
}
