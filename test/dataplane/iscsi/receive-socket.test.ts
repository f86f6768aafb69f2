/** Both ways of receiving give the same bytes, in the same order, and end the same way. */
import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"
import { afterEach, assert, describe, it } from "vitest"
import { receiveSocket } from "../../../src/dataplane/iscsi/receive-socket.ts"
import { makeRandom } from "../../support/initiator/random.ts"

let server: Server | undefined
const clients: Array<Socket> = []
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
  server?.close()
  server = undefined
})

/** A connection: the initiator's end, and the accepted socket as the portal hands it on. */
const connection = async (): Promise<{ readonly client: Socket; readonly accepted: Socket }> => {
  const listening = createServer({ pauseOnConnect: true })
  server = listening
  listening.listen(0, "127.0.0.1")
  await once(listening, "listening")
  const bound = listening.address()
  assert(typeof bound === "object" && bound !== null)
  const client = connect(bound.port, "127.0.0.1")
  clients.push(client)
  const [accepted] = await once(listening, "connection")
  return { client, accepted }
}

describe.each(["onread", "data"] as const)("a socket that receives by %s", (mode) => {
  it("gives every byte once and in order, in a buffer that may be reused", async () => {
    const { accepted, client } = await connection()
    const random = makeRandom(3)
    const bytes = random.bytes(300_000)
    const shared = Buffer.alloc(16_384)
    const received: Array<Buffer> = []
    let total = 0
    const all = Promise.withResolvers<void>()
    const made = receiveSocket(
      accepted,
      () => shared,
      (chunk, length) => {
        received.push(Buffer.from(chunk.subarray(0, length)))
        if (mode === "onread") assert.strictEqual(chunk, shared)
        chunk.fill(0xee)
        total += length
        if (total === bytes.length) all.resolve()
      },
      mode
    )
    assert.strictEqual(made.mode, mode)
    made.socket.resume()
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + random.between(1, 50_000))
      client.write(bytes.subarray(at, end))
      at = end
    }
    await all.promise
    assert.isTrue(Buffer.concat(received).equals(bytes))
    made.socket.destroy()
  })

  it("gives nothing before it is resumed, nor while it is paused", async () => {
    const { accepted, client } = await connection()
    let total = 0
    const first = Promise.withResolvers<void>()
    const rest = Promise.withResolvers<void>()
    const { socket } = receiveSocket(
      accepted,
      () => Buffer.alloc(4096),
      (_chunk, length) => {
        total += length
        socket.pause()
        if (total === 1) first.resolve()
        if (total === 3) rest.resolve()
      },
      mode
    )
    client.write("a")
    await new Promise((resolve) => setImmediate(resolve))
    assert.strictEqual(total, 0)
    socket.resume()
    await first.promise
    await new Promise<void>((resolve) => client.write("bc", () => resolve()))
    await new Promise((resolve) => setImmediate(resolve))
    assert.strictEqual(total, 1)
    socket.resume()
    await rest.promise
    socket.destroy()
  })

  it("answers, sees the peer's end, and closes", async () => {
    const { accepted, client } = await connection()
    const { socket } = receiveSocket(
      accepted,
      () => Buffer.alloc(4096),
      (chunk, length) => void socket.write(Buffer.from(chunk.subarray(0, length))),
      mode
    )
    socket.resume()
    client.end("ping")
    const closed = once(socket, "close")
    const [echo] = await once(client, "data")
    assert.strictEqual(String(echo), "ping")
    await Promise.all([closed, once(client, "close")])
  })

  it("sees a reset as an error and a close, and nothing else", async () => {
    const { accepted, client } = await connection()
    const { socket } = receiveSocket(
      accepted,
      () => Buffer.alloc(4096),
      () => {},
      mode
    )
    const errors: Array<Error> = []
    socket.on("error", (error) => errors.push(error))
    socket.resume()
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
    client.resetAndDestroy()
    await closed
    assert.lengthOf(errors, 1)
  })

  it("tells when the kernel has taken what a slow peer had not read", async () => {
    const { accepted, client } = await connection()
    const { socket } = receiveSocket(
      accepted,
      () => Buffer.alloc(4096),
      () => {},
      mode
    )
    socket.resume()
    client.pause()
    const chunk = Buffer.alloc(1024 * 1024)
    while (socket.writableLength < 2 * chunk.length) socket.write(chunk)
    const drained = once(socket, "drain")
    client.resume()
    await drained
    assert.strictEqual(socket.writableLength, 0)
    socket.destroy()
  })
})
