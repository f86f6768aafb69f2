/** An NBD disk at a scripted server: what is asked of it, in which form, and what its answers lead to. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { IoStatus } from "../../../../src/dataplane/bdev/Bdev.ts"
import { OpenFiles } from "../../../../src/dataplane/bdev/file/OpenFiles.ts"
import { until } from "../../../support/until.ts"
import { flush, nbdSpec, openDisk, openNbd, read, run, unmap, untilSpread, write, zeroes } from "./nbd-support.ts"
import { ScriptedNbdServer, Type } from "./ScriptedNbdServer.ts"
import { multiConnFlag, readOnlyFlag, simpleReply, usualFlags } from "./server-messages.ts"

const folder = mkdtempSync(join(tmpdir(), "lunlog-nbd-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
const diskBytes = 1024 * 1024
const startServer = (bytes = diskBytes): Promise<ScriptedNbdServer> =>
  new ScriptedNbdServer(join(folder, `s${count++}`), bytes).start()

const pattern = (length: number, fill: number): Buffer => Buffer.alloc(length, fill)

describe("IO", () => {
  it("reads and writes what the server has, with FUA and without", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }))
    const { disk } = open
    assert.deepStrictEqual(
      [disk.blockCount, disk.physicalBlockSize, disk.writeCache, disk.thin],
      [2048, 4096, true, true]
    )
    const source = Buffer.concat([pattern(100, 0xee), pattern(1024, 1), pattern(100, 0xee)])
    const io = write(disk, 512, source.subarray(100, 1124))
    assert.strictEqual(await io.answered, IoStatus.ok)
    assert.strictEqual(await write(disk, 4096, pattern(512, 2), true).answered, IoStatus.ok)
    assert.strictEqual(await flush(disk).answered, IoStatus.ok)
    const got = pattern(8192, 0xff)
    assert.strictEqual(await read(disk, 0, got).answered, IoStatus.ok)
    assert.isTrue(got.equals(server.disk.subarray(0, 8192)))
    assert.isTrue(got.subarray(512, 1536).equals(pattern(1024, 1)))
    assert.deepStrictEqual(
      server.requests.map(({ flags, length, offset, type }) => [type, flags, offset, length]),
      [
        [Type.write, 0, 512, 1024],
        [Type.write, 1, 4096, 512],
        [Type.flush, 0, 0, 0],
        [Type.read, 0, 0, 8192]
      ]
    )
  })

  it("unmaps by zeros that may be given back, and writes zeros that may not", async () => {
    await using server = await startServer()
    server.disk.fill(7)
    await using open = await openDisk(nbdSpec({ path: server.path }))
    assert.strictEqual(await unmap(open.disk, 4096, 8192), IoStatus.ok)
    assert.strictEqual(await zeroes(open.disk, 512, 512, true), IoStatus.ok)
    assert.deepStrictEqual(
      server.requests.map(({ flags, type }) => [type, flags]),
      [
        [Type.zeroes, 0],
        [Type.zeroes, 1 | 2]
      ]
    )
    assert.deepStrictEqual([await run(open.disk, 4096, 65_536), await run(open.disk, 12_288, 4096)], [-8192, 4096])
  })

  it("writes the zeros itself where the server cannot, and the disk is not thin", async () => {
    await using server = await startServer()
    server.disk.fill(7)
    server.settings.flags = usualFlags & ~0x40
    await using open = await openDisk(nbdSpec({ path: server.path }))
    assert.isFalse(open.disk.thin)
    assert.strictEqual(await unmap(open.disk, 512, 1024), IoStatus.ok)
    assert.isTrue(server.disk.subarray(512, 1536).every((byte) => byte === 0))
    assert.deepStrictEqual(
      server.requests.map(({ type }) => type),
      [Type.write]
    )
  })

  it("splits what is more than the server takes at once", async () => {
    await using server = await startServer()
    server.settings.blockSizes = [512, 4096, 5000]
    await using open = await openDisk(nbdSpec({ path: server.path }))
    const source = Buffer.from(Array.from({ length: 20_480 }, (_, at) => at % 251))
    assert.strictEqual(await write(open.disk, 512, source).answered, IoStatus.ok)
    const got = Buffer.alloc(20_480)
    assert.strictEqual(await read(open.disk, 512, got).answered, IoStatus.ok)
    assert.isTrue(got.equals(source))
    assert.isTrue(server.requests.every(({ length }) => length <= 4608))
  })

  it("works at a server without chunks", async () => {
    await using server = await startServer()
    server.settings.isStructured = false
    server.disk.fill(9, 512, 1024)
    await using open = await openDisk(nbdSpec({ path: server.path }))
    const got = Buffer.alloc(1536)
    assert.strictEqual(await read(open.disk, 0, got).answered, IoStatus.ok)
    assert.isTrue(got.equals(server.disk.subarray(0, 1536)))
    assert.strictEqual(await run(open.disk, 0, 4096), 4096)
  })

  it("flushes after a write that has to be on the medium, at a server without FUA", async () => {
    await using server = await startServer()
    server.settings.flags = usualFlags & ~0x8
    await using open = await openDisk(nbdSpec({ path: server.path }))
    assert.strictEqual(await write(open.disk, 0, pattern(512, 1), true).answered, IoStatus.ok)
    assert.strictEqual(await zeroes(open.disk, 0, 512, true), IoStatus.ok)
    assert.deepStrictEqual(
      server.requests.map(({ type }) => type),
      [Type.write, Type.flush, Type.zeroes, Type.flush]
    )
  })

  it("has no write cache at a server that knows no flush", async () => {
    await using server = await startServer()
    server.settings.flags = usualFlags & ~0x4 & ~0x8
    await using open = await openDisk(nbdSpec({ path: server.path }))
    assert.isFalse(open.disk.writeCache)
    assert.strictEqual(await flush(open.disk).answered, IoStatus.ok)
    assert.strictEqual(await write(open.disk, 0, pattern(512, 1), true).answered, IoStatus.ok)
    assert.deepStrictEqual(
      server.requests.map(({ type }) => type),
      [Type.write]
    )
  })

  it("ends as the server's error means, and says where", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }))
    const errors = [
      [5, IoStatus.mediumError],
      [28, IoStatus.noSpace],
      [1, IoStatus.writeProtected],
      [12, IoStatus.noMemory],
      [22, IoStatus.failed],
      [4711, IoStatus.mediumError]
    ] as const
    for (const [error, status] of errors) {
      server.settings.onRequest = (request) => request.answer(error)
      assert.strictEqual(await write(open.disk, 512, pattern(512, 1)).answered, status)
    }
    assert.strictEqual(await read(open.disk, 0, Buffer.alloc(512)).answered, IoStatus.mediumError)
    assert.deepStrictEqual(open.told.failures.slice(0, 2), ["write EIO at 512", "write ENOSPC at 512"])
    const before = open.disk.syncFailures
    assert.strictEqual(await flush(open.disk).answered, IoStatus.mediumError)
    assert.strictEqual(open.disk.syncFailures, before + 1)
  })

  it("guards its own: beyond the end, and writes to what is read-only", async () => {
    await using server = await startServer()
    server.settings.flags |= readOnlyFlag
    await using open = await openDisk(nbdSpec({ path: server.path }, { readOnly: true }))
    assert.strictEqual(await read(open.disk, diskBytes, Buffer.alloc(512)).answered, IoStatus.failed)
    assert.strictEqual(await write(open.disk, 0, Buffer.alloc(512)).answered, IoStatus.writeProtected)
    assert.strictEqual(await unmap(open.disk, 0, 512), IoStatus.writeProtected)
    assert.deepStrictEqual(server.requests, [])
  })
})

describe("many requests", () => {
  it("are out at once, in bounds, and end in any order", async () => {
    await using server = await startServer()
    server.settings.holds = true
    await using open = await openDisk(nbdSpec({ path: server.path }))
    const ios = Array.from({ length: 300 }, (_, at) => write(open.disk, 512 * at, pattern(512, at % 256)))
    await until("all that may are out", () => server.held.length === 64)
    while (ios.some(({ answers }) => answers.length === 0)) {
      assert.isAtMost(server.held.length, 64)
      server.release("newest")
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    assert.isTrue(ios.every(({ answers }) => answers.length === 1 && answers[0] === IoStatus.ok))
    for (let at = 0; at < 300; at++) assert.strictEqual(server.disk[512 * at], at % 256)
  })

  it("are refused for now when too many wait", async () => {
    await using server = await startServer()
    server.settings.holds = true
    await using open = await openDisk(nbdSpec({ path: server.path }))
    const ios = Array.from({ length: 64 + 1024 + 5 }, () => write(open.disk, 0, pattern(512, 1)))
    assert.lengthOf(
      ios.filter(({ answers }) => answers[0] === IoStatus.noMemory),
      5
    )
    const cancelled = ios[700]
    assert.isDefined(cancelled)
    open.disk.cancel(cancelled)
    assert.deepStrictEqual(cancelled.answers, [IoStatus.aborted])
    await until("the first are out", () => server.held.length === 64)
    server.settings.holds = false
    server.release()
    for (const io of ios) await io.answered
    assert.isTrue(ios.every(({ answers }) => answers.length === 1))
  })

  it("go over several connections where the server allows that, and over one where it does not", async () => {
    await using server = await startServer()
    server.settings.flags |= multiConnFlag
    await using open = await openDisk(nbdSpec({ path: server.path }, { connections: 3 }))
    await untilSpread(server, open.disk, 3)
    server.settings.holds = true
    const ios = Array.from({ length: 30 }, (_, at) => write(open.disk, 512 * at, pattern(512, 1)))
    await until("all are out", () => server.held.length === 30)
    const bySocket = new Map<unknown, number>()
    for (const { socket } of server.held) bySocket.set(socket, (bySocket.get(socket) ?? 0) + 1)
    assert.deepStrictEqual([...bySocket.values()], [10, 10, 10])
    server.release()
    for (const io of ios) assert.strictEqual(await io.answered, IoStatus.ok)

    await using single = await startServer()
    await using one = await openDisk(nbdSpec({ path: single.path }, { connections: 3 }))
    assert.strictEqual(await flush(one.disk).answered, IoStatus.ok)
    assert.strictEqual(single.connectionCount, 1)
  })
})

describe("a server that answers before it has what it answers", () => {
  it("is not believed until the data is sent: the buffer of a write is the socket's as long", async () => {
    const bytes = 8 * 1024 * 1024
    await using server = await startServer(bytes)
    await using open = await openDisk(nbdSpec({ path: server.path }))
    server.settings.holds = true
    const small = write(open.disk, 0, pattern(512, 1))
    await until("the first is there", () => server.held.length === 1)
    const [first] = server.held
    assert.isDefined(first)
    first.socket.pause()
    const large = write(open.disk, 0, pattern(bytes, 2))
    // Handles and places count: the next one's is known.
    first.socket.write(simpleReply(first.handle + (1n << 32n) + 1n))
    first.answer()
    assert.strictEqual(await small.answered, IoStatus.ok)
    assert.isEmpty(large.answers)
    first.socket.resume()
    assert.strictEqual(await large.answered, IoStatus.ok)
    await until("all of it is there", () => server.requests.length === 2)
    assert.isTrue(server.requests[1]?.data.equals(pattern(bytes, 2)))
  })
})

describe("opening", () => {
  const refusal = async (server: ScriptedNbdServer, changes = {}): Promise<string> => {
    const result = await openNbd(nbdSpec({ path: server.path }, changes))
    return result._tag === "BdevFailure" ? `${result.code}: ${result.detail}` : "it is open"
  }

  it("says what is wrong with an export", async () => {
    await using server = await startServer(1_000_000)
    assert.match(await refusal(server), /EINVAL: .* has an export of 1000000 bytes, no whole blocks of 512 bytes/)
    server.settings.blockSizes = [4096, 4096, 1 << 20]
    assert.match(await refusal(server), /EINVAL: .*nothing below 4096 bytes.*use blocks of 4096 bytes/)
    server.settings.blockSizes = undefined
    server.settings.flags |= readOnlyFlag
    assert.match(await refusal(server), /EROFS: .* has the export read-only; use it read-only/)
    server.settings.hasExport = false
    assert.match(await refusal(server), /ENODEV: .* was asked for the export "" and has no such export/)
    await until("none of them is connected any more", () => server.sockets.size === 0)
  })

  it("says that there is no server", async () => {
    const missing = new ScriptedNbdServer(join(folder, "missing"), 512)
    assert.match(await refusal(missing), /ENOENT: the NBD server .*missing has no socket there/)
    const result = await openNbd(nbdSpec({ host: "127.0.0.1", port: 1 }))
    assert.match(result._tag === "BdevFailure" ? result.detail : "", /127\.0\.0\.1:1 does not listen/)
  })

  it("ends when nobody waits for it any more, and leaves nothing open", async () => {
    await using server = await startServer()
    server.settings.isMute = true
    const controller = new AbortController()
    let isDone = false
    void openNbd(nbdSpec({ path: server.path }), undefined, new OpenFiles(), controller.signal).then(() => {
      isDone = true
    })
    await until("it is connected", () => server.sockets.size === 1)
    controller.abort()
    await until("it is not connected", () => server.sockets.size === 0)
    assert.isFalse(isDone)
  })

  it("lets one disk write to an export", async () => {
    await using server = await startServer()
    const openFiles = new OpenFiles()
    await using first = await openDisk(nbdSpec({ path: server.path }), openFiles)
    const second = await openNbd(nbdSpec({ path: server.path }), undefined, openFiles)
    assert.match(
      second._tag === "BdevFailure" ? `${second.code} ${second.detail}` : "",
      /EBUSY .*bdev Nbd0 writes to it/
    )
    await using reader = await openDisk(nbdSpec({ path: server.path }, { readOnly: true }), openFiles)
    assert.isTrue(reader.disk.readOnly)
    first.disk.close()
    await using again = await openDisk(nbdSpec({ path: server.path }), openFiles)
    assert.isFalse(again.disk.readOnly)
  })
})

describe("closing", () => {
  it("says goodbye, and leaves no connection", async () => {
    await using server = await startServer()
    server.settings.flags |= multiConnFlag
    {
      await using open = await openDisk(nbdSpec({ path: server.path }))
      await until("there are four", () => server.sockets.size === 4)
      assert.strictEqual(await write(open.disk, 0, pattern(512, 1)).answered, IoStatus.ok)
    }
    assert.isTrue(server.requests.some(({ type }) => type === Type.disconnect))
    await until("none is left", () => server.sockets.size === 0)
  })

  it("waits for what is out, and ends what is not", async () => {
    await using server = await startServer()
    server.settings.holds = true
    const { disk } = await openDisk(nbdSpec({ path: server.path }))
    const out = Array.from({ length: 64 }, () => write(disk, 0, pattern(512, 3)))
    const waiting = write(disk, 512, pattern(512, 4))
    await until("they are out", () => server.held.length === 64)
    disk.close()
    assert.deepStrictEqual(waiting.answers, [IoStatus.aborted])
    assert.strictEqual(await read(disk, 0, Buffer.alloc(512)).answered, IoStatus.aborted)
    assert.isTrue(out.every(({ answers }) => answers.length === 0))
    server.release()
    await new Promise<void>((resolve) => disk.whenClosed(resolve))
    assert.isTrue(out.every(({ answers }) => answers[0] === IoStatus.ok))
  })
})
