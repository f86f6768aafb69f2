/**
 * One address that a reactor listens on. Binding comes first and can fail; connections that come before the portal is
 * accepted are held back, a few at most.
 */
import { createServer, type Server, type Socket } from "node:net"
import { Connection } from "../iscsi/Connection.ts"
import type { IscsiNode } from "../iscsi/IscsiNode.ts"
import type { PeerConnection } from "../iscsi/Peers.ts"
import { receiveSocket } from "../iscsi/receive-socket.ts"
import { heldConnectionsMax } from "../limits.ts"

/** The result of `open`: listening, or why not. */
export type PortalOpened =
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly code: string; readonly detail: string }

/** `*` and `[*]` are any address; brackets are not part of an IPv6 address. */
const bindAddress = (host: string): string => {
  if (host === "*") return "0.0.0.0"
  const bare = host.replace(/^\[(.*)\]$/, "$1")
  return bare === "*" ? "::" : bare
}

/** IPv4 addresses that a dual-stack socket shows as IPv6. */
const plainAddress = (address: string | undefined): string => (address ?? "").replace(/^::ffff:(?=\d+\.)/i, "")

const explain = (code: string, host: string, port: number): string => {
  switch (code) {
    case "EADDRINUSE":
      return `portal ${host}:${port} is in use by another process or portal; stop that one, or choose another port`
    case "EADDRNOTAVAIL":
      return `${host} is not an address of this machine; see \`ip address\` for those that are`
    case "EACCES":
      return `port ${port} may not be bound by this user; choose one of 1024 or above`
    default:
      return `portal ${host}:${port} can't be listened on`
  }
}

/** Who has no session must not keep others out: not logged in, discovery, or about to end. The oldest goes. */
const makeRoom = (connections: Iterable<PeerConnection>): boolean => {
  for (const connection of connections) if (connection.giveWay()) return true
  return false
}

/** One listening socket. */
export class Portal {
  readonly #node: IscsiNode
  readonly #server: Server
  #portalGroupTag: number | undefined
  readonly #held = new Set<Socket>()

  constructor(node: IscsiNode) {
    this.#node = node
    this.#server = createServer({ pauseOnConnect: true, noDelay: true, keepAlive: true }, (socket) =>
      this.#accepted(socket)
    )
  }

  /** Binds and listens; calls `done` once. */
  open(host: string, port: number, done: (opened: PortalOpened) => void): void {
    const failed = (error: NodeJS.ErrnoException): void => {
      const code = error.code ?? "EIO"
      done({ _tag: "Failed", code, detail: explain(code, host, port) })
    }
    this.#server.once("error", failed)
    // An IPv6 address is for IPv6 peers only, so that `*` and `[*]` can be listened on side by side.
    this.#server.listen({ host: bindAddress(host), port, ipv6Only: true, backlog: 128 }, () => {
      this.#server.off("error", failed)
      // After listening an error is one of accept: too many descriptors, say. The socket goes on listening.
      this.#server.on("error", () => {})
      done({ _tag: "Done" })
    })
  }

  /** Accepts connections from now on, those that were held back first. */
  accept(portalGroupTag: number): void {
    this.#portalGroupTag = portalGroupTag
    for (const socket of this.#held) this.#begin(socket, portalGroupTag)
    this.#held.clear()
  }

  /** Stops listening; calls `done` when the address is free. Accepted connections stay. */
  close(done: () => void): void {
    for (const socket of this.#held) socket.destroy()
    this.#held.clear()
    if (!this.#server.listening) return done()
    // The listening socket is closed at once; the callback would wait for every accepted connection.
    this.#server.close()
    setImmediate(done)
  }

  #accepted(socket: Socket): void {
    if (this.#portalGroupTag !== undefined) return this.#begin(socket, this.#portalGroupTag)
    if (this.#held.size >= heldConnectionsMax) return void socket.destroy()
    this.#held.add(socket)
    const forget = (): void => void this.#held.delete(socket)
    socket.once("close", forget)
    socket.once("error", forget)
  }

  #begin(accepted: Socket, portalGroupTag: number): void {
    const initiatorAddress = plainAddress(accepted.remoteAddress)
    const refused = this.#refusal(initiatorAddress)
    if (refused !== undefined) {
      this.#node.listener.connectionRefused({ initiatorAddress, portalGroupTag }, refused)
      return void accepted.destroy()
    }
    const origin = {
      portalGroupTag,
      initiatorAddress,
      initiatorPort: accepted.remotePort ?? 0,
      targetAddress: plainAddress(accepted.localAddress),
      targetPort: accepted.localPort ?? 0
    }
    if (this.#node.front !== undefined) return this.#node.front.begin(accepted, origin)
    const { socket } = receiveSocket(accepted, this.#node.receiveBuffer, (chunk, length) =>
      connection.receive(chunk, length)
    )
    const connection = new Connection(this.#node, socket, origin)
    socket.setNoDelay(true)
    socket.resume()
  }

  /** Why one more connection of an address is turned away. */
  #refusal(address: string): string | undefined {
    const { connections, front, peers } = this.#node
    const departed = front?.departed ?? new Map<number, PeerConnection>()
    const { connections: connectionsMax, connectionsPerAddress } = peers.limits
    const own = peers.of(address).connections
    if (own.size >= connectionsPerAddress && !makeRoom(own)) {
      return `it has ${own.size} connections, which is the limit of one address`
    }
    const all = connections.size + departed.size
    if (!this.#node.hasRoom && !makeRoom(connections)) return "there is no memory left for it (--mem-size)"
    if (all < connectionsMax || makeRoom(connections) || makeRoom(departed.values())) return undefined
    return `there are ${all} connections, which is the limit`
  }
}
