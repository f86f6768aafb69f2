/** The files of the web console: what they are, and how they are given to browsers. */
import { createHash } from "node:crypto"
import { Effect, Schema } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Response } from "./http-answers.ts"
import { type Route, readMethods } from "./Site.ts"

/** They are not there, or cannot be made. */
export class ConsoleFilesMissing extends Schema.TaggedError<ConsoleFilesMissing>()("ConsoleFilesMissing", {
  /** For the one who opens the page: why, and what to do. */
  detail: Schema.String
}) {}

/** Content by name, such as `index.html`. */
export type ConsoleFiles = ReadonlyMap<string, string>

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml"
}

const typeOf = (name: string): string => types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream"

/** Browsers ask each time whether the file is still the same: a new version must not meet old scripts. */
const fileRoute = (name: string, content: string): Route => {
  const body = new TextEncoder().encode(content)
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`
  const headers = { etag, "cache-control": "no-cache" }
  const whole = HttpServerResponse.uint8Array(body, { contentType: typeOf(name), headers })
  const unchanged = HttpServerResponse.empty({ status: 304, headers })
  return {
    methods: readMethods,
    needsToken: false,
    respond: Effect.map(HttpServerRequest.HttpServerRequest, ({ headers: { "if-none-match": known = "" } }) =>
      known.split(",").some((one) => one.trim().replace(/^W\//u, "") === etag) ? unchanged : whole
    )
  }
}

const missingPage = (detail: string): Response =>
  HttpServerResponse.text(`The web console cannot be shown: ${detail}\n`, {
    status: 503,
    headers: { "cache-control": "no-store" }
  })

/** Finds the file of a path: exactly one of those names, so that no path leads anywhere else. Loads them once. */
export const consoleFileRoutes = (
  files: Effect.Effect<ConsoleFiles, ConsoleFilesMissing>
): Effect.Effect<(path: string) => Effect.Effect<Route | undefined>> =>
  Effect.gen(function* () {
    const routes = yield* Effect.cached(
      Effect.map(files, (all) => new Map([...all].map(([name, content]) => [`/${name}`, fileRoute(name, content)])))
    )
    return (path) => {
      const wanted = path === "/" ? "/index.html" : path
      return Effect.matchEffect(routes, {
        onSuccess: (found) => Effect.succeed(found.get(wanted)),
        onFailure: ({ detail }) =>
          Effect.succeed(
            wanted === "/index.html"
              ? { methods: readMethods, needsToken: false, respond: Effect.succeed(missingPage(detail)) }
              : undefined
          )
      })
    }
  })
