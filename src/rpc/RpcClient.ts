/**
 * The other end of the socket, for the command line and for tests: connect, call, and errors that say what to do.
 */

import { statSync } from "node:fs"
import * as net from "node:net"
import { Effect, Schema, type Scope } from "effect"
import { ClientSocket } from "./client-socket.ts"
import { JsonParser } from "./JsonParser.ts"
import { printJson } from "./json-print.ts"
import { exactInteger, JsonNumber, JsonObject, JsonText, type JsonValue } from "./json-value.ts"
import { defaultSocketPath } from "./socket-path.ts"

/** Answers may be longer than requests: the server sends up to 32 MiB. */
const answerLimits = { messageBytesMax: 64 * 1024 * 1024, depthMax: 256, valuesMax: 16 * 1024 * 1024 }
const connectTimeoutMillis = 5_000

/** Nobody serves the socket, or it may not be used. */
export class NoServer extends Schema.TaggedError<NoServer>()("NoServer", {
  path: Schema.String,
  code: Schema.String
}) {
  override get message() {
    if (this.code === "EACCES")
      return `the socket ${this.path} belongs to another user; run this as that user (sudo -u)`
    if (this.code === "ENOTSOCK") return `${this.path} is no socket; name that of a running target with -r PATH`
    const start = this.path === defaultSocketPath ? "lunlog serve" : `lunlog serve -r ${this.path}`
    const remedy = `start one with "${start}", or name its socket with -r PATH`
    return `no lunlog is running at ${this.path} (${this.code}); ${remedy}`
  }
}

/** The server refused the call. */
export class CallFailed extends Schema.TaggedError<CallFailed>()("CallFailed", {
  method: Schema.String,
  code: Schema.Int,
  text: Schema.String,
  /** What the server says beyond SPDK's code and message. */
  data: Schema.optionalKey(Schema.Unknown)
}) {
  override get message() {
    return `${this.method} failed (${this.code}): ${this.text}`
  }
}

/** No answer: the connection ended or it took too long. The call may have been carried out all the same. */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", {
  method: Schema.String,
  path: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    const remedy = `"lunlog log tail" shows whether it was carried out`
    return `no answer to ${this.method} from ${this.path}: ${this.reason}; ${remedy}`
  }
}

/** A connected client. */
export interface RpcClient {
  /** `params` is a plain value, or the parser's own; numbers in the result that are no safe integers come as bigint. */
  readonly call: (
    method: string,
    params?: unknown,
    options?: { readonly timeoutMillis?: number }
  ) => Effect.Effect<unknown, CallFailed | NoAnswer>
}

/** As ordinary JavaScript values. */
export const toJavaScript = (value: JsonValue): unknown => {
  if (value instanceof JsonText) return value.value
  if (value instanceof JsonNumber) {
    const integer = exactInteger(value.source)
    const isSafe = integer === undefined || (integer <= Number.MAX_SAFE_INTEGER && integer >= Number.MIN_SAFE_INTEGER)
    return isSafe ? Number(value.source) : integer
  }
  if (value instanceof JsonObject) {
    return Object.fromEntries(value.members.map(([name, member]) => [name, toJavaScript(member)]))
  }
  return value === null || typeof value === "boolean" ? value : value.map(toJavaScript)
}

/** For files and directories connect(2) says what it says for a socket that nobody serves. */
const refusalOf = (path: string, error: NodeJS.ErrnoException): NoServer => {
  const found = error.code === "ECONNREFUSED" ? statSync(path, { throwIfNoEntry: false }) : undefined
  return new NoServer({ path, code: found?.isSocket() === false ? "ENOTSOCK" : (error.code ?? "EIO") })
}

const open = (path: string): Effect.Effect<net.Socket, NoServer> =>
  Effect.callback<net.Socket, NoServer>((resume) => {
    const socket = net.connect({ path })
    socket.once("connect", () => resume(Effect.succeed(socket)))
    socket.once("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(refusalOf(path, error))))
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOrElse({
      duration: connectTimeoutMillis,
      orElse: () => Effect.fail(new NoServer({ path, code: "ETIMEDOUT" }))
    })
  )

const readMessage = (socket: ClientSocket, parser: JsonParser): Effect.Effect<JsonValue, string> =>
  Effect.gen(function* () {
    while (true) {
      const parsed = parser.next()
      if (parsed?._tag === "Message") return parsed.value
      if (parsed !== undefined) return yield* Effect.fail(`its answer is no JSON: ${parsed.reason}`)
      const chunk = yield* socket.read
      if (chunk === undefined) return yield* Effect.fail("the connection ended")
      parser.feed(chunk)
    }
  })

const member = (object: JsonObject, name: string): JsonValue | undefined =>
  object.members.find(([candidate]) => candidate === name)?.[1]

const outcome = (method: string, answer: JsonValue): Effect.Effect<unknown, CallFailed | string> => {
  if (!(answer instanceof JsonObject)) return Effect.fail("its answer is no object")
  const error = member(answer, "error")
  const result = member(answer, "result")
  if (!(error instanceof JsonObject)) {
    if (result !== undefined) return Effect.succeed(toJavaScript(result))
    return Effect.fail("its answer has neither a result nor an error")
  }
  const code = toJavaScript(member(error, "code") ?? null)
  const text = toJavaScript(member(error, "message") ?? null)
  const data = member(error, "data")
  return Effect.fail(
    new CallFailed({
      method,
      code: typeof code === "number" ? Math.trunc(code) : -32603,
      text: typeof text === "string" ? text : "the server gave no reason",
      ...(data === undefined ? {} : { data: toJavaScript(data) })
    })
  )
}

/** A connection that lives as long as the scope. Calls are made one after the other. */
export const connect = (path: string): Effect.Effect<RpcClient, NoServer, Scope.Scope> =>
  Effect.gen(function* () {
    const socket = yield* Effect.acquireRelease(
      Effect.map(open(path), (raw) => new ClientSocket(raw)),
      (socket) => Effect.sync(() => socket.destroy())
    )
    const parser = new JsonParser(answerLimits)
    let id = 0
    const call: RpcClient["call"] = (method, params, options) => {
      id++
      const timeoutMillis = options?.timeoutMillis ?? 60_000
      const request = printJson({ jsonrpc: "2.0", id, method, params })
      return socket.write(`${request}\n`, timeoutMillis).pipe(
        Effect.mapError((gone) => gone.reason),
        Effect.andThen(readMessage(socket, parser)),
        Effect.flatMap((answer) => outcome(method, answer)),
        Effect.timeoutOrElse({
          duration: timeoutMillis,
          orElse: () => {
            // A late answer must not be taken for the next call's.
            socket.destroy()
            return Effect.fail(`nothing came within ${timeoutMillis} ms`)
          }
        }),
        Effect.mapError((error) => (typeof error === "string" ? new NoAnswer({ method, path, reason: error }) : error))
      )
    }
    return { call }
  })
