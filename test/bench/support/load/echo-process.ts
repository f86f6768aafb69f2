/**
 * The least that a server can do in Node with lunlog's ways to receive and to send: so many bytes in, so many bytes
 * out, in one write for each chunk of input, and never a look at them. Its argument is `EchoSizes` as JSON; it ends
 * with its parent.
 */
import { createServer, type Socket } from "node:net"
import { DirectWrite } from "../../../../src/dataplane/iscsi/DirectWrite.ts"
import { receiveSocket } from "../../../../src/dataplane/iscsi/receive-socket.ts"
import { receiveBufferBytes } from "../../../../src/dataplane/limits.ts"
import type { EchoSizes } from "./EchoLanes.ts"

const { requestBytes, responseBytes }: EchoSizes = JSON.parse(process.argv[2] ?? "{}")
const received = Buffer.allocUnsafe(receiveBufferBytes)
/** The most that one chunk can ask for, and what was left of the one before. */
const answersMax = Math.ceil(receiveBufferBytes / requestBytes) + 1
const answers = Buffer.alloc(Math.min(answersMax * responseBytes, 64 * 1024 * 1024))

/** What the kernel does not take at once goes through the socket. */
const send = (socket: Socket, direct: DirectWrite | undefined, bytes: number): void => {
  let sent = 0
  if (direct?.isFree === true) {
    direct.add(answers, 0, bytes)
    sent = direct.write()
  }
  if (sent < bytes) socket.write(answers.subarray(sent, bytes))
}

const serve = (accepted: Socket): void => {
  let missing = requestBytes
  const { socket } = receiveSocket(
    accepted,
    () => received,
    (_, length) => {
      missing -= length
      let bytes = 0
      for (; missing <= 0; missing += requestBytes) bytes += responseBytes
      if (bytes > 0) send(socket, direct, bytes)
    }
  )
  const direct = DirectWrite.of(socket)
  socket.setNoDelay(true)
  socket.on("error", () => socket.destroy())
  socket.resume()
}

const server = createServer({ pauseOnConnect: true }, serve)
server.listen({ host: "127.0.0.1", port: 0 }, () => {
  const bound = server.address()
  process.send?.({ port: typeof bound === "object" && bound !== null ? bound.port : 0 })
})
process.once("disconnect", () => process.exit(0))
