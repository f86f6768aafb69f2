/** Advisories of the npm registry for packages of package-lock.json: those that are installed with lunlog, and all. */
import { assert, describe, it } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { projectDirectory } from "../support/target-process.ts"

const auditMillis = 120_000

/** What `npm audit --json` says: how many advisories of each severity, or why there is no answer. */
const audit = async (...args: ReadonlyArray<string>): Promise<Record<string, unknown>> => {
  const command = { command: "npm", args: ["audit", "--json", ...args], directory: projectDirectory }
  const { stdout } = await runCommand(command, auditMillis)
  return Object(JSON.parse(stdout))
}

describe("npm audit", () => {
  it.for([
    ["of what is installed with lunlog", ["--omit=dev"]],
    ["of all that it is made with", []]
  ] as const)("%s has nothing to say", { timeout: 2 * auditMillis }, async ([, args], context) => {
    const { error, metadata } = await audit(...args)
    if (error !== undefined) return context.skip(`the registry does not answer audits: ${JSON.stringify(error)}`)
    assert.strictEqual(Object(metadata).vulnerabilities.total, 0)
  })
})
