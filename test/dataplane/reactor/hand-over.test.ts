/** Connections that one reactor accepts and another goes on with: nothing is lost, said twice, or left open. */
import { once } from "node:events"
import { readdirSync, readlinkSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { afterEach, assert, describe, it } from "vitest"
import type { Place } from "../../../src/dataplane/iscsi/handover/Place.ts"
import type { NodeOptions } from "../../../src/dataplane/iscsi/IscsiNode.ts"
import { abandonConnection } from "../../../src/dataplane/pool/abandon-connection.ts"
import { mainThreadReactor } from "../../../src/dataplane/reactor/main-thread-reactor.ts"
import type { HandOver } from "../../../src/dataplane/reactor/protocol.ts"
import { workerReactor } from "../../../src/dataplane/reactor/worker-reactor.ts"
import { cdb, inquiry, readBlocks, writeBlocks } from "../../support/initiator/commands.ts"
import { LoginStatus, login } from "../../support/initiator/login.ts"
import { headerBytes, Opcode } from "../../support/initiator/pdu.ts"
import { makeRandom } from "../../support/initiator/random.ts"
import { LoginRefused, type Session } from "../../support/initiator/Session.ts"
import { Wire } from "../../support/initiator/Wire.ts"
import { targetName } from "../iscsi/fixture.ts"
import { type FrontAndHomesSettings, frontAndHomes } from "./front-and-homes.ts"
import { Harness } from "./harness.ts"

type Make = (options: NodeOptions) => ReturnType<typeof mainThreadReactor>

const start = async (make: Make, options: Partial<NodeOptions> = {}): Promise<Harness> => {
  const harness = await Harness.start(options, make)
  harness.putTarget()
  harness.mapLun(0, await harness.openBdev())
  return harness
}

const apart =
  (settings: FrontAndHomesSettings = {}): Make =>
  (options) =>
    frontAndHomes(options, settings)

/** Descriptors of sockets that this process has. */
const socketCount = (): number => {
  let count = 0
  for (const descriptor of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${descriptor}`).startsWith("socket:")) count++
    } catch {
      // It was that of the folder.
    }
  }
  return count
}

/** Holds connections on their way until they are let go. */
class Way {
  readonly held: Array<{ readonly handOver: HandOver; readonly go: () => void }> = []
  readonly make: Make = apart({ onHandOver: (handOver, go) => void this.held.push({ handOver, go }) })

  async next(): Promise<{ readonly handOver: HandOver; readonly go: () => void }> {
    await until(() => this.held.length > 0)
    const next = this.held.shift()
    assert(next !== undefined)
    return next
  }
}

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await turn()
}

const clients: Array<Socket> = []
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
})

const opcodeMask = 0x3f
const continues = 0x44

const paddedTo4 = (length: number): number => Math.ceil(length / 4) * 4

/** The PDUs of a stream without digests. */
const pdusOf = (stream: Buffer): ReadonlyArray<Buffer> => {
  const pdus: Array<Buffer> = []
  for (let at = 0; at < stream.length; ) {
    const end = at + headerBytes + paddedTo4(stream.readUIntBE(at + 5, 3))
    pdus.push(stream.subarray(at, end))
    at = end
  }
  return pdus
}

/** A login request as several, of which all but the last go on (C bit); its text is cut there. */
const cutLogin = (request: Buffer, ...cuts: ReadonlyArray<number>): Buffer => {
  const textBytes = request.readUIntBE(5, 3)
  const ends = [...cuts, textBytes]
  return Buffer.concat(
    ends.map((end, index) => {
      const from = index === 0 ? 0 : (ends[index - 1] ?? 0)
      const pdu = Buffer.alloc(headerBytes + paddedTo4(end - from))
      request.copy(pdu, 0, 0, headerBytes)
      if (end < textBytes) pdu[1] = continues
      pdu.writeUIntBE(end - from, 5, 3)
      request.copy(pdu, headerBytes, headerBytes + from, headerBytes + end)
      return pdu
    })
  )
}

/** What a login, some commands and a logout send: the login, and all the rest. */
const story = async (): Promise<{ readonly request: Buffer; readonly rest: Buffer }> => {
  await using harness = await start(mainThreadReactor)
  const sent: Array<Buffer> = []
  const session = await harness.open(
    {
      onConnect: (wire) => {
        wire.onBytes = (isSent, bytes) => void (isSent && sent.push(Buffer.from(bytes)))
      }
    },
    []
  )
  for (const _ of [1, 2]) await session.command({ lun: 0, cdb: cdb.testUnitReady() })
  await inquiry(session, 0)
  await writeBlocks(session, 0, 3, makeRandom(4).bytes(8 * 512))
  await readBlocks(session, 0, 0, 64)
  await session.nop(Buffer.from("are you there"))
  await session.logout()
  const [request, ...rest] = pdusOf(Buffer.concat(sent))
  assert(request !== undefined)
  return { request, rest: Buffer.concat(rest) }
}

/** Sends pieces one by one, and gives all that comes until the target closes; session handles are taken out of it. */
const answersTo = async (harness: Harness, pieces: Iterable<Buffer>): Promise<Buffer> => {
  const { host, port } = harness.portal
  const client = connect({ host, port, noDelay: true })
  clients.push(client)
  const received: Array<Buffer> = []
  client.on("data", (chunk) => received.push(chunk))
  const closed = once(client, "close")
  for (const piece of pieces) {
    client.write(piece)
    for (const _ of [1, 2, 3]) await turn()
  }
  await closed
  const stream = Buffer.concat(received)
  for (const pdu of pdusOf(stream)) {
    if (((pdu[0] ?? 0) & opcodeMask) === Opcode.loginResponse) pdu.writeUInt16BE(0, 14)
  }
  return stream
}

function* pieces(stream: Buffer, random: ReturnType<typeof makeRandom>): Iterable<Buffer> {
  for (let at = 0; at < stream.length; ) {
    const end = Math.min(stream.length, at + random.between(1, random.chance(0.5) ? 60 : 700))
    yield stream.subarray(at, end)
    at = end
  }
}

describe("a connection that is handed over", () => {
  it("is answered as by one reactor, byte for byte, wherever its stream is cut", async () => {
    const { request, rest } = await story()
    const random = makeRandom(7)
    const stories = [request, cutLogin(request, 40), cutLogin(request, 10, 11, 12, 90)]
    for (const beginning of stories) {
      const stream = Buffer.concat([beginning, rest])
      await using one = await start(mainThreadReactor)
      const expected = await answersTo(one, [stream])
      assert.isAtLeast(pdusOf(expected).length, 8)
      await using two = await start(apart())
      for (const _ of Array.from({ length: 12 })) {
        // The disk is as it was for the first, but for what each of them writes.
        const answers = await answersTo(two, pieces(stream, random))
        assert.isTrue(answers.equals(expected))
      }
      assert.isTrue((await answersTo(two, [stream])).equals(expected))
    }
  })

  it("is answered alike, at whatever byte its login is cut", async () => {
    const { request, rest } = await story()
    const beginning = cutLogin(request, 60)
    await using one = await start(mainThreadReactor)
    const expected = await answersTo(one, [Buffer.concat([beginning, rest])])
    await using two = await start(apart())
    for (let at = 1; at < beginning.length; at++) {
      const answers = await answersTo(two, [beginning.subarray(0, at), Buffer.concat([beginning.subarray(at), rest])])
      assert.isTrue(answers.equals(expected), `cut at ${at}`)
    }
    await until(async () => (await two.report()).connections.length === 0)
  })
})

describe("a connection on its way", () => {
  it("has what its initiator sends meanwhile, and its end", async () => {
    const { request, rest } = await story()
    await using one = await start(mainThreadReactor)
    const expected = await answersTo(one, [Buffer.concat([request, rest])])
    const way = new Way()
    await using two = await start(way.make)
    const { host, port } = two.portal
    const client = connect({ host, port, noDelay: true })
    clients.push(client)
    client.write(request)
    const { go } = await way.next()
    client.end(rest)
    const received: Array<Buffer> = []
    client.on("data", (chunk) => received.push(chunk))
    go()
    await once(client, "close")
    assert.strictEqual(Buffer.concat(received).length, expected.length)
  })

  it("leaves nothing when its initiator has gone meanwhile, orderly or not", async () => {
    const { request } = await story()
    const way = new Way()
    await using harness = await start(way.make)
    const before = socketCount()
    for (const end of ["end", "resetAndDestroy"] as const) {
      const client = await harness.plain()
      client.write(request)
      const { go } = await way.next()
      client[end]()
      go()
      await until(async () => (await harness.report()).connections.length === 0)
      client.destroy()
      await until(() => socketCount() === before)
    }
  })

  it("is closed once by whoever comes first: its home, or who clears up after it", async () => {
    const { request } = await story()
    const way = new Way()
    let place: Place | undefined
    await using harness = await start((options) =>
      frontAndHomes(options, {
        onHandOver: (handOver, go) => void way.held.push({ handOver, go }),
        makeHome: (settings, surroundings) => {
          place = surroundings.place
          return mainThreadReactor(settings, surroundings)
        }
      })
    )
    assert(place !== undefined)
    const before = socketCount()
    const lost = await harness.plain()
    const closed = once(lost.resume(), "close")
    lost.write(request)
    const first = await way.next()
    assert.isTrue(abandonConnection(place, first.handOver))
    assert.isFalse(abandonConnection(place, first.handOver))
    await closed
    // Another socket may have the number now: the home must not touch it.
    const other = await harness.plain()
    first.go()
    assert.deepEqual((await harness.report()).connections.length, 1)
    other.write(request)
    const second = await way.next()
    second.go()
    await once(other, "data")
    assert.isFalse(abandonConnection(place, second.handOver))
    await until(async () => (await harness.report()).sessionCount === 1)
    other.destroy()
    await until(() => socketCount() === before)
  })

  it("gives way to others, and is closed when it arrives", async () => {
    const { request } = await story()
    const way = new Way()
    await using harness = await start(
      (options) =>
        frontAndHomes(options, {
          surroundings: { peerLimits: { connections: 2 } },
          onHandOver: (handOver, go) => void way.held.push({ handOver, go })
        }),
      {}
    )
    const before = socketCount()
    const slow = [await harness.plain(), await harness.plain()]
    const closed = slow.map((client) => once(client.resume(), "close"))
    for (const client of slow) client.write(request)
    const held = [await way.next(), await way.next()]
    const late = harness.open({}, [])
    const third = await way.next()
    for (const { go } of held) go()
    await closed[0]
    third.go()
    const session = await late
    await session.nop()
    session.drop()
    for (const client of slow) client.destroy()
    await until(() => socketCount() === before)
  })

  it("leaves nothing when too many others are on their way", async () => {
    const { request } = await story()
    const way = new Way()
    await using harness = await start((options) =>
      frontAndHomes(options, {
        surroundings: { peerLimits: { connections: 2 } },
        onHandOver: (handOver, go) => void way.held.push({ handOver, go })
      })
    )
    const before = socketCount()
    const clients: Array<Socket> = []
    // As many again may be on their way, of those that have given way.
    for (let count = 0; count < 4; count++) {
      const client = await harness.plain()
      clients.push(client.resume())
      client.write(request)
      await until(() => way.held.length > count)
    }
    const late = await harness.plain()
    const closed = once(late.resume(), "close")
    late.write(request)
    await closed
    for (const { go } of way.held.splice(0)) go()
    for (const client of clients) client.destroy()
    await until(() => socketCount() === before)
  })
})

describe("a front", () => {
  it("keeps discovery to itself, and refuses targets that nobody has", async () => {
    const way = new Way()
    await using harness = await start(way.make)
    const wire = await Wire.connect(harness.portal)
    assert.strictEqual((await login(wire, {})).status, 0)
    wire.destroy()
    const unknown = harness.open({ targetName: "iqn.2024-01.test:nobody" }, [])
    const status = await unknown.then(
      () => 0,
      (error: unknown) => (error instanceof LoginRefused ? error.status : -1)
    )
    assert.strictEqual(status, LoginStatus.notFound)
    assert.deepEqual(way.held, [])
  })

  it("limits sessions over all homes, together and by address", async () => {
    const other = "iqn.2024-01.test:other"
    const surroundings = { peerLimits: { sessionsPerAddress: 2 } }
    const make = apart({ homes: [[], [other]], surroundings })
    await using harness = await start(make, { maxSessions: 3 })
    harness.putTarget({ name: other, incarnation: 77 })
    const from = async (targetName: string, localAddress: string): Promise<Session | number> => {
      try {
        return await harness.open({ targetName, endpoint: { ...harness.portal, localAddress } }, [])
      } catch (error) {
        if (error instanceof LoginRefused) return error.status
        throw error
      }
    }
    const here = await from(targetName, "127.0.0.1")
    const there = await from(other, "127.0.0.1")
    assert.strictEqual(await from(targetName, "127.0.0.1"), LoginStatus.outOfResources, "two of one address")
    assert.strictEqual(await from(other, "127.0.0.1"), LoginStatus.outOfResources, "two of one address")
    const third = await from(other, "127.0.0.2")
    assert.strictEqual(await from(targetName, "127.0.0.3"), LoginStatus.outOfResources, "three in all")
    assert(typeof here === "object" && typeof there === "object" && typeof third === "object")
    const handles = new Set([here, there, third].map(({ login: { tsih } }) => tsih))
    assert.strictEqual(handles.size, 3, "session handles are different everywhere")
    await there.logout()
    await until(async () => (await harness.report()).sessionCount === 2)
    const again = await from(targetName, "127.0.0.1")
    assert(typeof again === "object")
    for (const session of [here, third, again]) session.drop()
  })
})

describe("a home in a worker", () => {
  it("serves a session from its login to its logout, and takes it with it when it dies", async () => {
    const before = socketCount()
    await using harness = await start(apart({ makeHome: workerReactor }))
    const listening = socketCount()
    const session = await harness.open()
    const data = makeRandom(5).bytes(1024)
    await writeBlocks(session, 0, 5, data)
    assert.isTrue((await readBlocks(session, 0, 5, 2)).equals(data))
    await session.logout()
    assert.deepEqual(session.violations, [])
    const another = await harness.open()
    await until(() => socketCount() === listening + 2)
    await harness.shutdown()
    await until(() => another.isClosed)
    await until(() => socketCount() === before)
  })
})
