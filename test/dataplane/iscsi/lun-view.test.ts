/** Which LUNs a session sees, and with which rights, after any sequence of changes: compared with a model. */
import { assert, describe, it } from "vitest"
import { Session } from "../../../src/dataplane/iscsi/Session.ts"
import { LunMapping, type Target, type TargetMap } from "../../../src/dataplane/iscsi/Target.ts"
import type { LogicalUnit } from "../../../src/dataplane/scsi/LogicalUnit.ts"
import { type Dice, diceOf } from "../../domain/random.ts"
import { addTarget, loggedIn, ramDisk, TestNode, targetSpec, unitOf } from "./fixture.ts"

const lunIds = [0, 1, 2, 3] as const
const groups = [1, 2] as const

interface Model {
  readonly session: Session
  readonly group: number
  luns: ReadonlyArray<number> | undefined
  readOnly: boolean
}

const randomMap = ({ roll }: Dice, initiatorGroup: number): TargetMap => {
  const luns = lunIds.filter(() => roll(2) === 0)
  return { initiatorGroup, readOnly: roll(2) === 0, ...(roll(3) === 0 ? {} : { luns }) }
}

/** Every initiator group's map is there, or not. */
const changeMaps = (dice: Dice, target: Target, models: ReadonlyArray<Model>): void => {
  const maps = groups.flatMap((group) => (dice.roll(5) === 0 ? [] : [randomMap(dice, group)]))
  target.spec = targetSpec({ ports: [{ portalGroupTag: 1, relativePortId: 1, maps }] })
  for (const session of target.sessions) session.mapsChanged()
  for (const model of models) {
    const map = maps.find(({ initiatorGroup }) => initiatorGroup === model.group)
    if (map !== undefined) Object.assign(model, { luns: map.luns, readOnly: map.readOnly })
  }
}

/** As the reactor does it: adds a LUN that is not there, or drains or removes one. */
const changeLun = (dice: Dice, target: Target, units: Array<LogicalUnit>): void => {
  const lun = dice.pick(lunIds)
  const mapping = target.luns[lun]
  if (mapping === undefined) {
    const unit = unitOf(ramDisk(8))
    units.push(unit)
    target.luns[lun] = new LunMapping(lun, units.length, unit)
  } else {
    mapping.active = false
    if (dice.roll(2) === 0) return
    target.luns[lun] = undefined
    for (const session of target.sessions) session.path(lun)
  }
  for (const session of target.sessions) session.lunInventoryChanged(lun)
}

const check = ({ luns, readOnly, session }: Model, target: Target): void => {
  const seen = lunIds.filter((lun) => target.luns[lun]?.active === true && (luns?.includes(lun) ?? true))
  assert.deepStrictEqual(session.reportLuns(), seen)
  for (const lun of lunIds) {
    const path = session.path(lun)
    assert.strictEqual(path !== undefined, seen.includes(lun), `LUN ${lun}`)
    if (path === undefined) continue
    assert.strictEqual(path.mapping, target.luns[lun])
    assert.strictEqual(path.nexus.writeProtected, readOnly)
  }
}

describe("what a session sees", () => {
  it("is what its map shows of the LUNs that are there, and leaves nothing behind", () => {
    const dice = diceOf(11)
    for (let round = 0; round < 30; round++) {
      const node = new TestNode()
      const target = addTarget(node, {})
      const parameters = loggedIn(node, {}, []).connection.session?.parameters ?? assert.fail()
      const port = target.spec.ports[0] ?? assert.fail()
      const units: Array<LogicalUnit> = []
      const models = groups.map((group): Model => {
        const identity = { initiatorName: "iqn.a", isid: "800000000001", target, port, initiatorGroup: group }
        const session = new Session(group + 1, identity, parameters, 1)
        target.sessions.add(session)
        return { session, group, luns: undefined, readOnly: false }
      })
      for (let step = 0; step < 40; step++) {
        if (dice.roll(3) === 0) changeMaps(dice, target, models)
        else changeLun(dice, target, units)
        // Not every session uses its LUNs between two changes.
        for (const model of models) if (dice.roll(2) === 0) check(model, target)
      }
      for (const model of models) check(model, target)
      for (const { session } of models) session.end()
      assert.isTrue(units.every(({ nexusCount }) => nexusCount === 0))
    }
  })
})
