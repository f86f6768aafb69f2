/**
 * Methods whose settings have no meaning here: decoded, recorded as an event, and given back by the `get` and by a
 * saved configuration. A parameter of a wrong type is refused as by SPDK; one that is not known is taken and kept,
 * because their set changes with every release of SPDK.
 */
import { Effect, Result, Schema } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import { findInertSetting, type State } from "../../domain/State.ts"
import { JsonParser } from "../JsonParser.ts"
import { printJson } from "../json-print.ts"
import { exactInteger, JsonNumber, toPlain } from "../json-value.ts"
import { Text, Uint32 } from "../param.ts"
import {
  invalidParameters,
  type Refusal,
  type RpcError,
  refuseWithInvalidParameters,
  rpcError,
  type WireError
} from "../RpcError.ts"
import { defineMethod, type FrameworkState, type RpcCall, type RpcMethod } from "../RpcMethod.ts"
import { dispatch } from "./dispatch.ts"

/** What these methods need. */
export type InertServices = ControlPlane | DataPlane

/** Parameters by name, as they were sent: numbers keep their text. */
export type Given = Readonly<Record<string, unknown>>

/** One parameter that is known. */
export interface InertParam {
  readonly schema: Schema.Codec<unknown, unknown>
  readonly required: boolean
  /** What a `get` says when it was never set; undefined for nothing. */
  readonly otherwise: unknown
}
/** In SPDK's order. */
export type InertParams = Readonly<Record<string, InertParam>>

const schemaOf = (value: unknown): Schema.Codec<unknown, unknown> => {
  if (typeof value === "number") return Uint32
  if (typeof value === "boolean") return Schema.Boolean
  return typeof value === "string" ? Text : Schema.Unknown
}

/** Optional parameters with their defaults: numbers are unsigned with 32 bits unless `schemas` says otherwise. */
export const inertDefaults = (
  defaults: Given,
  schemas: Readonly<Record<string, Schema.Codec<unknown, unknown>>> = {}
): InertParams =>
  Object.fromEntries(
    Object.entries(defaults).map(([name, otherwise]) => {
      const schema = schemas[name] ?? schemaOf(otherwise)
      return [name, { schema, required: false, otherwise }]
    })
  )

/** A parameter that must be there. */
export const inertRequired = (schema: Schema.Codec<unknown, unknown>): InertParam => ({
  schema,
  required: true,
  otherwise: undefined
})

/** A parameter that may be there and has no default to show. */
export const inertOptional = (schema: Schema.Codec<unknown, unknown>): InertParam => ({
  schema,
  required: false,
  otherwise: undefined
})

const isGiven = (value: unknown): value is Given =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)

const parseGiven = (text: string): Given => {
  const parser = new JsonParser()
  parser.feed(new TextEncoder().encode(text))
  const parsed = parser.next()
  if (parsed?._tag !== "Message") return {}
  const plain = toPlain(parsed.value, "params")
  return Result.isSuccess(plain) && isGiven(plain.success) ? plain.success : {}
}

/** What was set by a method for an object, with all names; empty if nothing was. */
export const givenTo = (state: State, method: string, object = ""): Given => {
  const setting = findInertSetting(state, method, object)
  return setting === undefined ? {} : parseGiven(setting.params)
}

/** What a `get` answers: the known parameters in SPDK's order, with what was set or else the defaults. */
export const inertValues = (state: State, method: string, params: InertParams, object = ""): Given => {
  const given = givenTo(state, method, object)
  return Object.fromEntries(
    Object.entries(params).flatMap(([name, { otherwise }]) => {
      const value = Object.hasOwn(given, name) ? given[name] : otherwise
      return value === undefined ? [] : [[name, value]]
    })
  )
}

/** The integer that a parameter is; undefined if it is none. */
export const integerOf = (value: unknown): bigint | undefined => {
  if (typeof value === "number") return BigInt(value)
  return value instanceof JsonNumber ? exactInteger(value.source) : undefined
}

/** Records what is set, on top of what the same method has set for the same object before. */
export const recordInert = (
  call: RpcCall,
  method: string,
  given: Given,
  object = ""
): Effect.Effect<boolean, RpcError, InertServices> =>
  Effect.gen(function* () {
    const { state } = yield* ControlPlane
    const params = printJson({ ...givenTo(state(), method, object), ...given })
    yield* dispatch(call, { _tag: "RecordInertSetting", method, object, params }, refuseWithInvalidParameters)
    return true
  })

/** Forgets what a method has set for an object. */
export const removeInert = (
  call: RpcCall,
  method: string,
  object: string,
  refuse: Refusal
): Effect.Effect<boolean, RpcError, InertServices> =>
  Effect.as(dispatch(call, { _tag: "RemoveInertSetting", method, object }, refuse), true)

const structOf = (params: InertParams) =>
  Schema.Struct(
    Object.fromEntries(
      Object.entries(params).map(([name, { required, schema }]) => [
        name,
        required ? schema : Schema.optionalKey(schema)
      ])
    )
  )

/** A method that sets something without effect and answers true. */
export const inertMethod = (definition: {
  readonly name: string
  readonly aliases?: ReadonlyArray<string>
  readonly states?: ReadonlyArray<FrameworkState>
  readonly params: InertParams
  readonly paramsOptional?: boolean
  readonly undecodable?: WireError
  /** The parameter that names what is set; each has a setting of its own. */
  readonly objectParam?: string
  /** Why SPDK refuses these values. */
  readonly refuse?: (given: Given) => RpcError | undefined
}): RpcMethod<InertServices> => {
  const { name, objectParam, params, undecodable = invalidParameters } = definition
  const decode = Schema.decodeUnknownEffect(structOf(params), { errors: "all" })
  return defineMethod({
    ...definition,
    kind: "change",
    params: Schema.Record(Schema.String, Schema.Unknown),
    handler: (given, call) =>
      Effect.gen(function* () {
        yield* Effect.mapError(decode(given), (error) =>
          rpcError(undecodable, {
            reason: error.message.replace(/\s*\n\s+at /g, " at ").replaceAll("\n", "; "),
            object: `params of ${name}`,
            allowed: Object.keys(params).join(", ")
          })
        )
        const refused = definition.refuse?.(given)
        if (refused !== undefined) return yield* refused
        const object = objectParam === undefined ? "" : String(given[objectParam])
        return yield* recordInert(call, name, given, object)
      })
  })
}
