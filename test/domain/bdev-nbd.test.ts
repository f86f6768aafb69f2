/** The rules of NBD exports as disks, and the URIs that name them. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import { type NbdAddress, nbdUri, parseNbdUri } from "../../src/domain/bdev/nbd-uri.ts"
import type { Command } from "../../src/domain/Command.ts"
import { withFound } from "../../src/domain/DataPlane.ts"
import { findBdev } from "../../src/domain/State.ts"
import { mapState } from "../../src/history/fork/ForkMapping.ts"
import { byOffset } from "../history/fork/mapping-examples.ts"
import { createBdev, startEpoch } from "./examples.ts"
import { diceOf } from "./random.ts"
import { nbdRequest } from "./random-bdevs.ts"
import { given, historyOf } from "./specification.ts"

const request = (changes: object = {}): BdevRequest => ({
  ...nbdRequest,
  server: { path: "/run/nbd.sock" },
  connections: 4,
  blockCount: 100,
  ...changes
})
const create = (changes: object = {}): Command => createBdev("a", request(changes))

describe("an NBD export as a disk", () => {
  const start = given(startEpoch())
  const refused = (changes: object, words: RegExp): void => {
    start.when(create(changes)).refused("InvalidArgument", words)
  }

  it("is at a socket with an absolute path that fits into an address, or at a host and a port", () => {
    for (const path of ["", "nbd.sock", `/${"x".repeat(107)}`, `/${"ä".repeat(54)}`, "/a\0b"]) {
      refused({ server: { path } }, /absolute path of at most 107 bytes/)
    }
    start.when(create({ server: { path: `/${"x".repeat(106)}` } })).gives("BdevCreated")
    for (const host of ["", "a b", "[::1]", "a%41", "a/b", "x".repeat(300)]) {
      refused({ server: { host, port: 10_809 } }, /use a name or an address/)
    }
    for (const host of ["storage.example", "10.0.0.5", "::1", "fe80::1%eth0"]) {
      start.when(create({ server: { host, port: 1 } })).gives("BdevCreated")
    }
    for (const port of [0, 65_536]) refused({ server: { host: "a", port } }, /use 1 to 65535/)
  })

  it("has a name of bounded length, blocks of a power of two, and bounded numbers", () => {
    refused({ exportName: "x".repeat(4097) }, /at most 4096 bytes/)
    refused({ exportName: "a\0b" }, /at most 4096 bytes/)
    for (const blockSize of [0, 100, 1536, 2 ** 21]) refused({ blockSize }, /power of two from 512/)
    for (const connections of [0, 17, 1.5]) refused({ connections }, /use 1 to 16/)
    for (const key of ["reconnectSeconds", "replySeconds", "giveUpSeconds"]) {
      for (const seconds of [-1, 86_401, Number.NaN, 0.5]) refused({ [key]: seconds }, /whole seconds from 0 to 86400/)
    }
    refused({ blockCount: 2 ** 53 }, /less than 8 PiB/)
  })

  it("has TLS with files that are where they are said to be, a key with its certificate, and a name to prove", () => {
    const server = { host: "storage.example", port: 10_809 }
    refused({ server, tls: { ca: "ca.pem" } }, /use an absolute path/)
    refused({ server, tls: { certificate: "/c.pem" } }, /give both, or neither/)
    refused({ tls: {} }, /TLS on a Unix socket, which has no host/)
    refused({ tls: { serverName: "a b" } }, /use the name in its certificate/)
    const tls = { ca: "/ca.pem", certificate: "/c.pem", key: "/k.pem", serverName: "storage.example" }
    for (const changes of [{ server, tls: {} }, { tls }]) start.when(create(changes)).gives("BdevCreated")
  })

  it("has as many blocks as were found", () => {
    const command = createBdev("a", { ...nbdRequest, server: { path: "/run/nbd.sock" }, connections: 4 })
    const found = withFound(command, { id: "lease", blockCount: 77 })
    const { state } = historyOf(startEpoch(), found)
    assert.deepInclude(findBdev(state, "a")?.spec, { _tag: "Nbd", blockCount: 77, exportName: "disk" })
  })

  it("is at a server of the fork's own in a fork, without TLS, and never at the source's", () => {
    const places = [
      { server: { path: "/run/nbd.sock" } },
      { server: { path: "/run/nbd.sock" }, exportName: "other" },
      { server: { host: "storage.example", port: 10_809 }, tls: { ca: "/ca.pem" } }
    ]
    const sockets = places.map((place) => {
      const spec = findBdev(mapState(byOffset, historyOf(startEpoch(), create(place)).state), "a")?.spec
      assert(spec?._tag === "Nbd" && "path" in spec.server)
      assert.isUndefined(spec.tls)
      assert.match(spec.server.path, /^\/var\/lib\/fork\/files\/nbd-[0-9a-f]{16}\.sock$/)
      return spec.server.path
    })
    assert.strictEqual(new Set(sockets).size, 3)
  })
})

describe("an NBD URI", () => {
  it("names a server and an export", () => {
    const cases: ReadonlyArray<readonly [uri: string, address: NbdAddress]> = [
      ["nbd://storage", { server: { host: "storage", port: 10_809 }, exportName: "", tls: false }],
      ["nbds://10.0.0.5:99/vm1", { server: { host: "10.0.0.5", port: 99 }, exportName: "vm1", tls: true }],
      ["nbd://[fd00::5]/a%20b/c", { server: { host: "fd00::5", port: 10_809 }, exportName: "a b/c", tls: false }],
      ["nbd+unix:///?socket=/run/a.sock", { server: { path: "/run/a.sock" }, exportName: "", tls: false }],
      ["nbds+unix:///e?socket=/run/%C3%A4", { server: { path: "/run/ä" }, exportName: "e", tls: true }]
    ]
    for (const [uri, address] of cases) assert.deepStrictEqual(Result.getOrThrow(parseNbdUri(uri)), address, uri)
  })

  it("is refused in words where it is none", () => {
    const cases: ReadonlyArray<readonly [uri: string, words: RegExp]> = [
      ["", /is no NBD URI/],
      ["http://storage/", /is no NBD URI/],
      ["nbd://user@storage/", /is no NBD URI/],
      ["nbd:///export", /has no host/],
      ["nbd://storage/%zz", /broken % escape/],
      ["nbd+unix:///", /has no socket=PATH/],
      ["nbd+unix:///?socket=", /has no socket=PATH/],
      ["nbd://storage/?socket=/run/a", /goes with nbd\+unix/],
      ["nbds://storage/?tls-certificates=/pki", /parameter tls-certificates/],
      [`nbd://${"x".repeat(20_000)}/`, /is no NBD URI/]
    ]
    for (const [uri, words] of cases) {
      const parsed = parseNbdUri(uri)
      assert.match(Result.isFailure(parsed) ? parsed.failure : "it is one", words, uri)
    }
  })

  it("leads back to what it was made of, whatever names there are", () => {
    const { pick, roll, some } = diceOf(11)
    const text = (): string =>
      some(() => pick(["a", "/", "?", "#", "%", " ", "ä", "&", "=", "socket", "\u{1f4be}"])).join("")
    for (let round = 0; round < 500; round++) {
      const server =
        roll(2) === 0
          ? { path: `/${text()}` }
          : { host: pick(["storage.example", "10.0.0.5", "::1", "fe80::1%eth0"]), port: 1 + roll(65_535) }
      const address = { server, exportName: text(), tls: roll(2) === 0 }
      assert.deepStrictEqual(Result.getOrThrow(parseNbdUri(nbdUri(address))), address, nbdUri(address))
    }
  })
})
