/** Many tests on many kinds of LUN, side by side on several servers. */
import type { LoginName, LunKind } from "./lun-kinds.ts"
import { TestBench, type TestOutcome } from "./TestBench.ts"

/** A test of `iscsi-test-cu` (`Suite.Test`) on a kind of LUN. */
export interface PlannedTest {
  readonly test: string
  readonly kind: LunKind
}

/** Some tests wait for seconds: more servers than cores keep both busy. */
const servers = 4

/** Runs all of `plan`, in no order; the outcomes are in the plan's. The servers are started with `serverArguments`. */
export const runConformance = async (
  plan: ReadonlyArray<PlannedTest>,
  login: LoginName,
  told: (outcome: TestOutcome) => void = () => {},
  serverArguments: ReadonlyArray<string> = []
): Promise<ReadonlyArray<TestOutcome>> => {
  const outcomes = new Map<PlannedTest, TestOutcome>()
  let next = 0
  const worker = async (): Promise<void> => {
    await using bench = await TestBench.start(login, serverArguments)
    for (let planned = plan[next++]; planned !== undefined; planned = plan[next++]) {
      const outcome = await bench.run(planned.test, planned.kind)
      outcomes.set(planned, outcome)
      told(outcome)
    }
  }
  await Promise.all(Array.from({ length: Math.min(servers, plan.length) }, worker))
  return plan.flatMap((planned) => outcomes.get(planned) ?? [])
}
