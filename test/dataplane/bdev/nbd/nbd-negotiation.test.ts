/** The handshake with servers that are right, old, unwilling or hostile, in pieces of any size. */
import { assert, describe, it } from "vitest"
import { type NbdExport, NbdNegotiation } from "../../../../src/dataplane/bdev/nbd/NbdNegotiation.ts"
import { makeRandom, runSeed } from "../../../support/initiator/random.ts"
import {
  ack,
  blockSizeInfo,
  contextInfo,
  errorReply,
  exportInfo,
  greeting,
  Option,
  optionReply,
  usualFlags
} from "./server-messages.ts"

interface Outcome {
  readonly agreed: Array<NbdExport>
  readonly failed: Array<string>
  readonly sent: Array<Buffer>
  tlsStarts: number
}

const begin = (wish = { exportName: "disk", tls: false }) => {
  const outcome: Outcome = { agreed: [], failed: [], sent: [], tlsStarts: 0 }
  const negotiation = new NbdNegotiation(
    {
      send: (bytes) => outcome.sent.push(bytes),
      startTls: () => {
        outcome.tlsStarts++
      },
      agreed: (of) => outcome.agreed.push(of),
      failed: (code, detail) => outcome.failed.push(`${code}: ${detail}`)
    },
    wish
  )
  const say = (...messages: ReadonlyArray<Buffer>): Outcome => {
    for (const message of messages) negotiation.receive(message, 0, message.length)
    return outcome
  }
  return { negotiation, outcome, say }
}

const structured = optionReply(Option.structuredReply, ack)
const context = [
  optionReply(Option.setMetaContext, 4, contextInfo(7, "base:allocation")),
  optionReply(Option.setMetaContext, ack)
]
const go = (...infos: ReadonlyArray<Buffer>): ReadonlyArray<Buffer> => [
  ...infos.map((info) => optionReply(Option.go, 3, info)),
  optionReply(Option.go, ack)
]
const usual = [
  greeting(),
  structured,
  ...context,
  ...go(exportInfo(1 << 20, usualFlags), blockSizeInfo(512, 4096, 1 << 25))
]

const usualExport: NbdExport = {
  byteLength: 1n << 20n,
  flags: usualFlags,
  blockBytesMin: 512,
  blockBytesPreferred: 4096,
  blockBytesMax: 1 << 25,
  isStructured: true,
  allocationContext: 7
}

describe("a server that can all of it", () => {
  it("is asked for chunks, for what is allocated, and for the export by its name", () => {
    const { agreed, failed, sent } = begin().say(...usual)
    assert.deepStrictEqual(failed, [])
    assert.deepStrictEqual(agreed, [usualExport])
    assert.deepStrictEqual(
      sent.map((bytes) => bytes.toString("hex")),
      [
        "00000003",
        "49484156454f5054" + "00000008" + "00000000",
        `49484156454f50540000000a0000001f${"00000004"}${Buffer.from("disk").toString("hex")}${
          "00000001" + "0000000f"
        }${Buffer.from("base:allocation").toString("hex")}`,
        `49484156454f5054000000070000000c00000004${Buffer.from("disk").toString("hex")}00010003`
      ]
    )
  })

  it("is understood in pieces of any size", () => {
    const random = makeRandom(runSeed(1))
    for (let round = 0; round < 300; round++) {
      const { negotiation, outcome } = begin()
      // What follows is only said when it was asked for: a message is cut, none is glued to another.
      for (const message of usual) {
        for (let at = 0; at < message.length; ) {
          const end = round === 0 ? at + 1 : Math.min(message.length, at + random.between(1, 12))
          negotiation.receive(message, at, end)
          at = end
        }
      }
      assert.deepStrictEqual(outcome.agreed, [usualExport])
    }
  })

  it("may say nothing of block sizes: the protocol has some", () => {
    const [agreed] = begin().say(greeting(), structured, ...context, ...go(exportInfo(512, usualFlags))).agreed
    assert.deepStrictEqual(
      [agreed?.blockBytesMin, agreed?.blockBytesPreferred, agreed?.blockBytesMax],
      [1, 4096, 32 * 1024 * 1024]
    )
  })
})

