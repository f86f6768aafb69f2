/** The rules of an NBD export that is a disk: where its server is, TLS, and how long it is waited for. */
import { Result } from "effect"
import { InvalidArgument } from "../DomainError.ts"
import { quote, utf8Length } from "../decision.ts"
import type { BdevRequest, BdevSpec, NbdServer, NbdTls } from "./BdevSpec.ts"
import { blockSizeProblem, isAbsolutePath, parseFoundSize } from "./device-rules.ts"

type NbdRequest = Extract<BdevRequest, { readonly _tag: "Nbd" }>

/** Connections of one bdev. */
export const NBD_CONNECTIONS_MAX = 16
/** A day: longer than anyone waits for IO. */
export const NBD_SECONDS_MAX = 86_400
/** Bytes of an export's name: the protocol's limit of a string. */
const exportNameBytesMax = 4096
/** Bytes of a Unix socket's path, without the NUL behind it (unix(7)). */
const socketPathBytesMax = 107

/** What is not said of a request. */
export const nbdDefaults = {
  blockSize: 512,
  connections: 4,
  reconnectSeconds: 30,
  replySeconds: 60,
  giveUpSeconds: 0
} as const

/** IANA's TCP port of NBD. */
export const NBD_PORT = 10_809

/** `/run/nbd.sock`, `10.0.0.5:10809`, `[fd00::5]:10809`. */
export const nbdServerText = (server: NbdServer): string => {
  if ("path" in server) return server.path
  return server.host.includes(":") ? `[${server.host}]:${server.port}` : `${server.host}:${server.port}`
}

/** Characters of a name in the DNS, or of an address with its zone. */
const hostLengthMax = 255
/** A name, an IPv4 address, or an IPv6 address, perhaps with a zone. */
const hostShape = /^(?:[\w.-]+|[\w.]*:[\w.:]*(?:%[\w.-]+)?)$/u

type Problem = readonly [reason: string, hint: string]

const serverProblem = (server: NbdServer): Problem | undefined => {
  if ("path" in server) {
    if (isAbsolutePath(server.path) && utf8Length(server.path) <= socketPathBytesMax) return undefined
    const hint = `use an absolute path of at most ${socketPathBytesMax} bytes`
    return [`has an NBD server on the socket ${quote(server.path)}`, hint]
  }
  const { host, port } = server
  if (host.length > hostLengthMax || !hostShape.test(host)) {
    return [`has an NBD server on the host ${quote(host)}`, "use a name or an address, without brackets"]
  }
  if (port >= 1 && port <= 65_535) return undefined
  return [`has an NBD server on the port ${port}`, "use 1 to 65535"]
}

const tlsProblem = (tls: NbdTls, server: NbdServer): Problem | undefined => {
  const paths = [tls.ca, tls.certificate, tls.key].filter((path) => path !== undefined)
  const wrong = paths.find((path) => !isAbsolutePath(path))
  if (wrong !== undefined) return [`has the TLS file ${quote(wrong)}`, "use an absolute path"]
  if ((tls.certificate === undefined) !== (tls.key === undefined)) {
    return ["has a TLS certificate without its key, or the reverse", "give both, or neither"]
  }
  if (tls.serverName === undefined) {
    const hint = "say for which name the server's certificate has to be"
    return "path" in server ? ["has TLS on a Unix socket, which has no host", hint] : undefined
  }
  if (/^[\w.:-]{1,253}$/u.test(tls.serverName)) return undefined
  return [`has TLS with a server called ${quote(tls.serverName)}`, "use the name in its certificate"]
}

const numberProblem = (request: NbdRequest): Problem | undefined => {
  const { connections } = request
  if (!(Number.isInteger(connections) && connections >= 1 && connections <= NBD_CONNECTIONS_MAX)) {
    return [`has ${connections} connections`, `use 1 to ${NBD_CONNECTIONS_MAX}`]
  }
  const times = [request.reconnectSeconds, request.replySeconds, request.giveUpSeconds]
  const wrong = times.find((seconds) => !(Number.isInteger(seconds) && seconds >= 0 && seconds <= NBD_SECONDS_MAX))
  return wrong === undefined
    ? undefined
    : [`has a time of ${wrong} s`, `use whole seconds from 0 to ${NBD_SECONDS_MAX}`]
}

const problemOf = (request: NbdRequest): Problem | undefined => {
  const { blockSize, exportName, server, tls } = request
  if (exportName.includes("\0") || utf8Length(exportName) > exportNameBytesMax) {
    return [`has the export ${quote(exportName)}`, `use at most ${exportNameBytesMax} bytes`]
  }
  return (
    serverProblem(server) ??
    (tls === undefined ? undefined : tlsProblem(tls, server)) ??
    blockSizeProblem(blockSize) ??
    numberProblem(request)
  )
}

/** `object` is for messages. A request without `blockCount` is that of a plan: its export is not open yet. */
export const parseNbdSpec = (object: string, request: NbdRequest): Result.Result<BdevSpec, InvalidArgument> => {
  const problem = problemOf(request)
  if (problem !== undefined) {
    const [reason, hint] = problem
    return Result.fail(new InvalidArgument({ object, reason, hint }))
  }
  const { blockCount, ...spec } = request
  return Result.map(parseFoundSize(object, spec.blockSize, blockCount), (found) => ({ ...spec, blockCount: found }))
}
