/** Rounds of hostile input against a server, with a witness whose data and session must not notice. */
import { assert } from "vitest"
import { cdb, readBlocks, writeBlocks } from "./commands.ts"
import { attackOnce } from "./hostile.ts"
import { assertAlive, holdingsOf, type Lunlog, nodeBase, untilDescriptors } from "./lunlog.ts"
import { makePattern } from "./pattern.ts"
import { makeRandom } from "./random.ts"
import { outcomeText } from "./ScsiTask.ts"

const attacked = `${nodeBase}:attacked`
const witnessed = `${nodeBase}:witnessed`
const witnessBlocks = 2048
/** Rounds between two looks at the witness. */
const batchRounds = 25
/** Connections that attack side by side. */
const concurrentAttacks = 4

/** Creates the target that is attacked and the one that is watched; each has a disk of its own. */
export const createHostileTargets = async (lunlog: Lunlog): Promise<void> => {
  await lunlog.createMalloc("Attacked", 4)
  await lunlog.createMalloc("Witness", 4)
  await lunlog.createTarget({ name: attacked, luns: { 0: "Attacked" } })
  await lunlog.createTarget({ name: witnessed, luns: { 0: "Witness" } })
}

/** Attacks `rounds` times. Rejects with the round's number and seed when the server or the witness suffers. */
export const attackRounds = async (lunlog: Lunlog, seed: number, rounds: number): Promise<void> => {
  const witness = await lunlog.open(witnessed, {}, 0)
  const data = makePattern(0, witnessBlocks, 1, 512)
  await writeBlocks(witness, 0, 0, data)
  const before = holdingsOf(lunlog.process).descriptors
  let used: ReadonlyArray<string> = []
  for (let done = 0; done < rounds; done += batchRounds) {
    const where = `rounds ${done} to ${done + batchRounds} of seed ${seed}`
    try {
      let next = done
      const worker = async () => {
        for (let round = next++; round < Math.min(done + batchRounds, rounds); round = next++) {
          const random = makeRandom(seed * 1_000_003 + round)
          used = await attackOnce(lunlog.endpoint, random.chance(0.3) ? undefined : attacked, random)
        }
      }
      await Promise.all(Array.from({ length: concurrentAttacks }, worker))
      assert.strictEqual(outcomeText(await witness.command({ lun: 0, cdb: cdb.testUnitReady() })), "GOOD", where)
    } catch (error) {
      assertAlive(lunlog.process)
      throw new Error(`${where}, last attacks: ${used.join(", ")}`, { cause: error })
    }
    assertAlive(lunlog.process)
  }
  assert((await readBlocks(witness, 0, 0, witnessBlocks)).equals(data), "the witness's data is as it was")
  assert.deepStrictEqual(witness.violations, [])
  await untilDescriptors(lunlog.process, before)
  witness.drop()
  const after = await lunlog.open(attacked)
  assert.strictEqual(await after.logout(), 0, "the attacked target still takes logins")
}
