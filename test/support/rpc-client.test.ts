/** The tests' own RPC client is trusted by many suites, so it is tested against a server of a few lines. */
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { makeJsonScanner } from "./json-scanner.ts"
import { connectRpc, RpcFailure, RpcUnanswered } from "./rpc-client.ts"
import { makeDirectory, removeDirectory } from "./target-process.ts"

describe("the scanner for JSON without delimiters", () => {
  const values = ['{"a":"}\\"]","b":[1,{"c":2}]}', '[{"id":"\\\\"}]', '{"":"{"}']

  it("finds the same values wherever the stream is cut", () => {
    const stream = Buffer.from(`\n ${values.join(" \r\n")}\n{"half":`)
    for (let cut = 0; cut <= stream.length; cut++) {
      const scanner = makeJsonScanner()
      const found = [...scanner.push(stream.subarray(0, cut)), ...scanner.push(stream.subarray(cut))]
      assert.deepStrictEqual(found, values)
      assert.strictEqual(scanner.pendingBytes(), '{"half":'.length)
    }
  })

  it("finds values that come byte by byte", () => {
    const scanner = makeJsonScanner()
    const found = [...Buffer.from(values.join(""))].flatMap((byte) => scanner.push(Buffer.from([byte])))
    assert.deepStrictEqual(found, values)
  })
})

describe("the RPC client", () => {
  let directory: string
  let server: Server
  const answers: Array<(request: { id: number; method: string }) => string | undefined> = []
  const path = () => join(directory, "rpc")

  beforeEach(async () => {
    directory = makeDirectory("rpc")
    answers.length = 0
    server = createServer((socket) => {
      const scanner = makeJsonScanner()
      socket.on("data", (chunk) => {
        for (const text of scanner.push(chunk)) {
          const answer = answers.shift()?.(JSON.parse(text))
          if (answer === undefined) socket.destroy()
          else socket.write(answer)
        }
      })
    })
    await new Promise<void>((resolve) => server.listen(path(), resolve))
  })

  afterEach(() => {
    server.close()
    removeDirectory(directory)
  })

  it("matches answers by id, in whatever order they come", async () => {
    const held: Array<number> = []
    answers.push(
      ({ id }) => {
        held.push(id)
        return " "
      },
      ({ id }) => `{"jsonrpc":"2.0","id":${id},"result":"second"}{"jsonrpc":"2.0","id":${held[0]},"result":"first"}`
    )
    const client = await connectRpc(path())
    assert.deepStrictEqual(await Promise.all([client.call("a"), client.call("b")]), ["first", "second"])
    client.close()
  })

  it("tells a refusal from a connection that closed", async () => {
    answers.push(({ id }) => `{"id":${id},"error":{"code":-17,"message":"File exists","data":{"name":"Malloc0"}}}`)
    const client = await connectRpc(path())
    const refused = await client.call("bdev_malloc_create").catch((error: unknown) => error)
    assert.instanceOf(refused, RpcFailure)
    assert.deepStrictEqual([refused.code, refused.reason, refused.data], [-17, "File exists", { name: "Malloc0" }])
    assert.instanceOf(await client.call("more").catch((error: unknown) => error), RpcUnanswered)
    await client.closed
  })

  it("hands out messages that answer no call", async () => {
    answers.push(() => `{"id":null,"error":{"code":-32700,"message":"Parse error"}}`)
    const client = await connectRpc(path())
    client.send("{}")
    assert.include(await client.nextMessage(), "Parse error")
    client.close()
  })
})
