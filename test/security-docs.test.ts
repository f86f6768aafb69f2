/** docs/security.md names a test for each threat: they are there, by these titles, and the limits are as it says. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import {
  chapFailuresBurst,
  chapFailuresPerSecond,
  connectionsDefault,
  connectionsPerAddressDefault,
  discoveryIdleTimeoutMillis,
  loginsPerSecondDefault,
  loginTimeoutMillis
} from "../src/dataplane/limits.ts"
import { projectDirectory } from "./support/target-process.ts"

const read = (path: string): string => readFileSync(join(projectDirectory, path), "utf8")
const page = read("docs/security.md")
const advisories = "test/interop/peer-advisories.test.ts"

/** Titles as the page has them, each with its file: the one before it in its cell, or that of the advisories. */
const namedTests = (): ReadonlyArray<readonly [file: string, title: string]> =>
  page
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .flatMap((line) => {
      let file = advisories
      return [...line.matchAll(/`(test\/[^`]+\.test\.ts)`|"([^"]+)"/g)].flatMap(([, path, title]) => {
        if (path !== undefined) file = path
        return title === undefined ? [] : [[file, title] as const]
      })
    })

describe("docs/security.md", () => {
  it("names tests that are there", () => {
    assert.isAbove(namedTests().length, 50)
    for (const [file, title] of namedTests()) {
      assert.isTrue(existsSync(join(projectDirectory, file)), file)
      assert.include(read(file), title, file)
    }
    for (const [, file] of page.matchAll(/`(test\/[^`]+)`/g))
      assert.isTrue(existsSync(join(projectDirectory, file ?? "")))
  })

  it("has a test in every row of a threat", () => {
    const rows = (page.split("## Threats")[1] ?? "").split("## What is not")[0]?.split("\n") ?? []
    for (const row of rows.filter((line) => /^\| (?!threat|---)/.test(line))) assert.match(row, /`test\/.*"/)
  })

  it("has the limits as they are", () => {
    const says = [
      `${connectionsDefault.toLocaleString("en")} in all, ${connectionsPerAddressDefault} of one address`,
      `${loginsPerSecondDefault} a second of one address`,
      `${chapFailuresBurst} wrong responses of one address, then ${chapFailuresPerSecond === 1 ? "one" : "?"} a second`,
      `${loginTimeoutMillis / 1000} s for a login, ${discoveryIdleTimeoutMillis / 1000} s for a silent discovery`
    ]
    for (const text of says) assert.include(page, text)
    const cli = read("docs/cli.md")
    assert.match(cli, new RegExp(`--connections-per-address N.* ${connectionsPerAddressDefault} `))
    assert.match(cli, new RegExp(`--logins-per-second N.* ${loginsPerSecondDefault} `))
  })
})
