/** `lunlog_bdev_dump`: what it takes, and to whom and for what it is refused. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { failure, runningTarget } from "./target-support.ts"

describe("a dump of a disk", () => {
  it.live("is of the bdev that is there now, by name or UUID, to the file that is named", () =>
    Effect.gen(function* () {
      const { client, fake } = yield* runningTarget()
      const uuid = "6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11"
      yield* client.call("bdev_malloc_create", { name: "M", num_blocks: 2048, block_size: 512, uuid })
      const answer = yield* client.call("lunlog_bdev_dump", { name: "M", file: "/tmp/content" })
      assert.deepStrictEqual(answer, { bytes: 1_048_576 })
      yield* client.call("lunlog_bdev_dump", { name: uuid, file: "/tmp/content" })
      assert.deepStrictEqual(
        fake.injections.filter((done) => done.includes("dump")),
        ["M dump /tmp/content", "M dump /tmp/content"]
      )
    })
  )

  it.live("is refused with the reason if there is no memory to copy, or no file to copy it to", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* client.call("bdev_malloc_create", { name: "M", num_blocks: 8, block_size: 512 })
      yield* client.call("bdev_null_create", { name: "N", num_blocks: 8, block_size: 512 })
      const dump = (name: string, file: string) => failure(client.call("lunlog_bdev_dump", { name, file }))
      assert.strictEqual((yield* dump("M", "content")).code, -22)
      assert.strictEqual((yield* dump("X", "/tmp/content")).code, -19)
      const { code, data } = yield* dump("N", "/tmp/content")
      assert.strictEqual(code, -95)
      assert.deepInclude(data, { reason: "it is no RAM disk but of kind Null", object: "bdev N" })
    })
  )
})
