/** Connections that one reactor accepts and another goes on with: nothing is lost, said twice, or left open. */
import { assert, describe, it } from "vitest"
import { mainThreadReactor } from "../../../src/dataplane/reactor/main-thread-reactor.ts"
import { workerReactor } from "../../../src/dataplane/reactor/worker-reactor.ts"
import { readBlocks, writeBlocks } from "../../support/initiator/commands.ts"
import { type FrontAndHomesSettings, frontAndHomes } from "./front-and-homes.ts"
import { Harness } from "./harness.ts"

const start = async (settings: FrontAndHomesSettings = {}): Promise<Harness> => {
  const harness = await Harness.start({}, (options) => frontAndHomes(options, settings))
  harness.putTarget()
  harness.mapLun(0, await harness.openBdev())
  return harness
}

const homes = [
  ["in this thread", mainThreadReactor],
  ["in a worker", workerReactor]
] as const

describe.each(homes)("a home %s", (_, makeHome) => {
  it("serves a session from its login to its logout", async () => {
    await using harness = await start({ makeHome })
    const session = await harness.open()
    const data = Buffer.alloc(512, 7)
    await writeBlocks(session, 0, 5, data)
    assert.isTrue((await readBlocks(session, 0, 5, 1)).equals(data))
    await session.logout()
    assert.deepEqual(session.violations, [])
  })
})
