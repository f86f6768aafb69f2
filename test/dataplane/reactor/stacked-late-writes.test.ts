/** A write that is given up while a stacked bdev holds it keeps everybody off its blocks, by the base's LUN too. */
import { assert, it } from "vitest"
import { readBlocks, writeBlocks } from "../../support/initiator/commands.ts"
import { randomIsid } from "../../support/initiator/login.ts"
import { makePattern } from "../../support/initiator/pattern.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import type { Session } from "../../support/initiator/Session.ts"
import { anyBase, Harness, pendingFault } from "./harness.ts"

const late = makePattern(0, 8, 1, 512)
const newer = makePattern(0, 8, 2, 512)

const write = (session: Session, at: number): Promise<string> =>
  writeBlocks(session, 0, at, newer).then(outcomeText, (error: Error) => error.message)

it("nothing is done on the base where a write may still come from above", async () => {
  await using harness = await Harness.start()
  const base = await harness.openBdev()
  const above = await harness.openBdev({ _tag: "Error", base: anyBase }, base)
  harness.putTarget()
  for (const [lun, bdev] of [base, above].entries()) harness.mapLun(lun, bdev)
  harness.send({ _tag: "InjectFault", bdev: above, fault: pendingFault })
  const gone = await harness.open({}, [1])
  const lost = writeBlocks(gone, 1, 0, late).catch(() => "lost")
  await gone.nop()
  gone.drop()
  assert.strictEqual(await lost, "lost")
  await harness.fact(({ _tag }) => _tag === "SessionClosed")
  const session = await harness.open({ isid: randomIsid() }, [0])
  assert.match(await write(session, 0), /status 08h/)
  assert.match(await readBlocks(session, 0, 7, 1).then(String, (error: Error) => error.message), /status 08h/)
  assert.strictEqual(await write(session, 8), "GOOD")
  harness.send({ _tag: "ResumePending", bdev: above })
  assert.strictEqual(await write(session, 0), "GOOD")
  assert.isTrue(newer.equals(await readBlocks(session, 0, 0, 8)))
  session.drop()
})
