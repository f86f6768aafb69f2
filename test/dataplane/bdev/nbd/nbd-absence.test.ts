/** An NBD disk whose server goes away, comes back, comes back as another, or only falls silent. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { IoStatus } from "../../../../src/dataplane/bdev/Bdev.ts"
import { until } from "../../../support/until.ts"
import { flush, nbdSpec, openDisk, read, untilSpread, write, zeroes } from "./nbd-support.ts"
import { ScriptedNbdServer, Type } from "./ScriptedNbdServer.ts"
import { multiConnFlag, usualFlags } from "./server-messages.ts"

const folder = mkdtempSync(join(tmpdir(), "lunlog-nbd-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
const diskBytes = 1024 * 1024
const startServer = (): Promise<ScriptedNbdServer> =>
  new ScriptedNbdServer(join(folder, `s${count++}`), diskBytes).start()

const block = (fill: number): Buffer => Buffer.alloc(512, fill)

describe("a server that comes back", () => {
  it("gets again what it has not answered, and what has come since; nothing is answered before", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }))
    const { disk, told } = open
    server.settings.holds = true
    const before = Array.from({ length: 10 }, (_, at) => write(disk, 512 * at, block(1 + at), true))
    const reading = read(disk, 512 * 100, Buffer.alloc(512))
    await until("they are out", () => server.held.length === 11)
    await server.kill()
    await until("it is told of", () => told.news.length > 0)
    const since = Array.from({ length: 10 }, (_, at) => write(disk, 512 * (20 + at), block(101 + at)))
    assert.isTrue([...before, ...since, reading].every(({ answers }) => answers.length === 0))
    server.settings.holds = false
    server.requests.length = 0
    await server.start()
    for (const io of [...before, ...since, reading]) assert.strictEqual(await io.answered, IoStatus.ok)
    // What was out comes first, in its order.
    assert.deepStrictEqual(
      server.requests.slice(0, 11).map(({ offset }) => offset / 512),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100]
    )
    for (let at = 0; at < 10; at++) {
      assert.strictEqual(server.disk[512 * at], 1 + at)
      assert.strictEqual(server.disk[512 * (20 + at)], 101 + at)
    }
    assert.deepStrictEqual(
      told.news.map((news) => (news._tag === "Health" ? news.health : news._tag)),
      ["degraded", "ok"]
    )
    assert.strictEqual(disk.syncFailures, 0)
  })

  it("may have lost what it had not flushed: flushes that wait fail, and everyone else's next", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }))
    const { disk } = open
    assert.strictEqual(await write(disk, 0, block(1)).answered, IoStatus.ok)
    assert.strictEqual(await flush(disk).answered, IoStatus.ok)
    await server.kill()
    await server.start()
    // Everything was on the medium.
    assert.strictEqual(await flush(disk).answered, IoStatus.ok)
    assert.strictEqual(disk.syncFailures, 0)
    for (const lossy of [() => write(disk, 0, block(2)).answered, () => zeroes(disk, 0, 512)]) {
      const failures = disk.syncFailures
      assert.strictEqual(await lossy(), IoStatus.ok)
      server.settings.holds = true
      const flushing = flush(disk)
      await until("the flush is out", () => server.held.length === 1)
      await server.kill()
      assert.strictEqual(await flushing.answered, IoStatus.mediumError)
      assert.strictEqual(disk.syncFailures, failures + 1)
      server.settings.holds = false
      await server.start()
      // It was told; what is written from now on is another matter.
      assert.strictEqual(await flush(disk).answered, IoStatus.ok)
    }
  })

  it("has lost nothing where each write was on the medium, or where a flush came later than all of them", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }))
    const { disk } = open
    assert.strictEqual(await write(disk, 0, block(1), true).answered, IoStatus.ok)
    server.settings.holds = true
    const early = write(disk, 512, block(2))
    const flushing = flush(disk)
    await until("both are out", () => server.held.length === 2)
    // The flush is answered before the write: it did not cover it.
    server.release("newest")
    assert.deepStrictEqual(await Promise.all([early.answered, flushing.answered]), [IoStatus.ok, IoStatus.ok])
    await server.kill()
    await until("it is noticed", () => disk.syncFailures === 1)
    server.settings.holds = false
    await server.start()
    assert.strictEqual(await write(disk, 0, block(3), true).answered, IoStatus.ok)
    await server.kill()
    await until("it is noticed again", () => open.told.news.filter((n) => n._tag === "Health").length >= 3)
    assert.strictEqual(disk.syncFailures, 1)
    await server.start()
  })

  it("is told nothing of when only one of several connections was lost", async () => {
    await using server = await startServer()
    server.settings.flags |= multiConnFlag
    await using open = await openDisk(nbdSpec({ path: server.path }))
    await untilSpread(server, open.disk, 4)
    assert.strictEqual(await write(open.disk, 0, block(1)).answered, IoStatus.ok)
    server.settings.holds = true
    const ios = Array.from({ length: 20 }, (_, at) => write(open.disk, 512 * at, block(9)))
    await until("they are out", () => server.held.length === 20)
    const victim = server.held[0]?.socket
    const lost = server.held.filter(({ socket }) => socket === victim).length
    victim?.destroy()
    await until("they are out again", () => server.held.length === 20 + lost)
    server.settings.holds = false
    server.release()
    for (const io of ios) assert.strictEqual(await io.answered, IoStatus.ok)
    await until("there are four again", () => server.sockets.size === 4)
    assert.deepStrictEqual([open.disk.syncFailures, open.told.news.length], [0, 0])
  })

  it("may be another one when connections were opened again: the last that is older decides", async () => {
    await using server = await startServer()
    server.settings.flags |= multiConnFlag
    await using open = await openDisk(nbdSpec({ path: server.path }))
    const { disk } = open
    const fourAgain = (): Promise<void> => until("there are four", () => server.sockets.size === 4)
    /** All connections but one are lost, and opened again: that one leads to the server that has answered. */
    const replaceOthers = async () => {
      await fourAgain()
      assert.strictEqual(await write(disk, 0, block(1)).answered, IoStatus.ok)
      const [old, ...others] = server.sockets
      for (const socket of others) socket.destroy()
      // Not by their number: others may follow them at once.
      await until("they are lost", () => others.every((socket) => !server.sockets.has(socket)))
      await fourAgain()
      return old
    }
    const old = await replaceOthers()
    server.requests.length = 0
    assert.strictEqual(await flush(disk).answered, IoStatus.ok)
    assert.strictEqual(server.requests[0]?.socket, old)
    const last = await replaceOthers()
    assert.strictEqual(disk.syncFailures, 0)
    server.settings.holds = true
    const flushing = flush(disk)
    await until("the flush is out", () => server.held.length === 1)
    last?.destroy()
    assert.strictEqual(await flushing.answered, IoStatus.mediumError)
    assert.strictEqual(disk.syncFailures, 1)
    server.settings.holds = false
    server.held.length = 0
    assert.strictEqual(await flush(disk).answered, IoStatus.ok)
  })

  it("that always says that it is shutting down fails what it is asked, in the end", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }))
    server.settings.onRequest = (request) => request.answer(108)
    assert.strictEqual(await write(open.disk, 0, block(1)).answered, IoStatus.notReady)
  })

  it("says that it is shutting down: requests go to the next", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }))
    server.settings.onRequest = (request) => {
      server.settings.onRequest = undefined
      request.answer(108)
    }
    assert.strictEqual(await write(open.disk, 0, block(1)).answered, IoStatus.ok)
    assert.isAtLeast(server.connectionCount, 2)
  })

  it("with a larger export tells so, and the disk is as large when it is told", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }))
    await server.kill()
    server.disk = Buffer.alloc(2 * diskBytes)
    await server.start()
    await until("it is told", () => open.told.news.some((news) => news._tag === "Resized"))
    assert.deepInclude(open.told.news, { _tag: "Resized", blockCount: 4096 })
    assert.strictEqual(await read(open.disk, diskBytes, Buffer.alloc(512)).answered, IoStatus.failed)
    open.disk.resize(4096)
    assert.strictEqual(await read(open.disk, diskBytes, Buffer.alloc(512)).answered, IoStatus.ok)
  })
})

