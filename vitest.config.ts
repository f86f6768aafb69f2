import { defineConfig } from "vitest/config"

/** Suites are folders by cost: `unit` mirrors the tree; `interop`, `crash` and `long` need real clients, time, or both. */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/long/**"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2
  }
})
