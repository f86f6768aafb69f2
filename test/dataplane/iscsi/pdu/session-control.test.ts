/** The PDUs that manage a session, byte for byte (RFC 7143 sections 11.5 to 11.19). */
import { assert, describe, it } from "vitest"
import {
  AsyncEvent,
  LogoutResult,
  logoutCidOf,
  RejectReason,
  referencedTaskTagOf,
  TaskManagementResult,
  writeAsyncMessage,
  writeLogoutResponse,
  writeNopIn,
  writeReject,
  writeTaskManagementResponse,
  writeTextResponse
} from "../../../../src/dataplane/iscsi/pdu/session-control.ts"
import { hex, written } from "./wire-bytes.ts"

const numbers = { statSn: 0x11111111, expCmdSn: 0x22222222, maxCmdSn: 0x33333333 }
const wireNumbers = "11 11 11 11  22 22 22 22  33 33 33 33"

describe("the PDUs that manage a session", () => {
  it("NOP-In that answers", () => {
    assert.deepStrictEqual(
      written((b, at) => writeNopIn(b, at, 5, 0xffffffff, numbers, 3)),
      hex(`20 80 00 00  00 00 00 03  00 00 00 00  00 00 00 00
           00 00 00 05  ff ff ff ff  ${wireNumbers}
           00 00 00 00  00 00 00 00  00 00 00 00`)
    )
  })

  it("NOP-In that asks", () => {
    assert.deepStrictEqual(
      written((b, at) => writeNopIn(b, at, 0xffffffff, 9, numbers, 0)),
      hex(`20 80 00 00  00 00 00 00  00 00 00 00  00 00 00 00
           ff ff ff ff  00 00 00 09  ${wireNumbers}
           00 00 00 00  00 00 00 00  00 00 00 00`)
    )
  })

  it("Text Response, the last one and one with more to come", () => {
    assert.deepStrictEqual(
      written((b, at) => writeTextResponse(b, at, 5, 0xffffffff, numbers, 0x100, false)),
      hex(`24 80 00 00  00 00 01 00  00 00 00 00  00 00 00 00
           00 00 00 05  ff ff ff ff  ${wireNumbers}
           00 00 00 00  00 00 00 00  00 00 00 00`)
    )
    const more = written((b, at) => writeTextResponse(b, at, 5, 0x44, numbers, 0x100, true))
    assert.strictEqual(more[1], 0x40)
    assert.deepStrictEqual(more.subarray(20, 24), hex("00 00 00 44"))
    assert.strictEqual(written((b, at) => writeTextResponse(b, at, 5, 0x44, numbers, 0, false))[1], 0)
  })

  it("Logout Response with its times", () => {
    assert.deepStrictEqual(
      written((b, at) => writeLogoutResponse(b, at, 5, LogoutResult.CidNotFound, numbers, 2, 20)),
      hex(`26 80 01 00  00 00 00 00  00 00 00 00  00 00 00 00
           00 00 00 05  00 00 00 00  ${wireNumbers}
           00 00 00 00  00 02 00 14  00 00 00 00`)
    )
  })

  it("Task Management Function Response", () => {
    assert.deepStrictEqual(
      written((b, at) => writeTaskManagementResponse(b, at, 5, TaskManagementResult.NoSuchLun, numbers)),
      hex(`22 80 02 00  00 00 00 00  00 00 00 00  00 00 00 00
           00 00 00 05  00 00 00 00  ${wireNumbers}
           00 00 00 00  00 00 00 00  00 00 00 00`)
    )
  })

  it("Reject, whose tag is the reserved one", () => {
    assert.deepStrictEqual(
      written((b, at) => writeReject(b, at, RejectReason.InvalidPduField, numbers, 48)),
      hex(`3f 80 09 00  00 00 00 30  00 00 00 00  00 00 00 00
           ff ff ff ff  00 00 00 00  ${wireNumbers}
           00 00 00 00  00 00 00 00  00 00 00 00`)
    )
  })

  it("Asynchronous Message that asks for a logout", () => {
    assert.deepStrictEqual(
      written((b, at) => writeAsyncMessage(b, at, AsyncEvent.LogoutRequest, 0, 20, numbers)),
      hex(`32 80 00 00  00 00 00 00  00 00 00 00  00 00 00 00
           ff ff ff ff  00 00 00 00  ${wireNumbers}
           01 00 00 00  00 00 00 14  00 00 00 00`)
    )
  })

  it("Asynchronous Message that tells of the end of a session", () => {
    assert.deepStrictEqual(
      written((b, at) => writeAsyncMessage(b, at, AsyncEvent.SessionDrop, 2, 20, numbers)),
      hex(`32 80 00 00  00 00 00 00  00 00 00 00  00 00 00 00
           ff ff ff ff  00 00 00 00  ${wireNumbers}
           03 00 00 00  00 02 00 14  00 00 00 00`)
    )
  })

  it("requests are read at their places", () => {
    const b = Buffer.alloc(48)
    b.writeUInt32BE(0xdeadbeef, 20)
    assert.strictEqual(referencedTaskTagOf(b, 0), 0xdeadbeef)
    assert.strictEqual(logoutCidOf(b, 0), 0xdead)
  })
})