describe("a server that is killed again and again", () => {
  it("costs a request one try each time, however many connections there are", async () => {
    await using server = await startServer()
    server.settings.flags |= multiConnFlag
    await using open = await openDisk(nbdSpec({ path: server.path }, { connections: 16 }))
    server.settings.holds = true
    const ios = Array.from({ length: 32 }, (_, at) => write(open.disk, 512 * at, block(1 + at)))
    for (let death = 0; death < 6; death++) {
      await until("all are connected, and something is out", () => server.sockets.size === 16 && server.held.length > 0)
      await server.kill()
      await server.start()
    }
    server.settings.holds = false
    server.release()
    for (const io of ios) assert.strictEqual(await io.answered, IoStatus.ok)
  })
})

describe("a server that stays away", () => {
  it("is waited for so long; then IO ends as not ready, at once, until it is back", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }, { reconnectSeconds: 1 }))
    const { disk, told } = open
    await server.kill()
    await until("it is told of", () => told.news.length === 1)
    const waiting = [write(disk, 0, block(1)), flush(disk), read(disk, 0, Buffer.alloc(512))]
    for (const io of waiting) assert.strictEqual(await io.answered, IoStatus.notReady)
    const late = write(disk, 0, block(2))
    assert.deepStrictEqual(late.answers, [IoStatus.notReady])
    await server.start()
    await until("it is back", () => told.news.at(-1)?._tag === "Health" && told.news.length === 3)
    assert.strictEqual(await write(disk, 0, block(3)).answered, IoStatus.ok)
    assert.deepInclude(told.news[2], { health: "ok" })
  })

  it("is given up in the end: the device is gone, once, and nobody connects any more", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }, { giveUpSeconds: 1 }))
    const { disk, told } = open
    await server.kill()
    await until("it is gone", () => told.news.some((news) => news._tag === "Gone"))
    assert.strictEqual(await read(disk, 0, Buffer.alloc(512)).answered, IoStatus.notReady)
    server.connectionCount = 0
    await server.start()
    await new Promise((resolve) => setTimeout(resolve, 500))
    assert.strictEqual(server.connectionCount, 0)
    assert.lengthOf(
      told.news.filter((news) => news._tag === "Gone"),
      1
    )
  })

  it("or comes back without the export, or with a smaller one: in the end the device is gone", async () => {
    for (const change of ["without", "smaller"] as const) {
      await using server = await startServer()
      await using open = await openDisk(nbdSpec({ path: server.path }, { reconnectSeconds: 1 }))
      await server.kill()
      if (change === "without") server.settings.hasExport = false
      else server.disk = Buffer.alloc(diskBytes / 2)
      await server.start()
      const io = write(open.disk, 0, block(1))
      assert.strictEqual(await io.answered, IoStatus.notReady)
      await until("it is gone", () => open.told.news.some((news) => news._tag === "Gone"))
      const gone = open.told.news.find((news) => news._tag === "Gone")
      assert.match(gone?.detail ?? "", change === "without" ? /has no such export/ : /1024 blocks now.* disk has 2048/)
    }
  })

  it("gives back what is cancelled, and all when the disk is closed", async () => {
    await using server = await startServer()
    const { disk } = await openDisk(nbdSpec({ path: server.path }))
    server.settings.holds = true
    const out = write(disk, 0, block(1))
    await until("it is out", () => server.held.length === 1)
    await server.kill()
    const since = write(disk, 512, block(2))
    await until("the loss is noticed", () => {
      disk.cancel(out)
      return out.answers.length > 0
    })
    assert.deepStrictEqual(out.answers, [IoStatus.aborted])
    disk.close()
    assert.deepStrictEqual(since.answers, [IoStatus.aborted])
    await new Promise<void>((resolve) => disk.whenClosed(resolve))
  })
})

