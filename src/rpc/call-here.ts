/**
 * Methods called in this process, without a socket: what goes in and what comes out is what would have gone over one,
 * so that whoever calls need not know which it was.
 */
import { Effect } from "effect"
import { JsonParser } from "./JsonParser.ts"
import { printJson } from "./json-print.ts"
import { exactInteger, JsonNumber, JsonObject, JsonText } from "./json-value.ts"
import { CallFailed, toJavaScript } from "./RpcClient.ts"
import { methodNotFound, type RpcError, rpcError } from "./RpcError.ts"
import type { RpcCall, RpcMethod } from "./RpcMethod.ts"

/** As a parser reads parameters; what is longer than a request may be is refused as there. */
const paramsOf = (params: unknown): JsonObject | undefined => {
  const parser = new JsonParser()
  parser.feed(new TextEncoder().encode(printJson(params)))
  const parsed = parser.next()
  return parsed?._tag === "Message" && parsed.value instanceof JsonObject ? parsed.value : undefined
}

const membersOf = (entries: Iterable<readonly [string, unknown]>): Record<string, unknown> =>
  Object.fromEntries([...entries].flatMap(([name, value]) => (value === undefined ? [] : [[name, asSent(value)]])))

/** A number is read by what is written. */
const numberAsSent = (value: number): unknown => {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value
  if (!Number.isFinite(value)) return null
  return Number.isInteger(value) ? (exactInteger(String(value)) ?? value) : value
}

/** `value` as a client gets it: without what JSON has not, and integers beyond 2^53 as bigints. */
export const asSent = (value: unknown): unknown => {
  if (typeof value === "number") return numberAsSent(value)
  if (typeof value === "bigint") return BigInt.asIntN(54, value) === value ? Number(value) : value
  if (typeof value === "string" || typeof value === "boolean") return value
  if (value instanceof JsonNumber || value instanceof JsonText || value instanceof JsonObject)
    return toJavaScript(value)
  if (Array.isArray(value)) return value.map(asSent)
  if (value instanceof Map) return membersOf(value)
  return typeof value === "object" && value !== null ? membersOf(Object.entries(value)) : null
}

const failed = (method: string, { code, data, message }: RpcError): CallFailed =>
  new CallFailed({ method, code, text: message, data: asSent(data) })

/** One call of a method of `methods`, in the name of `actor` on the command line. */
export const callHere = <R>(
  methods: ReadonlyArray<RpcMethod<R>>,
  name: string,
  params: unknown,
  options: { readonly actor: string; readonly onProgress?: RpcCall["onProgress"] }
): Effect.Effect<unknown, CallFailed, R> =>
  Effect.suspend(() => {
    const method = methods.find((one) => one.name === name)
    if (method === undefined) {
      const reason = `${name} is for running targets`
      return Effect.fail(failed(name, rpcError(methodNotFound, { reason, hint: "name the target's socket with -r" })))
    }
    const caller = { source: "cli", actor: options.actor } as const
    const call: RpcCall = {
      method: name,
      caller,
      cause: { ...caller, method: name },
      listMethods: () => methods.map((one) => one.name),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress })
    }
    const running = method.run(params === undefined ? undefined : paramsOf(params), call)
    return Effect.mapBoth(running, { onFailure: (error) => failed(name, error), onSuccess: asSent })
  })
