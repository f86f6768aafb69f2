/** What the errors of Linux mean for an IO, whatever Node calls them. */
import { constants } from "node:os"
import { getSystemErrorMap } from "node:util"
import { assert, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { errorCodeOf, ioStatusOf } from "../../../src/dataplane/bdev/io-status-of.ts"

describe("an error of the system", () => {
  it("means what the block layer and file systems mean by it", () => {
    const expected: Readonly<Record<string, ReadonlyArray<string>>> = {
      noSpace: ["ENOSPC", "EDQUOT", "EFBIG"],
      noMemory: ["ENOMEM", "EAGAIN", "EINTR"],
      mediumError: ["EIO", "ENODATA", "EILSEQ", "EBADMSG", "EUCLEAN", "EOF"],
      notReady: ["ENXIO", "ENODEV", "ENOMEDIUM", "ESHUTDOWN", "EBADF", "ETIMEDOUT", "ENOLINK", "ECONNRESET", "EPIPE"],
      writeProtected: ["EROFS", "EPERM"],
      failed: ["EREMOTEIO", "EINVAL", "EFAULT", "ENOSYS", "", "nonsense"]
    }
    const named = Object.entries(IoStatus).flatMap(([name, status]) =>
      (expected[name] ?? []).map((code) => [code, ioStatusOf(code), status])
    )
    assert.isAbove(named.length, 25)
    for (const [code, actual, status] of named) assert.strictEqual(actual, status, String(code))
  })

  it("is never taken for success", () => {
    for (const code of Object.keys(constants.errno)) assert.notStrictEqual(ioStatusOf(code), IoStatus.ok, code)
  })

  it("has its name also where Node knows only its number", () => {
    const error = (errno: number, code: string) => Object.assign(new Error("no"), { errno, code })
    for (const [number, name] of [
      [-5, "EIO"],
      [-28, "ENOSPC"],
      [-74, "EBADMSG"],
      [-108, "ESHUTDOWN"],
      [-117, "EUCLEAN"],
      [-121, "EREMOTEIO"],
      [-123, "ENOMEDIUM"]
    ] as const) {
      assert.strictEqual(errorCodeOf(error(number, `Unknown system error ${number}`)), name)
      const [code = name] = getSystemErrorMap().get(number) ?? []
      assert.strictEqual(errorCodeOf(error(number, code)), name)
    }
    assert.strictEqual(errorCodeOf(new Error("nothing known")), "EIO")
    assert.strictEqual(errorCodeOf(error(-4095, "Unknown system error -4095")), "EIO")
  })
})
