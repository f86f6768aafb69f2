/** Unit attentions of an I_T_L nexus (SAM-5 5.14): who gets them, in which order, and which make others needless. */
import { assert, describe, it } from "vitest"
import { LogicalUnit } from "../../../src/dataplane/scsi/LogicalUnit.ts"
import type { Nexus } from "../../../src/dataplane/scsi/Nexus.ts"
import { SenseCode } from "../../../src/dataplane/scsi/sense-codes.ts"
import { nullDisk, unitOptions } from "./scsi-fixture.ts"

const unit = (contentLost = false) => new LogicalUnit(nullDisk(8), { ...unitOptions, contentLost })

/** All that is pending, in the order in which it is told. */
const told = (nexus: Nexus): ReadonlyArray<string> => {
  const codes: Array<string> = []
  while (nexus.hasUnitAttention) codes.push(nexus.take(true).toString(16))
  return codes
}

describe("a new nexus", () => {
  it("is told of a power on", () => {
    assert.deepStrictEqual(told(unit().attach()), ["2900"])
  })

  it("is told that the medium may have changed, if a restart has emptied the disk", () => {
    assert.deepStrictEqual(told(unit(true).attach()), ["2900", "2800"])
  })
})

describe("that the medium may have changed", () => {
  it("waits for a command that uses the medium", () => {
    const nexus = unit(true).attach()
    assert.strictEqual(nexus.take(false), SenseCode.powerOnResetOrBusDeviceReset)
    assert.strictEqual(nexus.take(false), SenseCode.none)
    assert.strictEqual(nexus.take(true), SenseCode.notReadyToReadyChange)
    assert.isFalse(nexus.hasUnitAttention)
  })

  it("does not hold up what comes after it", () => {
    const nexus = unit(true).attach()
    nexus.establish(SenseCode.capacityDataHasChanged)
    const codes = [false, false, false, true].map((usesMedium) => nexus.take(usesMedium).toString(16))
    assert.deepStrictEqual(codes, ["2900", "2a09", "0", "2800"])
  })
})

describe("a nexus", () => {
  const quiet = () => {
    const nexus = unit().attach()
    told(nexus)
    return nexus
  }

  it("has nothing to tell when nothing is pending", () => {
    assert.isFalse(quiet().hasUnitAttention)
    assert.strictEqual(quiet().take(true), SenseCode.none)
  })

  it("is told a condition once, however often it arose", () => {
    const nexus = quiet()
    nexus.establish(SenseCode.capacityDataHasChanged)
    nexus.establish(SenseCode.capacityDataHasChanged)
    assert.deepStrictEqual(told(nexus), ["2a09"])
  })

  it("is told resets first, in whatever order things happened", () => {
    const nexus = quiet()
    nexus.establish(SenseCode.reportedLunsDataHasChanged)
    nexus.establish(SenseCode.capacityDataHasChanged)
    nexus.establish(SenseCode.busDeviceResetFunctionOccurred)
    assert.deepStrictEqual(told(nexus), ["2903", "2a09", "3f0e"])
  })

  it("keeps only the reset of highest precedence", () => {
    const nexus = quiet()
    nexus.establish(SenseCode.itNexusLossOccurred)
    nexus.establish(SenseCode.busDeviceResetFunctionOccurred)
    nexus.establish(SenseCode.powerOnResetOrBusDeviceReset)
    nexus.establish(SenseCode.busDeviceResetFunctionOccurred)
    assert.deepStrictEqual(told(nexus), ["2900"])
  })

  it("forgets what it has learnt in another way", () => {
    const nexus = quiet()
    nexus.establish(SenseCode.reportedLunsDataHasChanged)
    nexus.establish(SenseCode.capacityDataHasChanged)
    nexus.clear(SenseCode.reportedLunsDataHasChanged)
    nexus.clear(SenseCode.reportedLunsDataHasChanged)
    assert.deepStrictEqual(told(nexus), ["2a09"])
  })

  it("does not take a sense code that is no unit attention", () => {
    const nexus = quiet()
    nexus.establish(SenseCode.invalidFieldInCdb)
    assert.isFalse(nexus.hasUnitAttention)
  })
})

describe("a unit", () => {
  it("tells every nexus but the one that caused it, and none that has gone", () => {
    const disk = unit()
    const [first, second, third] = [disk.attach(), disk.attach(), disk.attach()]
    for (const nexus of [first, second, third]) told(nexus)
    third.detach()
    disk.establishUnitAttention(SenseCode.busDeviceResetFunctionOccurred, first)
    assert.deepStrictEqual(
      [first, second, third].map((nexus) => told(nexus)),
      [[], ["2903"], []]
    )
    assert.strictEqual(disk.nexusCount, 2)
  })
})