describe("a request that no server can bear", () => {
  it("ends as failed after so many connections that it has cost", async () => {
    await using server = await startServer()
    server.settings.flags = usualFlags | multiConnFlag
    await using open = await openDisk(nbdSpec({ path: server.path }, { connections: 2, reconnectSeconds: 3600 }))
    let sent = 0
    server.settings.onRequest = (request) => {
      if (request.type !== Type.write) return request.answer()
      sent++
      request.socket.destroy()
    }
    const io = write(open.disk, 0, block(1))
    const status = await io.answered
    assert.deepStrictEqual([status, sent], [IoStatus.failed, 16])
    assert.strictEqual(await read(open.disk, 0, Buffer.alloc(512)).answered, IoStatus.ok)
  })
})

describe("a silent server", () => {
  it("counts as away when it has said nothing for so long, and as degraded before", async () => {
    await using server = await startServer()
    await using open = await openDisk(nbdSpec({ path: server.path }, { replySeconds: 6 }))
    server.settings.holds = true
    const io = write(open.disk, 0, block(1))
    await until("it is told of", () => open.told.news.length === 1)
    assert.match(JSON.stringify(open.told.news[0]), /degraded.*has not answered for 5 s/)
    server.settings.holds = false
    assert.strictEqual(await io.answered, IoStatus.ok)
    assert.strictEqual(server.connectionCount, 2)
  })
})
