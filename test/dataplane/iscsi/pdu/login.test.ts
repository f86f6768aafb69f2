/** Login Request and Login Response on the wire (RFC 7143 sections 11.12 and 11.13). */
import { assert, describe, it } from "vitest"
import {
  LoginStatus,
  loginStatusName,
  readLoginRequest,
  writeLoginResponse
} from "../../../../src/dataplane/iscsi/pdu/login.ts"
import { hex, written } from "./wire-bytes.ts"

describe("Login Request", () => {
  it("is read with every field at its place", () => {
    const b = hex(`
      43 87 00 00  00 00 01 23  40 00 01 37  00 01 ab cd
      00 00 00 07  12 34 00 00  f0 00 00 01  00 00 00 02
      00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`)
    const expected = {
      transit: true,
      continues: false,
      currentStage: 1,
      nextStage: 3,
      versionMin: 0,
      isid: "400001370001",
      tsih: 0xabcd,
      initiatorTaskTag: 7,
      cid: 0x1234,
      cmdSn: 0xf0000001
    }
    assert.deepStrictEqual(readLoginRequest(b, 0), expected)
    assert.deepStrictEqual(readLoginRequest(Buffer.concat([hex("ff ff ff"), b]), 3), expected)
  })

  it("tells the C bit, the stages and the version from each other", () => {
    const b = Buffer.alloc(48)
    b[1] = 0x41
    b[2] = 9
    b[3] = 5
    const { continues, currentStage, nextStage, transit, versionMin } = readLoginRequest(b, 0)
    assert.deepStrictEqual([transit, continues, currentStage, nextStage, versionMin], [false, true, 0, 1, 5])
  })
})

describe("Login Response", () => {
  const response = {
    transit: true,
    continues: false,
    currentStage: 1,
    nextStage: 3,
    isid: "800012345678",
    tsih: 0x0102,
    initiatorTaskTag: 7,
    status: LoginStatus.Success
  }

  it("into full feature phase", () => {
    assert.deepStrictEqual(
      written((b, at) => writeLoginResponse(b, at, response, 0x55, 1, 2, 3)),
      hex(`
        23 87 00 00  00 00 00 55  80 00 12 34  56 78 01 02
        00 00 00 07  00 00 00 00  00 00 00 01  00 00 00 02
        00 00 00 03  00 00 00 00  00 00 00 00  00 00 00 00`)
    )
  })

  it("without transit has no next stage: those bits are reserved", () => {
    const b = written((to, at) => writeLoginResponse(to, at, { ...response, transit: false }, 0, 1, 2, 3))
    assert.strictEqual(b[1], 0x04)
  })

  it("that is continued has the C bit", () => {
    const out = { ...response, transit: false, continues: true, currentStage: 0 }
    assert.strictEqual(written((to, at) => writeLoginResponse(to, at, out, 0, 1, 2, 3))[1], 0x40)
  })

  it("that refuses has class and detail", () => {
    const out = { ...response, transit: false, status: LoginStatus.SessionDoesNotExist }
    const b = written((to, at) => writeLoginResponse(to, at, out, 0, 1, 2, 3))
    assert.deepStrictEqual(b.subarray(36, 40), hex("02 0a 00 00"))
  })

  it("statuses have names", () => {
    assert.strictEqual(loginStatusName(0x0203), "NotFound")
    assert.strictEqual(loginStatusName(0x0404), "0x404")
  })
})
