/** `--port-offset` and `--portal` as what they ask for. */
import { Effect } from "effect"
import type { PortalWish } from "../../history/fork/choose-mapping.ts"
import { CliFailure } from "../CliFailure.ts"

const offsetMax = 65_534

const refused = (message: string) => Effect.fail(new CliFailure({ message }))

/** `127.0.0.1`, `127.0.0.1:3261`, `[::1]`, `[::1]:3261`, `*:3261`. The host is checked where it is used. */
const addressOf = (text: string): Effect.Effect<PortalWish, CliFailure> => {
  const [, host = "", port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,6}))?$/u.exec(text) ?? []
  if (host === "") return refused(`--portal ${JSON.stringify(text.slice(0, 80))}: write ADDRESS or ADDRESS:PORT`)
  if (port === undefined) return Effect.succeed({ _tag: "Address", host })
  const number = Number(port)
  if (number >= 1 && number <= 65_535) return Effect.succeed({ _tag: "Address", host, port: number })
  return refused(`--portal ${text}: ${port} is no port; use 1 to 65535`)
}

/** Undefined: any that is free. */
export const portalWishOf = (
  offset: number | undefined,
  portal: string | undefined
): Effect.Effect<PortalWish | undefined, CliFailure> => {
  if (offset !== undefined && portal !== undefined) {
    return refused("--port-offset and --portal say different things; use one of them")
  }
  if (portal !== undefined) return addressOf(portal)
  if (offset === undefined) return Effect.succeed(undefined)
  if (Math.abs(offset) <= offsetMax && offset !== 0) return Effect.succeed({ _tag: "Offset", by: offset })
  return refused(`--port-offset ${offset}: use 1 to ${offsetMax}, or a negative one`)
}
