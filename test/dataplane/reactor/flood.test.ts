/** Real sockets that always have more to be read: what one connection gets of a turn of the event loop is bounded. */
import { assert, describe, it, vi } from "vitest"
import { Connection } from "../../../src/dataplane/iscsi/Connection.ts"
import { receiveBufferBytes, turnWorkBytes } from "../../../src/dataplane/limits.ts"
import { cdb } from "../../support/initiator/commands.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import type { Session } from "../../support/initiator/Session.ts"
import { turn } from "../iscsi/fixture.ts"
import { Harness, malloc } from "./harness.ts"

const mebibyte = 1024 * 1024
const writeBlocks = mebibyte / 512
const writesEach = 24

/** Bytes that each connection has read in one turn of the event loop, at most. */
const watchTurns = () => {
  const most = new Map<number, number>()
  const now = new Map<number, number>()
  let isWatching = true
  const receive = Connection.prototype.receive
  const spy = vi.spyOn(Connection.prototype, "receive").mockImplementation(function (this: Connection, chunk, length) {
    now.set(this.id, (now.get(this.id) ?? 0) + length)
    receive.call(this, chunk, length)
  })
  const look = async (): Promise<void> => {
    while (isWatching) {
      for (const [id, bytes] of now) most.set(id, Math.max(most.get(id) ?? 0, bytes))
      now.clear()
      await turn()
    }
  }
  const watching = look()
  return {
    end: async (): Promise<number> => {
      isWatching = false
      await watching
      spy.mockRestore()
      return Math.max(...most.values())
    }
  }
}

const writeAll = (session: Session): ReadonlyArray<Promise<string>> =>
  Array.from({ length: writesEach }, async () => {
    const writeData = Buffer.alloc(mebibyte, 1)
    return outcomeText(await session.command({ lun: 0, cdb: cdb.write16(0, writeBlocks), writeData }))
  })

describe("connections that flood a reactor with large writes", () => {
  it("are read no further in a turn than a share of it, and get all done", async () => {
    await using harness = await Harness.start()
    harness.putTarget({ queueDepth: writesEach })
    harness.mapLun(0, await harness.openBdev(malloc(writeBlocks)))
    const sessions = await Promise.all(
      [1, 2, 3].map((number) => harness.open({ initiatorName: `iqn.2024-01.test:flood${number}` }))
    )
    const turns = watchTurns()
    const outcomes = await Promise.all(sessions.flatMap(writeAll))
    assert.isAtMost(await turns.end(), turnWorkBytes + receiveBufferBytes)
    assert.deepStrictEqual([...new Set(outcomes)], ["GOOD"])
    for (const session of sessions) {
      assert.deepStrictEqual(session.violations, [])
      session.drop()
    }
  })
})
