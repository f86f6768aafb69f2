/** What the command line says where no target answers: nobody, somebody else, or one that hangs. */
import { createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"
import { runProgram } from "./support.ts"

const listen = (path: string, serve: (socket: Socket) => void): Promise<Server> => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined)
    serve(socket)
  })
  return new Promise((resolve) => server.listen(path, () => resolve(server)))
}

describe("without a target", () => {
  const directory = makeDirectory("no-target")
  const [hung, foreign, evil] = [join(directory, "hung"), join(directory, "foreign"), join(directory, "evil")]
  const servers: Array<Server> = []

  beforeAll(async () => {
    const refusal = { code: -1, message: "\u001b]0;title\u0007no", data: { reason: "\u009b31m", n: ["\u202e"] } }
    const answer = `${JSON.stringify({ id: 1, error: refusal })}\n`
    servers.push(await listen(hung, (socket) => socket.resume()))
    servers.push(await listen(foreign, (socket) => socket.end("220 mail\r\n")))
    servers.push(await listen(evil, (socket) => socket.on("data", () => socket.write(answer))))
  })

  afterAll(() => {
    for (const server of servers) server.close()
    removeDirectory(directory)
  })

  it("the timeout of lunlog rpc holds from the first byte on", async () => {
    const { failure } = await lunlogHere("rpc", "-s", hung, "-t", "200ms", "spdk_get_version")
    assert.strictEqual(failure, `whoever serves ${hung} is no target, or hangs: nothing came within 200 ms`)
  })

  it("a server of another kind is told from one that has carried something out", async () => {
    for (const words of [["status"], ["target", "list"], ["export"]]) {
      const { failure } = await lunlogHere(...words, "-r", foreign)
      assert.match(failure ?? "", /^whoever serves \S+ is no target, or hangs: /)
    }
  })

  it("nothing that a server says plays with the terminal", async () => {
    const { code, stderr } = await runProgram("lunlog", ["rpc", "-s", evil, "spdk_get_version"])
    const text = 'lunlog: spdk_get_version failed (-1): ?]0;title?no\n  reason: ?31m\n  n: [\n  "\\u202e"\n]\n'
    assert.deepStrictEqual([code, stderr], [1, text])
  })
})
