/**
 * What keeps other web pages away from the console in a browser: names under which it may be asked (DNS rebinding),
 * the origin of who asks, and headers that say what the page may load and who may use it.
 */
import { isIPv4, isIPv6 } from "node:net"
import type { HttpServerRequest } from "effect/http"
import { HttpServerResponse } from "effect/http"
import { errnoError } from "../RpcError.ts"
import { type Response, refuse } from "./http-answers.ts"

/** Nothing but its own files and its own RPC; styles are set through the CSSOM alone. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'"
].join("; ")

const safetyHeaders = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin"
}

/** With the headers that every answer to a browser has; what says nothing of caching is not to be kept. */
export const withSafetyHeaders = (response: Response): Response =>
  HttpServerResponse.setHeaders(
    response,
    "cache-control" in response.headers ? safetyHeaders : { ...safetyHeaders, "cache-control": "no-store" }
  )

/** Where a server listens, and what else it is called. */
export interface OwnNames {
  readonly host: string
  readonly hostNames: ReadonlyArray<string>
}

const nameOf = (authority: string): string | undefined =>
  /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+?)\.?(?::\d{1,5})?$/iu
    .exec(authority)?.[1]
    ?.replace(/^\[|\]$/gu, "")
    .toLowerCase()

const isAny = (host: string): boolean => host === "0.0.0.0" || host === "::"

/** Whether a name or an address is this machine's own. */
export const isLoopbackName = (name: string): boolean =>
  name === "localhost" || name === "::1" || /^127(\.\d+){3}$/u.test(name)

/** A page of elsewhere can only be here under a name of its own: an address as such is never its. */
const isOwnName = ({ host, hostNames }: OwnNames, name: string): boolean =>
  name === host.toLowerCase() ||
  hostNames.some((known) => known.toLowerCase() === name) ||
  (isLoopbackName(name) && (isLoopbackName(host) || isAny(host))) ||
  (isAny(host) && (isIPv4(name) || isIPv6(name)))

/** 421 for a name that is not the server's, 403 for a page of elsewhere; else undefined. */
export const refusalOfOrigin = (request: HttpServerRequest.HttpServerRequest, own: OwnNames): Response | undefined => {
  const { host = "", origin } = request.headers
  const name = nameOf(host)
  if (name === undefined || !isOwnName(own, name)) {
    const reason = `the host ${JSON.stringify(host.slice(0, 100))} is not this server's: use its address`
    return refuse(421, errnoError("EPERM"), `${reason}, or a name that --console-host gives to the console`)
  }
  if (origin === undefined) return undefined
  const from = /^https?:\/\/(.+)$/iu.exec(origin)?.[1]?.toLowerCase()
  const isOwn = from === host.toLowerCase() || own.hostNames.some((known) => known.toLowerCase() === nameOf(from ?? ""))
  if (isOwn) return undefined
  const reason = `the page of ${JSON.stringify(origin.slice(0, 100))} may not ask here`
  return refuse(403, errnoError("EPERM"), reason)
}
