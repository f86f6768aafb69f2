/** The event log in the console: filters, one record with what it came of, and the slider back to any moment. */
import type { Page } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import { type Browser, startBrowser } from "../../support/browser/Browser.ts"
import { type Site, siteNames, startSite } from "../../support/browser/site.ts"
import { mallocParams } from "../../support/initiator/lunlog.ts"
import { describeWithTools } from "../../support/requires-tool.ts"
import { until } from "../../support/until.ts"

const { backup } = siteNames

/** The record of the newest event of a type, as `lunlog log tail` has it. */
const seqOf = async (site: Site, type: string): Promise<number> => {
  const { records } = Object(await site.call("eventlog_tail", { type: [type], count: 1 }))
  return Number(records[0].seq)
}

const openLog = async (page: Page): Promise<void> => {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Log", exact: true }).click()
  await page.getByRole("heading", { level: 1, name: "Event log" }).waitFor()
}

describeWithTools(["chromium"], "the event log in the web console", () => {
  let browser: Browser
  let site: Site
  let added = 0
  let limited = 0
  let removed = 0

  beforeAll(async () => {
    site = await startSite()
    await site.call("bdev_malloc_create", mallocParams("spare", 1))
    await site.call("iscsi_target_node_add_lun", { name: backup, bdev_name: "spare", lun_id: 3 })
    added = await seqOf(site, "LunAdded")
    await site.call("bdev_set_qos_limit", { name: "tables", rw_ios_per_sec: 5000 })
    limited = await seqOf(site, "BdevQosSet")
    await site.call("iscsi_target_node_remove_lun", { name: backup, lun_id: 3 })
    removed = await seqOf(site, "LunRemoved")
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser[Symbol.asyncDispose]()
    await site[Symbol.asyncDispose]()
  })

  it("shows records newest first, goes on with new ones, and keeps its filters in its address", async () => {
    await browser.visit(site.url, async ({ page }) => {
      await openLog(page)
      const rows = page.getByRole("table", { name: "Records" }).getByRole("row")
      await rows.filter({ hasText: "was added: bdev spare" }).waitFor()
      await site.call("bdev_malloc_create", mallocParams("later", 1))
      await rows.filter({ hasText: "bdev later was created" }).waitFor()
      await page.getByRole("textbox", { name: "Object", exact: true }).fill("backup:3")
      await page.getByRole("button", { name: "Add", exact: true }).click()
      await rows.filter({ hasText: "bdev tables" }).first().waitFor({ state: "detached" })
      await rows.filter({ hasText: "was added: bdev spare" }).waitFor()
      assert.match(page.url(), /object=/u)
      const filtered = await rows.allInnerTexts()
      await page.reload()
      await rows.filter({ hasText: "was added: bdev spare" }).waitFor()
      await until("the same records", async () => (await rows.count()) === filtered.length)
      await page
        .getByRole("button", { name: /^Remove/u })
        .first()
        .click()
      await rows.filter({ hasText: "bdev later was created" }).waitFor()
    })
  })

  it("tells everything of one record: who asked for it, what led to it, what came of it", async () => {
    await browser.visit(site.url, async ({ page }) => {
      await openLog(page)
      await page.getByRole("link", { name: `Record ${removed}`, exact: true }).click()
      const main = page.getByRole("main")
      await page.getByRole("heading", { level: 1, name: `Record ${removed}` }).waitFor()
      await main
        .getByText(/LUN 3 of \S+ is gone/u)
        .first()
        .waitFor()
      await main
        .getByText(/began to drain/u)
        .first()
        .waitFor()
      await main
        .getByText(/was added: bdev spare/u)
        .first()
        .waitFor()
      await main.getByText(`lunlog log show ${removed}`).first().waitFor()
      assert.strictEqual(await page.getByRole("alert").count(), 0)
    })
  })

  it("slides back to what there was, says what differs from now, and returns", async () => {
    await browser.visit(site.url, async ({ page }) => {
      await openLog(page)
      const moment = page.getByRole("region", { name: "The moment" })
      assert.strictEqual(await moment.count(), 0)
      const slider = page.getByRole("slider", { name: "Moment" })
      const heading = (seq: number) => moment.getByRole("heading", { name: `As of record ${seq}` })
      await slider.focus()
      for (let presses = 0; presses < 20 && (await heading(limited).count()) === 0; presses++) {
        const before = await slider.getAttribute("aria-valuetext")
        await slider.press("ArrowLeft")
        await until("the slider has moved", async () => (await slider.getAttribute("aria-valuetext")) !== before)
        await moment.getByRole("heading", { name: /^As of record/u }).waitFor()
        await until("it is there", async () => (await moment.getAttribute("aria-busy")) === "false")
      }
      await heading(limited).waitFor()
      // The limits were set by then, and the LUN was still there.
      const gone = moment.getByRole("listitem").filter({ has: page.getByRole("img", { name: "gone" }) })
      await gone
        .filter({ hasText: /LUN 3:\s*spare/u })
        .first()
        .waitFor()
      assert.strictEqual(await moment.getByRole("listitem").filter({ hasText: "tables" }).count(), 0)
      await moment.getByRole("tab", { name: "All objects" }).click()
      await moment.getByText(/spare/u).first().waitFor()
      await page.goto(`${site.page}#/log?at=${added}`)
      await heading(added).waitFor()
      await moment.getByRole("tab", { name: "What differs" }).click()
      const limits = moment.getByRole("listitem").filter({ hasText: "tables" }).first()
      await limits.getByText("5000").first().waitFor()
      await page.getByRole("button", { name: "Back to now" }).click()
      await moment.waitFor({ state: "detached" })
    })
  })
})
