/** `[ADDRESS:]PORT`, where the servers beside iSCSI listen. */
import { isIPv4, isIPv6 } from "node:net"
import { Option } from "effect"
import { Flag } from "effect/cli"

/** An IP address and a TCP port; 0 is any that is free. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** Where a port alone is. */
export const loopback = "127.0.0.1"

const parseAddress = (text: string): ListenAddress | undefined => {
  const parts = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/u.exec(text)
  const host = parts?.[1] ?? parts?.[2] ?? loopback
  const port = Number(parts?.[3] ?? Number.NaN)
  return port <= 65535 && (isIPv4(host) || isIPv6(host)) ? { host, port } : undefined
}

/** Whether nobody on a network can reach it. */
export const isLoopback = (host: string): boolean => host === "::1" || host.startsWith("127.")

/** A flag with such an address; `example` is a port. */
export const listenFlag = (name: string, description: string, example: number) =>
  Flag.String(name).pipe(
    Flag.withMetavar("[ADDRESS:]PORT"),
    Flag.withDescription(description),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(parseAddress(text)),
      (text) => `"${text}" is no address; write ${example}, 127.0.0.1:${example} or [::1]:${example}`
    ),
    Flag.optional
  )
