/** The filters of the log's page, in its address, in calls and as a command line. */
import { assert, describe, it } from "vitest"
import {
  everyRecord,
  isEverything,
  type LogQuery,
  paramsOf,
  queryOf,
  searchOf,
  shellWord,
  tailCommand,
  withCondition,
  withoutCondition
} from "../../src/console/time/model/LogQuery.ts"

const all: LogQuery = {
  type: ["Lun*", "Bdev?reated"],
  object: ["lun:iqn.2016-06.io.spdk:disk1:2"],
  initiator: ["iqn.2026-01.org.example:db01"],
  cause: ["#17", "bdev_malloc_delete"],
  grep: ["medium error & more"],
  kind: "observation",
  errors: true,
  since: "-100",
  until: "2026-11-22T14:03:00.000Z"
}

describe("a query", () => {
  it("comes back from its address as it was", () => {
    for (const query of [everyRecord, all]) {
      assert.deepStrictEqual(queryOf(new URLSearchParams(searchOf(query).toString())), query)
    }
    assert.isTrue(isEverything(everyRecord))
    assert.isFalse(isEverything(all))
  })

  it("leaves out of a hostile address what the target would refuse", () => {
    const pairs: Array<[string, string]> = [
      ...Array.from({ length: 100 }, (_, index): [string, string] => ["type", `T${index}`]),
      ["object", "x".repeat(513)],
      ["object", " "],
      ["kind", "everything"],
      ["errors", "yes"],
      ["since", "y".repeat(65)]
    ]
    const query = queryOf(new URLSearchParams(pairs))
    assert.deepStrictEqual({ ...query, type: query.type.length }, { ...everyRecord, type: 32 })
  })

  it("is the parameters of the methods, without what asks nothing", () => {
    assert.deepStrictEqual(paramsOf(everyRecord), {})
    const { kind: _kind, ...rest } = all
    assert.deepStrictEqual(paramsOf(all), { ...rest, kind: "observation", since: -100 })
  })

  it("gains and loses single conditions", () => {
    const with1 = withCondition(everyRecord, "object", " disk1 ")
    assert.deepStrictEqual(with1.object, ["disk1"])
    assert.strictEqual(withCondition(with1, "object", "disk1"), with1)
    assert.strictEqual(withCondition(with1, "type", " "), with1)
    assert.deepStrictEqual(withoutCondition(with1, "object", "disk1"), everyRecord)
  })

  it("is a command line that a shell takes as it is meant", () => {
    assert.strictEqual(tailCommand(everyRecord), "lunlog log tail")
    assert.strictEqual(
      tailCommand(all),
      "lunlog log tail --type 'Lun*' --type 'Bdev?reated' --object lun:iqn.2016-06.io.spdk:disk1:2 " +
        "--initiator iqn.2026-01.org.example:db01 --cause '#17' --cause bdev_malloc_delete " +
        "--grep 'medium error & more' --kind observation --errors --since -100 --until 2026-11-22T14:03:00.000Z"
    )
    assert.strictEqual(shellWord("it's"), "'it'\\''s'")
  })
})
