/**
 * Accepted sockets that receive into a shared, reusable buffer (`onread`), which halves the cost of large writes.
 *
 * Node offers `onread` only for sockets that connect or have a descriptor. This module is the one place that goes
 * around that: the server pauses accepted sockets (`pauseOnConnect`), and a new `Socket` takes over the handle. The
 * handle is undocumented, so its presence is checked, and without it (or when told so) plain `data` events are used:
 * slower, otherwise equal.
 */
import { Socket } from "node:net"

/** Receives a chunk; the buffer is the caller's again afterwards. */
export type OnBytes = (chunk: Buffer, length: number) => void

const handleOf = (socket: Socket): unknown => ("_handle" in socket ? socket._handle : undefined)

/** Whether this Node lets an accepted socket's handle be taken over. */
const canTakeOver = (handle: unknown): handle is object =>
  typeof handle === "object" &&
  handle !== null &&
  "readStart" in handle &&
  typeof handle.readStart === "function" &&
  "useUserBuffer" in handle &&
  typeof handle.useUserBuffer === "function"

/** The descriptor of an open socket; undefined where this Node does not show it. */
export const descriptorOf = (socket: Socket): number | undefined => {
  const handle = handleOf(socket)
  const isShown = typeof handle === "object" && handle !== null && "fd" in handle
  return isShown && typeof handle.fd === "number" && handle.fd >= 0 ? handle.fd : undefined
}

/** The buffer and not a function that gives it: for what a function gives, Node looks up the memory after each read. */
const onreadOf = (reusable: () => Buffer, onBytes: OnBytes) => {
  const buffer = reusable()
  return {
    buffer,
    callback: (bytes: number) => {
      onBytes(buffer, bytes)
      return true
    }
  }
}

/** A write that the kernel does not take whole then always leads to a `drain`, when its buffers come back. */
const writableHighWaterMark = 1

/**
 * The same of a connected socket's descriptor, which the socket has from then on; undefined if it can't be had, and
 * then the descriptor is still the caller's.
 */
export const receiveDescriptor = (descriptor: number, reusable: () => Buffer, onBytes: OnBytes): Socket | undefined => {
  // Typed as `object`, because the types of Node have no mark beside a descriptor.
  const options: object = { fd: descriptor, onread: onreadOf(reusable, onBytes), writableHighWaterMark }
  try {
    const socket = new Socket(options)
    socket.pause()
    return socket
  } catch {
    return undefined
  }
}

/**
 * Makes the socket that a connection uses from one that a `pauseOnConnect` server accepted. Reading starts with
 * `resume()`. `reusable` gives the buffer for all reads; it may be shared, as `onBytes` is synchronous.
 */
export const receiveSocket = (
  accepted: Socket,
  reusable: () => Buffer,
  onBytes: OnBytes,
  mode: "onread" | "data" = "onread"
): { readonly socket: Socket; readonly mode: "onread" | "data" } => {
  const handle = handleOf(accepted)
  if (mode === "onread" && canTakeOver(handle)) {
    // Typed as `object`: Node documents neither the handle of an accepted socket nor `onread` beside it.
    const options: object = { handle, onread: onreadOf(reusable, onBytes), writableHighWaterMark }
    const socket = new Socket(options)
    socket.pause()
    return { socket, mode: "onread" }
  }
  accepted.on("data", (chunk: Buffer) => onBytes(chunk, chunk.length))
  accepted.pause()
  return { socket: accepted, mode: "data" }
}
