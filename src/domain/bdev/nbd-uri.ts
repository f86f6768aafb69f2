/**
 * URIs of NBD exports (NetworkBlockDevice/nbd, doc/uri.md): `nbd://host:port/export`, `nbd+unix:///export?socket=PATH`,
 * and `nbds://`, `nbds+unix://` for the same over TLS.
 */
import { Result } from "effect"
import type { NbdServer } from "./BdevSpec.ts"
import { NBD_PORT, nbdServerText } from "./bdev-nbd-decide.ts"

/** What a URI names. */
export interface NbdAddress {
  readonly server: NbdServer
  readonly exportName: string
  /** TLS is demanded. */
  readonly tls: boolean
}

/** Characters of a URI: a socket's path and an export's name, each byte of them written as three. */
const uriLengthMax = 16_384

/** What `nbd+unix:///?socket=PATH` and the others are called in messages. */
export const nbdUriHint = "write nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH (nbds for TLS)"

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const shape = /^(?<scheme>nbds?(?:\+unix)?):\/\/(?<place>[^/?#]*)(?:\/(?<name>[^?#]*))?(?:\?(?<query>[^#]*))?$/u
const hostAndPort = /^(?:\[(?<ip6>[^\]]*)\]|(?<host>[^:@[\]]*))(?::(?<port>\d{1,5}))?$/u

/** What the URI names; a failure is what is wrong with it, as a predicate. */
export const parseNbdUri = (uri: string): Result.Result<NbdAddress, string> => {
  const groups = uri.length > uriLengthMax ? undefined : shape.exec(uri)?.groups
  const place = hostAndPort.exec(groups?.["place"] ?? "")?.groups
  if (groups === undefined || place === undefined) return Result.fail(`is no NBD URI; ${nbdUriHint}`)
  const { name = "", query = "", scheme = "" } = groups
  const { host, ip6, port } = place
  const exportName = decoded(name)
  if (exportName === undefined) return Result.fail("has a broken % escape; write % as %25")
  const tls = scheme.startsWith("nbds")
  const parameters = query === "" ? [] : query.split("&")
  const socket = parameters.find((parameter) => parameter.startsWith("socket="))
  const other = parameters.find((parameter) => parameter !== socket)
  // The other parameters of the URI's definition (TLS files, PSK) are keys of their own here.
  if (other !== undefined) return Result.fail(`has the parameter ${other.split("=")[0]}, which is not known here`)
  if (scheme.endsWith("+unix")) {
    const path = socket === undefined ? undefined : decoded(socket.slice("socket=".length))
    if (path === undefined || path === "") return Result.fail("has no socket=PATH, which nbd+unix needs")
    return Result.succeed({ server: { path }, exportName, tls })
  }
  if (socket !== undefined) return Result.fail("has a socket, which goes with nbd+unix")
  const named = ip6 ?? host ?? ""
  if (named === "") return Result.fail(`has no host; ${nbdUriHint}`)
  return Result.succeed({
    server: { host: named, port: port === undefined ? NBD_PORT : Number(port) },
    exportName,
    tls
  })
}

/** The URI of an export. */
export const nbdUri = ({ exportName, server, tls }: NbdAddress): string => {
  const scheme = tls ? "nbds" : "nbd"
  const name = exportName.split("/").map(encodeURIComponent).join("/")
  if ("path" in server) {
    const path = server.path.split("/").map(encodeURIComponent).join("/")
    return `${scheme}+unix:///${name}?socket=${path}`
  }
  return `${scheme}://${nbdServerText(server)}/${name}`
}