describe("a server that can less", () => {
  it("answers without chunks, and then tells nothing of what is allocated", () => {
    const refused = optionReply(Option.structuredReply, errorReply(1), Buffer.from("what is that?"))
    const [agreed] = begin().say(greeting(), refused, ...go(exportInfo(512, 1))).agreed
    assert.deepStrictEqual([agreed?.isStructured, agreed?.allocationContext], [false, undefined])
  })

  it("has chunks, and no contexts", () => {
    const refused = optionReply(Option.setMetaContext, errorReply(1))
    const [agreed] = begin().say(greeting(), structured, refused, ...go(exportInfo(512, 1))).agreed
    assert.deepStrictEqual([agreed?.isStructured, agreed?.allocationContext], [true, undefined])
    const none = begin().say(greeting(), structured, optionReply(Option.setMetaContext, ack), ...go(exportInfo(512, 1)))
    assert.strictEqual(none.agreed[0]?.allocationContext, undefined)
  })

  it("has no such export, demands TLS, or ends: each is said", () => {
    const refusal = (error: number, text = ""): string =>
      begin().say(greeting(), structured, ...context, optionReply(Option.go, errorReply(error), Buffer.from(text)))
        .failed[0] ?? ""
    assert.strictEqual(
      refusal(6, "export \u001b[31m not present"),
      'ENODEV: was asked for the export "disk" and has no such export (it says: export ?[31m not present)'
    )
    assert.match(refusal(5), /^EACCES: .*demands TLS; give tls with its certificate authority$/)
    assert.match(refusal(7), /^ESHUTDOWN: .*is being shut down$/)
    assert.match(refusal(77), /^EPROTO: .*error 77/)
  })

  it("is too old: the reason is said, and nothing is sent", () => {
    const oldstyle = Buffer.concat([Buffer.from("NBDMAGIC"), Buffer.alloc(10)])
    for (const old of [oldstyle, greeting(0)]) {
      const { failed, sent } = begin().say(old)
      assert.match(failed[0] ?? "", /^EPROTO: speaks an old form/)
      assert.deepStrictEqual(sent, [])
    }
    assert.match(begin().say(Buffer.from("SSH-2.0-OpenSSH_9.2\r\n")).failed[0] ?? "", /is no NBD server/)
  })
})

describe("TLS", () => {
  const wish = { exportName: "", tls: true }

  it("comes before everything else, and what was agreed before it counts for nothing", () => {
    const { negotiation, outcome, say } = begin(wish)
    say(greeting(), optionReply(Option.startTls, ack))
    assert.strictEqual(outcome.tlsStarts, 1)
    assert.lengthOf(outcome.sent, 2)
    negotiation.tlsReady()
    assert.lengthOf(say(structured, ...context, ...go(exportInfo(512, 1))).agreed, 1)
  })

  it("is not done without", () => {
    const { agreed, failed, sent } = begin(wish).say(
      greeting(),
      optionReply(Option.startTls, errorReply(1)),
      structured,
      ...go(exportInfo(512, 1))
    )
    assert.match(failed[0] ?? "", /^EOPNOTSUPP: was asked for TLS and does not know it; it is not used in clear/)
    assert.deepStrictEqual([agreed.length, failed.length, sent.length], [0, 1, 2])
  })

  it("is not begun where words in clear follow its agreement, in one piece or two", () => {
    const agreement = optionReply(Option.startTls, ack)
    const glued = begin(wish).say(greeting(), Buffer.concat([agreement, structured]))
    assert.match(glued.failed[0] ?? "", /goes on in clear/)
    const apart = begin(wish).say(greeting(), agreement, structured)
    assert.match(apart.failed[0] ?? "", /goes on in clear/)
  })
})

describe("a hostile server", () => {
  it("is left when it announces more than anyone needs, answers another option, or never ends", () => {
    const long = optionReply(Option.structuredReply, ack)
    long.writeUInt32BE(0xffff_ffff, 16)
    const other = optionReply(Option.go, ack)
    const endless = Array.from({ length: 65 }, () => optionReply(Option.go, 3, exportInfo(512, 1)))
    for (const said of [[long], [other], [structured, ...context, ...endless], [structured, Buffer.alloc(20)]]) {
      const { agreed, failed } = begin().say(greeting(), ...said)
      assert.deepStrictEqual([agreed.length, failed.length], [0, 1])
    }
  })

  it("cannot have sizes that are none", () => {
    const of = (...infos: ReadonlyArray<Buffer>) => begin().say(greeting(), structured, ...context, ...go(...infos))
    const size = exportInfo(1 << 20, usualFlags)
    for (const sizes of [
      blockSizeInfo(0, 4096, 1 << 20),
      blockSizeInfo(3, 4096, 1 << 20),
      blockSizeInfo(1 << 17, 1 << 17, 1 << 20),
      blockSizeInfo(512, 4096, 0)
    ]) {
      assert.lengthOf(of(size, sizes).failed, 1)
    }
    assert.lengthOf(of().failed, 1)
    assert.lengthOf(of(exportInfo(1 << 20, 0)).failed, 1)
    assert.strictEqual(of(size, blockSizeInfo(512, 5000, 1 << 20)).agreed[0]?.blockBytesPreferred, 512)
  })

  it("ends the negotiation once, whatever it says, and is believed nothing that it was not asked", () => {
    const random = makeRandom(runSeed(2))
    for (let round = 0; round < 3000; round++) {
      const { negotiation, outcome } = begin({ exportName: "x", tls: random.chance(0.3) })
      const said = Buffer.concat(random.chance(0.5) ? usual : usual.slice(0, random.between(1, usual.length)))
      for (let count = random.between(1, 6); count > 0; count--) {
        said[random.between(0, said.length - 1)] = random.between(0, 255)
      }
      for (let at = 0; at < said.length; ) {
        const end = Math.min(said.length, at + random.between(1, 64))
        negotiation.receive(said, at, end)
        at = end
      }
      assert.isAtMost(outcome.failed.length + outcome.agreed.length, 2)
      assert.isAtMost(outcome.agreed.length, 1)
    }
  })
})
