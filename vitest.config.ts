import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

/**
 * Suites are folders by cost: `test/interop` needs real initiators, `test/long` needs hours and is only run by
 * `npm run test:long`, `test/bench` only shows that benchmarks run; all else mirrors the source tree.
 */
const long = process.env["LUNLOG_TEST_LONG"] === "1"

/** Files that take longest, the longest first: begun last, one of them would run alone at the end. */
const slowest = [
  "interop/linux-vm",
  "interop/hot-removal",
  "interop/crash",
  "conformance/conformance",
  "eventlog/damage",
  "eventlog/full-disk"
]

const rank = (file: TestSpecification): number => {
  const index = slowest.findIndex((name) => file.moduleId.includes(name))
  return index < 0 ? slowest.length : index
}

class SlowestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: long ? ["test/long/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: long ? [] : ["test/long/**"],
    // For what hangs: on one busy core, with a disk that takes 25 ms to sync, sound tests have needed more than 60 s.
    testTimeout: long ? 2 * 3600_000 : 180_000,
    hookTimeout: 180_000,
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: SlowestFirst }
  }
})
