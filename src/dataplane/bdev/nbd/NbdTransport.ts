/**
 * The way to an NBD server: a Unix socket or TCP, and TLS over it where that is asked for. In clear all connections of
 * a thread receive into one buffer; TLS brings buffers of its own.
 */
import { close as closeFile, constants, fstat, read as readFile } from "node:fs"
import { connect, isIP, type Socket } from "node:net"
import type { ConnectionOptions, SecureContext, SecureContextOptions } from "node:tls"
import { connect as connectTls, createSecureContext } from "node:tls"
import { promisify } from "node:util"
import { PathRefused } from "../../../host/AllowedPaths.ts"
import type { NbdServer, NbdTls } from "../BdevSpec.ts"
import type { OpenFiles } from "../file/OpenFiles.ts"
import { errorCodeOf } from "../io-status-of.ts"

/** Receives bytes `[0, length)`; the buffer is the caller's again afterwards. */
export type OnBytes = (chunk: Buffer, length: number) => void
/** `code` is an errno name, `detail` goes on a sentence about the server. */
export type OnLost = (code: string, detail: string) => void

/** Bytes that are received at once. */
const receiveBytes = 256 * 1024
/** A connection on which nothing was said for so long asks whether the server's machine is still there. */
const keepAliveMillis = 15_000
/** Bytes of a PEM file; what a chain of authorities may have. */
const pemBytesMax = 1024 * 1024

let shared: Buffer | undefined

/** One for all, because it is empty again before anybody else receives. */
const receiveBuffer = (): Buffer => {
  shared ??= Buffer.allocUnsafeSlow(receiveBytes)
  return shared
}

/** Where a server is, for messages. */
export const serverText = (server: NbdServer): string => {
  if ("path" in server) return server.path
  return isIP(server.host) === 6 ? `[${server.host}]:${server.port}` : `${server.host}:${server.port}`
}

const explanations: Readonly<Record<string, string>> = {
  ENOENT: "has no socket there (ENOENT); start it, or check the path",
  ECONNREFUSED: "does not listen (ECONNREFUSED); start it, or check its address",
  EACCES: "does not let the target's user connect (EACCES); change the socket's owner or mode",
  ENOTFOUND: "has a name that is not known (ENOTFOUND); check it, or use an address",
  ECONNRESET: "has closed the connection (ECONNRESET)",
  EPIPE: "has closed the connection (EPIPE)",
  ETIMEDOUT: "does not answer (ETIMEDOUT)"
}

const explain = (error: NodeJS.ErrnoException): readonly [code: string, detail: string] => {
  const given = error.code ?? ""
  // What TLS and the resolver say has codes and words of its own.
  const code = /^E[A-Z0-9]+$/.test(given) && given !== "ENOTFOUND" ? errorCodeOf(error) : "EPROTO"
  return [code, explanations[given] ?? `cannot be used: ${error.message.slice(0, 200)}`]
}

const statDescriptor = promisify(fstat)
const readDescriptor = promisify(readFile)

const readPem = async (openFiles: OpenFiles, path: string): Promise<Buffer> => {
  const descriptor = await openFiles.open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = await statDescriptor(descriptor)
    if (!stat.isFile() || stat.size > pemBytesMax) throw new Error("it is no file of at most 1 MiB")
    const content = Buffer.alloc(stat.size)
    const { bytesRead } = await readDescriptor(descriptor, content, 0, stat.size, 0)
    return content.subarray(0, bytesRead)
  } finally {
    closeFile(descriptor, () => {})
  }
}

const pemOf = async (openFiles: OpenFiles, path: string): Promise<Buffer> => {
  try {
    return await readPem(openFiles, path)
  } catch (error) {
    if (error instanceof PathRefused) throw error
    const reason = error instanceof Error ? error.message.split(",")[0] : String(error)
    throw new Error(`the TLS file ${path} cannot be read: ${reason}`)
  }
}

/** Where it can be refused: files that are none would be an exception in the middle of a connection. */
const contextOf = (files: SecureContextOptions): SecureContext => {
  try {
    return createSecureContext({ ...files, minVersion: "TLSv1.2" })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`its TLS files are no certificates and key in PEM that belong together (${why})`)
  }
}

