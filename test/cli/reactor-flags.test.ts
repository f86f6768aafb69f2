/** `-m`, `--workers` and `--reactor`: which threads they come to, and how they are refused. */
import { Effect, Exit, Option } from "effect"
import { assert, describe, it } from "vitest"
import { coresText, parseCpuMask } from "../../src/cli/serve/cpu-mask.ts"
import { type Cores, planReactors, type ReactorPlan } from "../../src/cli/serve/reactor-flags.ts"

describe("a mask of cores", () => {
  it.each([
    ["0x1", [0]],
    ["1", [0]],
    ["0x3", [0, 1]],
    ["0XF000000", [24, 25, 26, 27]],
    ["10", [4]],
    ["0x00a", [1, 3]],
    [" 0x5 ", [0, 2]],
    ["[0,1]", [0, 1]],
    ["[0-3,5]", [0, 1, 2, 3, 5]],
    ["[ 5 , 0 - 1 ]", [0, 1, 5]],
    ["[2,2,1-2]", [1, 2]],
    ["[1023]", [1023]]
  ])("%s names cores", (text, cores) => {
    assert.deepEqual(parseCpuMask(text), cores)
  })

  it.each([
    ["", /names no core/],
    ["0x", /names no core/],
    ["0", /names no core/],
    ["0xZ", /"Z" is no hexadecimal digit/],
    ["0,1", /"," is no hexadecimal digit/],
    ["-1", /"-" is no hexadecimal digit/],
    ["[0,1", /has no end/],
    ["[]", /neither a core nor a range/],
    ["[0,]", /neither a core nor a range/],
    ["[-1]", /neither a core nor a range/],
    ["[0x1]", /"0x1" is neither a core nor a range/],
    ["[3-1]", /3-1 is no range/],
    ["[1024]", /core 1024 is out of range/],
    [`1${"0".repeat(256)}`, /core 1024 is out of range/],
    ["[99999999999]", /neither a core nor a range/]
  ])("%j is refused", (text, problem) => {
    const found = parseCpuMask(text)
    assert("problem" in found, `${text} was taken as ${JSON.stringify(found)}`)
    assert.match(found.problem, problem)
  })

  it("is shown with ranges", () => {
    assert.strictEqual(coresText([0, 1, 2, 5, 7, 8]), "0-2,5,7-8")
    assert.strictEqual(coresText([3]), "3")
  })
})

interface Given {
  readonly reactor?: "main" | "worker"
  readonly workers?: number
  readonly cpumask?: string
}

const four: Cores = { available: [0, 1, 2, 3], problem: undefined }
const bare: Cores = { available: [0, 1], problem: "the package koffi cannot be loaded" }

const planned = ({ cpumask, reactor, workers }: Given, cores: () => Cores = () => four) =>
  Effect.runSyncExit(
    planReactors(
      {
        reactor: Option.fromUndefinedOr(reactor),
        workers: Option.fromUndefinedOr(workers),
        cpumask: Option.fromUndefinedOr(cpumask)
      },
      cores
    )
  )

const refusal = (given: Given, cores = four): string => {
  const exit = planned(given, () => cores)
  assert(Exit.isFailure(exit))
  const [reason] = exit.cause.reasons
  assert(reason?._tag === "Fail")
  return reason.error.message
}

describe("the plan", () => {
  it.each<[Given, ReactorPlan]>([
    [{ cpumask: "0x1" }, { reactor: "main", workers: 0, cores: [0] }],
    [{ cpumask: "[1-3]" }, { reactor: "main", workers: 3, cores: [1, 2, 3] }],
    [{ workers: 1 }, { reactor: "main", workers: 1 }],
    [{ workers: 64 }, { reactor: "main", workers: 64 }]
  ])("of %j", (given, plan) => {
    assert.deepEqual(planned(given), Exit.succeed(plan))
  })

  it.each<[Given, ReactorPlan]>([
    [{}, { reactor: "main", workers: 0 }],
    [{ workers: 0 }, { reactor: "main", workers: 0 }],
    [{ reactor: "worker" }, { reactor: "worker", workers: 0 }]
  ])("of %j needs nothing of the machine", (given, plan) => {
    const unasked = (): Cores => assert.fail("the cores were asked for")
    assert.deepEqual(planned(given, unasked), Exit.succeed(plan))
  })

  it("refuses cores that are not there, by name and with those that are", () => {
    assert.match(refusal({ cpumask: "0x30" }), /^-m 0x30: lcores 4-5 unavailable; .* part of 0-3$/)
    assert.match(refusal({ cpumask: "[0,9]" }), /^-m \[0,9\]: lcore 9 unavailable/)
    assert.match(refusal({ cpumask: "0xG" }), /^-m 0xG: "G" is no hexadecimal digit/)
  })

  it("refuses what contradicts itself", () => {
    assert.match(refusal({ cpumask: "0x1", workers: 2 }), /-m and --workers/)
    assert.match(refusal({ reactor: "worker", workers: 2 }), /--reactor worker .*--workers/)
    assert.match(refusal({ reactor: "worker", cpumask: "0x3" }), /--reactor worker .*-m/)
  })

  it("refuses several threads where connections cannot be handed over, naming the package", () => {
    assert.match(refusal({ workers: 2 }, bare), /^--workers 2: .*package koffi.*optional packages/)
    assert.match(refusal({ cpumask: "0x3" }, bare), /^-m 0x3: .*package koffi/)
    assert.deepEqual(
      planned({ cpumask: "0x1" }, () => bare),
      Exit.succeed({ reactor: "main", workers: 0 })
    )
  })
})
