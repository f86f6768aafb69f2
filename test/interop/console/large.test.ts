/** A target with 10,000 LUNs in the console: what is in the page, and what a second costs, does not grow with them. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { assert, it } from "vitest"
import { largeConfig } from "../../bench/config.ts"
import { startBrowser } from "../../support/browser/Browser.ts"
import { startConsoleTarget } from "../../support/browser/ConsoleTarget.ts"
import { elementCount } from "../../support/browser/page-cost.ts"
import { describeWithTools } from "../../support/requires-tool.ts"
import { freePort, makeDirectory, removeDirectory } from "../../support/target-process.ts"
import { until } from "../../support/until.ts"

const [targets, lunsOfTarget] = [100, 100]
/** A page with a full screen of rows has some 500. */
const elementsMax = 2000
const answerBytesMax = 64 * 1024
const waitMillis = 60_000

/** Sizes of the answers to what is asked each second, from now on. What there is, is asked for less often. */
const answerSizes = (page: Page): ReadonlyArray<number> => {
  const sizes: Array<number> = []
  page.on("requestfinished", (request) => {
    if (!/^\[\{[^{}]*"lunlog_get_statistics"[^{}]*\{[^{}]*\}\}\]$/u.test(request.postData() ?? "")) return
    void request.sizes().then(({ responseBodySize }) => sizes.push(responseBodySize))
  })
  return sizes
}

describeWithTools(["chromium"], "10,000 LUNs in the web console", () => {
  it("are counted, scrolled, sorted and filtered in a page that stays small", { timeout: 180_000 }, async () => {
    const directory = makeDirectory("console")
    try {
      const configFile = join(directory, "large.yaml")
      writeFileSync(configFile, largeConfig(await freePort(), targets, lunsOfTarget))
      await using target = await startConsoleTarget({ directory, configFile, readyMillis: 120_000 })
      await using browser = await startBrowser()
      await browser.visit(target.url, async ({ page }) => {
        page.setDefaultTimeout(waitMillis)
        const goTo = (name: string) =>
          page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true }).click()
        const staysSmall = async (where: string) => assert.isBelow(await elementCount(page), elementsMax, where)
        await page.getByRole("link", { name: /^10,000 LUNs$/u }).waitFor()
        await staysSmall("overview")

        const sizes = answerSizes(page)
        await until("some seconds have passed", () => sizes.length >= 6)
        assert.isBelow(Math.max(...sizes), answerBytesMax, `answers of ${sizes.join(", ")} bytes`)

        await goTo("LUNs")
        const table = page.getByRole("table", { name: "LUNs" })
        await page.getByRole("status").filter({ hasText: "10,000 LUNs" }).waitFor()
        assert.strictEqual(await table.getAttribute("aria-rowcount"), "10001")
        await staysSmall("LUNs")
        await page.getByRole("region", { name: "LUNs table" }).press("End")
        await table.getByRole("link", { name: "t99 · 99" }).waitFor()
        await staysSmall("LUNs, at their end")
        await page.getByRole("searchbox").fill("N42_7")
        await page.getByRole("status").filter({ hasText: "11 of 10,000 LUNs" }).waitFor()
        await table.getByRole("link", { name: "t42 · 77" }).waitFor()
        assert.strictEqual(await table.getByRole("row").count(), 12)

        for (const name of ["Disks", "Topology", "Log"]) {
          await goTo(name)
          await page.getByRole("heading", { level: 1 }).waitFor()
          await page.getByRole("row").or(page.getByRole("treeitem")).nth(5).waitFor()
          await staysSmall(name)
        }
      })
    } finally {
      removeDirectory(directory)
    }
  })
})
