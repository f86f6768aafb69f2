/** What is kept of the text of logins: nothing of a value that is not known to be harmless, however it is cut. */
import { assert, describe, it } from "vitest"
import { TextRedaction } from "../../../../src/dataplane/iscsi/recorder/TextRedaction.ts"
import { makeRandom } from "../../../support/initiator/random.ts"

const redacted = (pieces: ReadonlyArray<string>): string => {
  const redaction = new TextRedaction()
  return pieces.map((piece) => Buffer.from(redaction.redact(Buffer.from(piece))).toString()).join("")
}

const login =
  "AuthMethod=CHAP,None\0InitiatorName=iqn.2020-01.org.example:host1\0CHAP_A=5,7\0CHAP_I=17\0" +
  "CHAP_C=0xdeadbeef\0CHAP_N=hugo\0CHAP_R=0bc2VjcmV0\0X-com.example.key=hidden\0MaxBurstLength=65536\0"
const wanted =
  "AuthMethod=CHAP,None\0InitiatorName=iqn.2020-01.org.example:host1\0CHAP_A=XXX\0CHAP_I=XX\0" +
  "CHAP_C=XXXXXXXXXX\0CHAP_N=XXXX\0CHAP_R=XXXXXXXXXX\0X-com.example.key=XXXXXX\0MaxBurstLength=65536\0"

describe("text of a login", () => {
  it("keeps keys and harmless values, and the length of the others", () => {
    assert.strictEqual(redacted([login]), wanted)
  })

  it("is the same when it is cut into PDUs, anywhere", () => {
    for (let at = 0; at <= login.length; at++) {
      assert.strictEqual(redacted([login.slice(0, at), login.slice(at)]), wanted, `cut at ${at}`)
    }
    const random = makeRandom(7)
    for (let round = 0; round < 200; round++) {
      const pieces: Array<string> = []
      for (let at = 0; at < login.length; ) {
        const length = 1 + random.below(12)
        pieces.push(login.slice(at, at + length))
        at += length
      }
      assert.strictEqual(redacted(pieces), wanted)
    }
  })

  it("hides a secret that stands where it should not", () => {
    const secret = "0x5ec2e7"
    const shapes = [
      `CHAP_R=${secret}`,
      `chap_r=${secret}\0`,
      ` CHAP_R=${secret}\0`,
      `CHAP_R==${secret}\0`,
      `=${secret}\0`,
      `InitiatorAlias=CHAP_R=${secret}\0`,
      `InitiatorAlias=a\nCHAP_R=${secret}\0`,
      `InitiatorName\nCHAP_R=${secret}\0`,
      `${"k".repeat(80)}=${secret}\0`,
      `${"k".repeat(63)}InitiatorName=${secret}\0`,
      `\0\0CHAP_R=${secret}\0`,
      `CHAP_N=a=b=${secret}\0`
    ]
    for (const shape of shapes) {
      assert.notInclude(redacted([shape]), secret, JSON.stringify(shape))
      assert.lengthOf(redacted([shape]), shape.length)
    }
  })

  it("does not change what it is given", () => {
    const text = Buffer.from(login)
    new TextRedaction().redact(text)
    assert.strictEqual(text.toString(), login)
  })
})
