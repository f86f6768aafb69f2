/**
 * The least that a server can do in Node with lunlog's way to receive: so many bytes in, so many bytes out, in one
 * write for each chunk of input, and never a look at them. Its argument is `EchoSizes` as JSON; it ends with its
 * parent.
 */
import { createServer, type Socket } from "node:net"
import { receiveSocket } from "../../../../src/dataplane/iscsi/receive-socket.ts"
import { receiveBufferBytes } from "../../../../src/dataplane/limits.ts"
import type { EchoSizes } from "./EchoLanes.ts"

const { requestBytes, responseBytes }: EchoSizes = JSON.parse(process.argv[2] ?? "{}")
const received = Buffer.allocUnsafe(receiveBufferBytes)
/** The most that one chunk can ask for, and what was left of the one before. */
const answersMax = Math.ceil(receiveBufferBytes / requestBytes) + 1
const answers = Buffer.alloc(Math.min(answersMax * responseBytes, 64 * 1024 * 1024))

const serve = (accepted: Socket): void => {
  let missing = requestBytes
  const { socket } = receiveSocket(
    accepted,
    () => received,
    (_, length) => {
      missing -= length
      let bytes = 0
      for (; missing <= 0; missing += requestBytes) bytes += responseBytes
      if (bytes > 0) socket.write(answers.subarray(0, bytes))
    }
  )
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
