/** Answers that every server here gives: JSON, and refusals as a JSON-RPC error whose `data.reason` says why. */
import { HttpServerResponse } from "effect/http"
import { printError } from "../envelope.ts"
import { errnoError, rpcError, type WireError } from "../RpcError.ts"

/** What a route gives. */
export type Response = HttpServerResponse.HttpServerResponse

/** A JSON text with a status. */
export const json = (status: number, text: string, headers: Record<string, string> = {}): Response =>
  HttpServerResponse.text(text, { status, contentType: "application/json", headers })

/** A request that is not done; `reason` is for people. */
export const refuse = (status: number, wire: WireError, reason: string, headers?: Record<string, string>): Response =>
  json(status, printError(null, rpcError(wire, { reason })), headers)

/** 429 or 503: not now, but in a second. */
export const refuseForNow = (status: 429 | 503, reason: string): Response =>
  refuse(status, errnoError("EBUSY"), reason, { "retry-after": "1" })
