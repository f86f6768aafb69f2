/** A page of the console that is left open: after hours of IO and changes it holds what it held after the first one. */
import { setTimeout as delay } from "node:timers/promises"
import { assert, it } from "vitest"
import { startBrowser } from "../support/browser/Browser.ts"
import { startPacedLoad } from "../support/browser/paced-load.ts"
import { type PageCost, PageMeter } from "../support/browser/page-cost.ts"
import { type Site, siteNames, startSite } from "../support/browser/site.ts"
import { mallocParams } from "../support/initiator/lunlog.ts"
import { describeWithTools } from "../support/requires-tool.ts"

const speed = 20
const hourMillis = 3600_000 / speed
/** What the page keeps as it comes: the last records, the last minutes of what has IO. */
const heapGrowthMax = 1.1
const slackBytes = 2 * 1024 * 1024

/** LUNs that come and go, until it is called off. */
const changeObjects = async ({ call }: Site, isOver: () => boolean): Promise<void> => {
  for (let round = 0; !isOver(); round++) {
    const name = `passing-${round % 40}`
    await call("bdev_malloc_create", mallocParams(name, 1))
    await call("iscsi_target_node_add_lun", { name: siteNames.backup, bdev_name: name, lun_id: 7 })
    await delay(500)
    await call("bdev_malloc_delete", { name })
    await delay(500)
  }
}

describeWithTools(["chromium"], "a page that is left open", () => {
  it.each(["#/", `#/targets/${siteNames.backup}`, "#/log"])("holds no more after hours: %s", async (view) => {
    await using site = await startSite()
    await using browser = await startBrowser()
    const hosts = await site.logIn()
    const loads = hosts.virtualMachines.map((session, lun) => startPacedLoad({ session, lun, rate: () => 100 }))
    let isOver = false
    const changes = changeObjects(site, () => isOver)
    const costs = await browser.visit(
      site.url,
      async ({ page }): Promise<ReadonlyArray<PageCost>> => {
        await page
          .getByRole("status")
          .filter({ hasText: /^Connected$/u })
          .waitFor()
        await page.goto(`${site.page}${view}`)
        const meter = await PageMeter.of(page)
        const taken: Array<PageCost> = []
        for (let hour = 0; hour < 3; hour++) {
          await delay(hourMillis)
          taken.push(await meter.read())
        }
        return taken
      },
      { speed }
    )
    isOver = true
    await Promise.all([changes, ...loads.map((load) => load.stop())])
    const [, first, last] = costs
    assert(first !== undefined && last !== undefined)
    const said = JSON.stringify(costs, null, 2)
    assert.isBelow(last.heapBytes, first.heapBytes * heapGrowthMax + slackBytes, said)
    assert.isBelow(last.nodes, first.nodes * heapGrowthMax + 500, said)
    assert.isBelow(last.listeners, first.listeners * heapGrowthMax + 100, said)
  })
})
