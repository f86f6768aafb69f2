/**
 * Suites that need tools from outside: skipped with the reason in their name when one is missing, failing instead when
 * `LUNLOG_REQUIRE_INTEROP=1` says that everything must be there, as in CI.
 *
 * `tools.json` says which Debian package brings which tool; `npm test` installs them when it may.
 */
import { accessSync, constants, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"

/** The pseudo-tool for QEMU's iscsi block driver, a plug-in without a command of its own. */
export const qemuIscsiDriver = "qemu's iscsi driver"

/** Debian keeps administration commands outside a user's PATH; `npm test` unpacks some tools into `.cache`. */
const searchPath = [
  process.env["PATH"] ?? "",
  "/usr/local/sbin:/usr/sbin:/sbin",
  join(import.meta.dirname, "../../.cache/tgt/usr/sbin"),
  join(import.meta.dirname, "../../.cache/prometheus/usr/bin")
].join(":")

const blockDriverPaths = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map(
  (triplet) => `/usr/lib/${triplet}/qemu/block-iscsi.so`
)

const isPackageTable = (value: unknown): value is Record<string, string> =>
  typeof value === "object" && value !== null && Object.values(value).every((name) => typeof name === "string")

const packages = ((): Record<string, string> => {
  const table: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "tools.json"), "utf8"))
  assert(isPackageTable(table), "tools.json maps tools to Debian packages")
  return { ...table, [qemuIscsiDriver]: "qemu-block-extra", tgtd: "tgt", tgtadm: "tgt", promtool: "prometheus" }
})()

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Where `tool` is, or undefined when it is not installed. */
export const findTool = (tool: string): string | undefined =>
  tool === qemuIscsiDriver
    ? blockDriverPaths.find((path) => existsSync(path))
    : searchPath
        .split(":")
        .map((folder) => join(folder, tool))
        .find(isExecutable)

/** Why a suite that needs `tools` cannot run here and what would help, or undefined when all are there. */
export const missingTools = (tools: ReadonlyArray<string>): string | undefined => {
  const missing = tools.filter((tool) => findTool(tool) === undefined)
  if (missing.length === 0) return undefined
  const wanted = new Set(missing.map((tool) => packages[tool] ?? tool))
  return `needs ${missing.join(", ")}: apt-get install ${[...wanted].join(" ")}`
}

/** `describe` for a suite that needs `tools`. */
export const describeWithTools = (tools: ReadonlyArray<string>, name: string, suite: () => void): void => {
  const missing = missingTools(tools)
  if (missing === undefined) {
    describe(name, suite)
  } else if (process.env["LUNLOG_REQUIRE_INTEROP"] === "1") {
    describe(name, () => {
      it("has the tools it needs", () => assert.fail(missing))
    })
  } else {
    describe.skip(`${name} (skipped: it ${missing})`, suite)
  }
}
