/** What happens at the target while somebody looks: IO, LUNs that come and go, drains, disks that are lost. */
import { truncateSync, unlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import { type Browser, startBrowser } from "../../support/browser/Browser.ts"
import { startPacedLoad } from "../../support/browser/paced-load.ts"
import { type Hosts, type Site, siteNames, startSite } from "../../support/browser/site.ts"
import { numberIn, tableCell } from "../../support/browser/table-cell.ts"
import { cdb, clearUnitAttentions } from "../../support/initiator/commands.ts"
import { mallocParams } from "../../support/initiator/lunlog.ts"
import { describeWithTools } from "../../support/requires-tool.ts"
import { connectRpc } from "../../support/rpc-client.ts"
import { until } from "../../support/until.ts"

const { backup, database, databaseHost } = siteNames

const goTo = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name }).click()

describeWithTools(["chromium"], "the web console while things happen", () => {
  let browser: Browser
  let site: Site
  let hosts: Hosts
  const statistics = () => site.call("lunlog_get_statistics")

  beforeAll(async () => {
    site = await startSite({ allowChanges: true })
    hosts = await site.logIn()
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser[Symbol.asyncDispose]()
    await site[Symbol.asyncDispose]()
  })

  it("shows IO at its LUN and its session, and its end", async () => {
    await browser.visit(site.url, async ({ page }) => {
      const table = page.getByRole("table")
      const load = startPacedLoad({ session: hosts.database, lun: 0, rate: () => 200, ioBytes: 8192 })
      const shown = async (row: RegExp) => numberIn(await tableCell(table, row, "IOPS"))
      await goTo(page, "LUNs")
      await until("the LUN has IO", async () => ((await shown(/tables/u)) ?? 0) > 20)
      assert.isUndefined(await shown(/EE_journal/u), "a LUN without IO")
      await goTo(page, "Sessions")
      await until("the session has IO", async () => ((await shown(/db01/u)) ?? 0) > 20)
      await table.getByRole("link", { name: databaseHost }).click()
      await page.getByRole("img", { name: /^IOPS over .*Read now [1-9]/u }).waitFor()
      await load.stop()
      await page.getByRole("img", { name: /^IOPS over .*Read now 0,.*Write now 0,/u }).waitFor()
      await goTo(page, "LUNs")
      await until("the LUN has no IO any more", async () => (await shown(/tables/u)) === undefined)
    })
  })

  it("shows a LUN that is added by RPC, without being opened again, and one that is removed", async () => {
    await browser.visit(`${site.url}`, async ({ page }) => {
      await goTo(page, "LUNs")
      const table = page.getByRole("table")
      await table.getByRole("row", { name: /EE_archive/u }).waitFor()
      await site.call("bdev_malloc_create", mallocParams("scratch", 3))
      await site.call("iscsi_target_node_add_lun", { name: backup, bdev_name: "scratch", lun_id: 5 })
      await table.getByRole("link", { name: "backup · 5" }).click()
      await page.getByText("3.0 MiB").or(page.getByText("3 MiB")).first().waitFor()
      await site.call("bdev_malloc_delete", { name: "scratch" })
      await page.getByText("This LUN is not there now").waitFor()
    })
  })

  it("names a disk that is lost before anything else", async () => {
    await browser.visit(site.url, async ({ page }) => {
      const problems = page.getByRole("region", { name: "Problems" })
      await problems.getByText("None").waitFor()
      const filename = join(site.process.directory, "pulled.img")
      writeFileSync(filename, "")
      truncateSync(filename, 1024 * 1024)
      await site.call("bdev_aio_create", { name: "pulled", filename, block_size: 512, removable: true })
      await site.call("iscsi_target_node_add_lun", { name: database, bdev_name: "pulled", lun_id: 9 })
      unlinkSync(filename)
      await problems
        .getByText(/pulled/u)
        .first()
        .waitFor()
      const [first] = await page.getByRole("main").getByRole("region").all()
      assert.strictEqual(await first?.getAttribute("aria-label"), "Problems")
      await site.call("bdev_aio_delete", { name: "pulled" })
      await problems.getByText("None").waitFor()
    })
  })

  it("shows a drain while it lasts, with what is left and the deadline, and its end", async () => {
    await browser.visit(site.url, async ({ page }) => {
      // LUNs that came and went before have left one.
      await clearUnitAttentions(hosts.backup, 0)
      const injected = { name: "EE_archive", io_type: "read", error_type: "pending", num: 3 }
      await site.call("bdev_error_inject_error", injected)
      const reads = [0, 8, 16].map((block) =>
        hosts.backup.command({ lun: 0, cdb: cdb.read16(block, 8), readBytes: 4096 })
      )
      const lun = page.getByRole("link", { name: `LUN 0 of ${backup}` })
      await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor()
      assert.strictEqual(await lun.count(), 0)
      await until("the reads hang", async () => /"in_flight":3\b/u.test(JSON.stringify(await statistics())))
      // Over a connection of its own, as requests of one are answered in their order.
      const remover = await connectRpc(site.process.socketPath)
      const removed = remover.call("iscsi_target_node_remove_lun", { name: backup, lun_id: 0 })
      const drains = page.getByRole("region", { name: "Drains in progress" })
      await drains.getByText("3 commands left").first().waitFor()
      await drains
        .getByText(/what is left is aborted in \d+/u)
        .first()
        .waitFor()
      await drains.getByRole("link", { name: `LUN 0 of ${backup}` }).click()
      const progress = page.getByRole("progressbar", { name: `Drain of LUN 0 of ${backup}` })
      await progress.waitFor()
      await site.call("bdev_error_resume_pending", { name: "EE_archive" })
      await removed
      remover.close()
      await page.getByText("This LUN is not there now").waitFor()
      assert.strictEqual(await progress.count(), 0)
      await page
        .getByText(/LUN 0 of \S+ is gone/u)
        .first()
        .waitFor()
      assert.deepStrictEqual(
        (await Promise.all(reads)).map(({ status }) => status),
        [0, 0, 0]
      )
    })
  })

  it("removes a LUN that it is asked to, after asking", async () => {
    await site.call("bdev_malloc_create", mallocParams("unloved", 1))
    await site.call("iscsi_target_node_add_lun", { name: backup, bdev_name: "unloved", lun_id: 6 })
    const isThere = async () => JSON.stringify(await site.call("iscsi_get_target_nodes")).includes("unloved")
    await browser.visit(site.url, async ({ page }) => {
      await goTo(page, "LUNs")
      await page.getByRole("link", { name: "backup · 6" }).click()
      const remove = page.getByRole("button", { name: "Remove LUN" })
      await remove.click()
      const dialog = page.getByRole("dialog", { name: "Remove LUN?" })
      await dialog.getByRole("button", { name: "Cancel" }).click()
      assert.isTrue(await isThere())
      await remove.click()
      await dialog.getByRole("button", { name: "Remove LUN" }).click()
      await page.getByText("This LUN is not there now").waitFor()
      assert.isFalse(await isThere())
    })
  })
})
