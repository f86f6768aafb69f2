/** Latencies are counted by what a command does, in the bucket whose bound they do not exceed. */
import { assert, describe, it } from "vitest"
import { CommandLatencies } from "../../../src/dataplane/iscsi/CommandLatencies.ts"
import { latencyBoundsMillis } from "../../../src/domain/latency-classes.ts"

describe("latencies of commands", () => {
  it("are counted up to and with each bound, and beyond the last", () => {
    const latencies = new CommandLatencies()
    for (const bound of latencyBoundsMillis) latencies.count(0x28, bound)
    latencies.count(0x28, 0)
    latencies.count(0x28, 10_001)
    const [reads, ...others] = latencies.report()
    assert.deepStrictEqual(reads?.counts, [2, ...latencyBoundsMillis.slice(1).map(() => 1), 1])
    assert.approximately(
      reads?.sumMillis ?? 0,
      latencyBoundsMillis.reduce((sum, one) => sum + one, 10_001),
      1e-6
    )
    assert.deepStrictEqual(others, [])
  })

  it("are of one class for all forms of a command, and of another for all that has none", () => {
    const latencies = new CommandLatencies()
    const opcodes = [0x08, 0x28, 0xa8, 0x88, 0x0a, 0x2a, 0xaa, 0x8a, 0x9c, 0x35, 0x91, 0x42, 0x89, 0x00, 0x12, 0xff]
    for (const opcode of opcodes) latencies.count(opcode, 1)
    const counted = latencies.report().map(({ counts, name }) => [name, counts.reduce((sum, count) => sum + count, 0)])
    assert.deepStrictEqual(Object.fromEntries(counted), {
      READ: 4,
      WRITE: 5,
      "SYNCHRONIZE CACHE": 2,
      UNMAP: 1,
      "COMPARE AND WRITE": 1,
      other: 3
    })
  })

  it("of a target that nobody uses are nothing", () => {
    assert.deepStrictEqual(new CommandLatencies().report(), [])
  })
})
