/** The page's RPC client: batches, and every way in which a call can fail, as a value. */
import { assert, describe, it } from "vitest"
import { method, type Outcome, RpcClient } from "../../src/console/rpc/RpcClient.ts"
import type { RpcProblem } from "../../src/console/rpc/RpcProblem.ts"
import { list, number, object, text } from "../../src/console/rpc/reader-codec.ts"
import { tokenOfFragment } from "../../src/console/rpc/token-of-fragment.ts"

const one = method("one", object({ value: number }))
const two = method("two", list(text))

const json = (status: number, body: unknown): Response => Response.json(body, { status })

/** A client whose posts are answered by `reply`; with what was posted and what was told of the connection. */
const clientWith = (reply: (body: string, signal: AbortSignal | undefined) => Promise<Response>) => {
  const bodies: Array<string> = []
  const told: Array<string> = []
  const client = new RpcClient({
    post: (body, token, signal) => {
      bodies.push(`${token} ${body}`)
      return reply(body, signal)
    },
    token: () => "secret",
    onConnection: (problem) => told.push(problem?._tag ?? "fine")
  })
  return { bodies, client, told }
}

const problemOf = (outcome: Outcome<unknown>): RpcProblem => {
  assert(outcome._tag === "Failed")
  return outcome.problem
}

describe("calls of one turn", () => {
  it("are one batch, and get their answers in whatever order they come", async () => {
    const { bodies, client, told } = clientWith(async () =>
      json(200, [
        { jsonrpc: "2.0", id: 1, result: ["a"] },
        { jsonrpc: "2.0", id: 0, result: { value: 5 } }
      ])
    )
    const [first, second] = await Promise.all([client.call(one), client.call(two, { name: "x" })])
    assert.deepStrictEqual(first, { _tag: "Answer", value: { value: 5 } })
    assert.deepStrictEqual(second, { _tag: "Answer", value: ["a"] })
    assert.strictEqual(bodies.length, 1)
    assert.strictEqual(
      bodies[0],
      `secret ${JSON.stringify([
        { jsonrpc: "2.0", id: 0, method: "one" },
        { jsonrpc: "2.0", id: 1, method: "two", params: { name: "x" } }
      ])}`
    )
    assert.deepStrictEqual(told, ["fine"])
  })

  it("travel alone if they may wait", async () => {
    const { bodies, client } = clientWith(async () => json(200, [{ id: 0, result: { value: 1 } }]))
    const controller = new AbortController()
    await Promise.all([client.callAlone(one, {}, controller.signal), client.callAlone(one, {}, controller.signal)])
    assert.strictEqual(bodies.length, 2)
  })
})

describe("a call that fails", () => {
  it("tells what the target says of a refusal, and the connection is fine", async () => {
    const data = { reason: "LUN 3 is not there", hint: "list them", heldBy: ["x", 5], object: "LUN 3" }
    const error = { code: -19, message: "No such device", data }
    const { client, told } = clientWith(async () => json(200, [{ id: 0, error }]))
    assert.deepStrictEqual(problemOf(await client.call(one)), {
      _tag: "Refused",
      code: -19,
      message: "No such device",
      details: { reason: "LUN 3 is not there", object: "LUN 3", hint: "list them", heldBy: ["x"] }
    })
    assert.deepStrictEqual(told, ["fine"])
  })

  it.each([
    [401, "Unauthorized"],
    [429, "Busy"],
    [503, "Busy"],
    [502, "Unreachable"],
    [403, "Rejected"]
  ])("by HTTP status %i is %s", async (status, tag) => {
    const body = { error: { code: -1, message: "no", data: { reason: "because" } } }
    const { client, told } = clientWith(async () => json(status, body))
    const problem = problemOf(await client.call(one))
    assert.strictEqual(problem._tag, tag)
    if (problem._tag === "Busy" || problem._tag === "Rejected") assert.strictEqual(problem.reason, "because")
    assert.deepStrictEqual(told, [tag])
  })

  it("because nobody answers, or the answer is no JSON, is one that may be tried again", async () => {
    const away = clientWith(() => Promise.reject(new TypeError("Failed to fetch")))
    assert.strictEqual(problemOf(await away.client.call(one))._tag, "Unreachable")
    const page = clientWith(async () => new Response("<html>", { status: 500 }))
    assert.strictEqual(problemOf(await page.client.call(one))._tag, "Rejected")
    const missing = clientWith(async () => json(200, []))
    assert.strictEqual(problemOf(await missing.client.call(one))._tag, "Unreachable")
  })

  it("because the answer is another one than was expected names the place in it", async () => {
    const { client } = clientWith(async () => json(200, [{ id: 0, result: ["a", 5] }]))
    const problem = problemOf(await client.call(two))
    assert.deepStrictEqual(problem, { _tag: "Unreadable", method: "two", reason: "[1]: expected text" })
  })

  it("because the page gave it up says nothing of the connection", async () => {
    const controller = new AbortController()
    const { client, told } = clientWith(
      (_body, signal) =>
        new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))))
    )
    const call = client.callAlone(one, {}, controller.signal)
    controller.abort()
    assert.strictEqual(problemOf(await call)._tag, "Aborted")
    assert.deepStrictEqual(told, [])
  })
})

describe("the token", () => {
  it("is taken from a fragment that has nothing else", () => {
    assert.strictEqual(tokenOfFragment("#token=abc%2B"), "abc+")
    assert.strictEqual(tokenOfFragment("#/log?token=abc"), undefined)
    assert.strictEqual(tokenOfFragment("#token=%ZZ"), undefined)
    assert.strictEqual(tokenOfFragment("#token="), undefined)
  })
})
