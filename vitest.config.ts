import { defineConfig } from "vitest/config"

/**
 * Suites are folders by cost: `test/interop` needs real initiators, `test/long` needs hours and is only run by
 * `npm run test:long`, `test/bench` holds no tests; all else mirrors the source tree.
 */
const long = process.env["LUNLOG_TEST_LONG"] === "1"

export default defineConfig({
  test: {
    include: long ? ["test/long/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: long ? [] : ["test/long/**"],
    testTimeout: long ? 2 * 3600_000 : 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2
  }
})