/** What `tls.connect` needs: read anew for each connection, so that certificates can be renewed. */
const tlsOptions = async (openFiles: OpenFiles, server: NbdServer, tls: NbdTls): Promise<ConnectionOptions> => {
  const pem = async (key: "ca" | "cert" | "key", path: string | undefined) =>
    path === undefined ? {} : { [key]: await pemOf(openFiles, path) }
  const name = tls.serverName ?? ("host" in server ? server.host : "localhost")
  const files = {
    ...(await pem("ca", tls.ca)),
    ...(await pem("cert", tls.certificate)),
    ...(await pem("key", tls.key))
  }
  return {
    secureContext: contextOf(files),
    // What the certificate has to be for; an address is no name that may be asked for beforehand (RFC 6066 3).
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {})
  }
}

/** Of one connection. */
export class NbdTransport {
  readonly #server: NbdServer
  readonly #tls: NbdTls | undefined
  readonly #openFiles: OpenFiles
  #tlsOptions: ConnectionOptions = {}
  #socket: Socket | undefined
  #isDestroyed = false

  constructor(server: NbdServer, tls: NbdTls | undefined, openFiles: OpenFiles) {
    this.#server = server
    this.#tls = tls
    this.#openFiles = openFiles
  }

  /** Whether the server is to be asked for TLS. */
  get tls(): boolean {
    return this.#tls !== undefined
  }

  /** `opened` is called before the first bytes come, `lost` once when there is no connection, or not any more. */
  connect(opened: (socket: Socket) => void, onBytes: OnBytes, lost: OnLost): void {
    this.#prepared(opened, onBytes, lost).catch((error: NodeJS.ErrnoException) =>
      error instanceof PathRefused ? lost(error.code, `cannot be used: ${error.message}`) : lost(...explain(error))
    )
  }

  /** All further bytes are TLS's. `opened` is called when the server has proved who it is. */
  startTls(opened: (socket: Socket) => void, onBytes: OnBytes, lost: OnLost): void {
    const clear = this.#socket
    if (clear === undefined) return
    clear.removeAllListeners("data")
    const secure = connectTls({ ...this.#tlsOptions, socket: clear })
    this.#socket = secure
    secure.on("secureConnect", () => opened(secure))
    secure.on("data", (chunk: Buffer) => onBytes(chunk, chunk.length))
    listen(secure, lost)
  }

  /** Nothing comes any more. */
  destroy(): void {
    this.#isDestroyed = true
    this.#socket?.destroy()
  }

  async #prepared(opened: (socket: Socket) => void, onBytes: OnBytes, lost: OnLost): Promise<void> {
    const server = this.#server
    if (this.#tls !== undefined) this.#tlsOptions = await tlsOptions(this.#openFiles, server, this.#tls)
    if ("host" in server) return this.#open(server, opened, onBytes, lost)
    return this.#openFiles.withPath(server.path, (path) => this.#open({ path }, opened, onBytes, lost))
  }

  /** Resolves when it is connected, or not: until then the path has to lead where it did. */
  #open(to: NbdServer, opened: (socket: Socket) => void, onBytes: OnBytes, lost: OnLost): Promise<void> {
    if (this.#isDestroyed) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const onread = {
      buffer: receiveBuffer,
      callback: (length: number, buffer: Uint8Array) => {
        onBytes(shared ?? Buffer.from(buffer), length)
        return true
      }
    }
    // TLS takes the socket over, and would not find what comes into a buffer of ours.
    const socket = connect(this.tls ? { ...to } : { ...to, onread })
    this.#socket = socket
    if (this.tls) socket.on("data", (chunk: Buffer) => onBytes(chunk, chunk.length))
    socket.setNoDelay(true)
    if ("host" in to) socket.setKeepAlive(true, keepAliveMillis)
    socket.on("connect", () => {
      opened(socket)
      resolve()
    })
    socket.on("close", () => resolve())
    listen(socket, lost)
    return promise
  }
}

const listen = (socket: Socket, lost: OnLost): void => {
  socket.on("error", (error: NodeJS.ErrnoException) => lost(...explain(error)))
  socket.on("close", () => lost("ECONNRESET", "has closed the connection"))
}
