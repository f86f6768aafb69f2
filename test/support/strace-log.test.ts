/** The reader of traces must see a reply that comes before its sync: otherwise the durability test proves nothing. */
import { assert, describe, it } from "vitest"
import { traceRequests } from "./strace-log.ts"

const request = '12 read(28<socket:[1]>, "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":7,\\"method\\":\\"a\\"}", 65536) = 74'
const reply = '12 write(28<socket:[1]>, "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":7,\\"result\\":true}\\n", 39) = 39'
const sync = "13 fdatasync(23</state/log/000003.log>)   = 0"
const begun = "13 fdatasync(23</state/log/000003.log> <unfinished ...>"
const resumed = "13 <... fdatasync resumed>)               = 0"

const synced = (...lines: ReadonlyArray<string>): boolean | undefined =>
  traceRequests(lines.join("\n"), [7], "/state/")[0]?.synced

describe("the trace reader", () => {
  it("accepts a sync between request and reply", () => {
    assert.isTrue(synced(request, sync, reply))
    assert.isTrue(synced(request, begun, resumed, reply))
  })

  it("rejects a reply that does not wait for the sync", () => {
    assert.isFalse(synced(request, reply, sync))
    assert.isFalse(synced(request, begun, reply, resumed))
  })

  it("rejects a sync that began before the request was there", () => {
    assert.isFalse(synced(sync, request, reply))
    assert.isFalse(synced(begun, request, resumed, reply))
  })

  it("rejects a failed sync and a sync of something else", () => {
    assert.isFalse(synced(request, "13 fdatasync(23</state/log/000003.log>) = -1 EIO (Input/output error)", reply))
    assert.isFalse(synced(request, "13 fdatasync(23</elsewhere/000003.log>) = 0", reply))
    assert.isFalse(synced(request, "13 fdatasync(23</state/HEAD>) = 0", reply))
  })

  it("puts a read together that another thread's call came in between of", () => {
    const half = "12 read(28<socket:[1]>,  <unfinished ...>"
    const rest = '12 <... read resumed>"{\\"id\\":7,\\"method\\":\\"a\\"}", 65536) = 74'
    assert.isTrue(synced(half, begun, rest, resumed, sync, reply))
    assert.isFalse(synced(half, begun, rest, resumed, reply))
  })
})
