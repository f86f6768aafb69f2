/**
 * `npm run screenshots`: makes docs/images/console-*.png anew, from a real target with hosts that do IO. Takes some
 * two minutes, most of them for charts to have something to show.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import type { Page } from "playwright-core"
import { type Screen, startBrowser } from "../support/browser/Browser.ts"
import { type PacedLoad, startPacedLoad } from "../support/browser/paced-load.ts"
import { type Hosts, type Site, siteNames, startSite } from "../support/browser/site.ts"
import { cdb, clearUnitAttentions } from "../support/initiator/commands.ts"
import { mallocParams } from "../support/initiator/lunlog.ts"
import { connectRpc } from "../support/rpc-client.ts"
import { projectDirectory } from "../support/target-process.ts"

const folder = join(projectDirectory, "docs/images")
/** Enough for charts of five minutes to have a shape. */
const loadMillis = 100_000
const { backup, database, virtualMachines } = siteNames
const desk = { width: 1280, height: 800 } as const
const phone: Screen = { width: 390, height: 780, scale: 1.5 }

/** Slow waves, so that lines can be told apart. */
const wave = (mean: number, swing: number, seconds: number) => (at: number) =>
  mean + swing * Math.sin((2 * Math.PI * at) / seconds) + (swing / 3) * Math.sin((2 * Math.PI * at) / (seconds / 5.3))

const startLoads = (hosts: Hosts): ReadonlyArray<PacedLoad> => [
  startPacedLoad({ session: hosts.database, lun: 0, rate: wave(280, 120, 60), ioBytes: 8192 }),
  startPacedLoad({ session: hosts.database, lun: 1, rate: wave(60, 30, 35), reads: 0 }),
  ...hosts.virtualMachines.flatMap((session, host) => [
    startPacedLoad({ session, lun: host, rate: wave(90, 60, 45 + 20 * host), reads: 0.6 }),
    startPacedLoad({ session, lun: host + 2, rate: wave(50, 35, 70 - 15 * host), ioBytes: 16_384 })
  ])
]

/** What an operator has done before: changes that the log tells of. */
const operate = async ({ call }: Site): Promise<void> => {
  await call("bdev_set_qos_limit", { name: "vm-04", rw_ios_per_sec: 2000 })
  await call("bdev_malloc_create", mallocParams("scratch", 8))
  await call("iscsi_target_node_add_lun", { name: virtualMachines, bdev_name: "scratch", lun_id: 4 })
  await delay(9000)
  await call("bdev_malloc_create", mallocParams("test-copy", 8))
  await call("iscsi_target_node_add_lun", { name: database, bdev_name: "test-copy", lun_id: 2 })
  await delay(7000)
  await call("bdev_error_inject_error", { name: "EE_journal", io_type: "write", error_type: "failure", num: 2 })
  await delay(6000)
  await call("iscsi_target_node_remove_lun", { name: virtualMachines, lun_id: 4 })
}

/** Reads of the backup disk that do not come back, and its removal, which waits for them. */
const startDrain = async (site: Site, hosts: Hosts) => {
  await clearUnitAttentions(hosts.backup, 0)
  await site.call("bdev_error_inject_error", { name: "EE_archive", io_type: "read", error_type: "pending", num: 12 })
  const reads = Array.from({ length: 12 }, (_, index) =>
    hosts.backup.command({ lun: 0, cdb: cdb.read16(8 * index, 8), readBytes: 4096 }).catch(() => undefined)
  )
  await delay(1000)
  const remover = await connectRpc(site.process.socketPath)
  const removed = remover.call("iscsi_target_node_remove_lun", { name: backup, lun_id: 0 })
  return async () => {
    await site.call("bdev_error_resume_pending", { name: "EE_archive" })
    await Promise.all([removed, ...reads])
    remover.close()
  }
}

const take = async (page: Page, name: string): Promise<void> => {
  await page.mouse.move(0, 0)
  await page.screenshot({ path: join(folder, `console-${name}.png`), animations: "disabled", caret: "hide" })
  process.stdout.write(`docs/images/console-${name}.png\n`)
}

const show = async (page: Page, site: Site, view: string, settledMillis = 2500): Promise<void> => {
  await page.goto(`${site.page}${view}`)
  await delay(settledMillis)
}

/** The newest record of a type, about one object if it is named. */
const newest = async ({ call }: Site, type: string, object?: string): Promise<number> => {
  const about = object === undefined ? {} : { object: [object] }
  const { records } = Object(await call("eventlog_tail", { type: [type], count: 1, ...about }))
  return Number(records[0].seq)
}

mkdirSync(folder, { recursive: true })
await using site = await startSite({ consolePort: 8260 })
await using browser = await startBrowser()
const hosts = await site.logIn()
const loads = startLoads(hosts)
await operate(site)
await browser.visit(
  site.url,
  async ({ page }) => {
    await delay(loadMillis)
    await take(page, "overview")
    await show(page, site, `#/targets/${virtualMachines}/luns/1`)
    await take(page, "lun")
    await show(page, site, "#/topology")
    await take(page, "topology")
    const endDrain = await startDrain(site, hosts)
    await show(page, site, "#/", 3500)
    await take(page, "drain")
    await endDrain()
    await page.setViewportSize({ width: 1280, height: 1000 })
    await show(page, site, `#/log?span=15m&at=${await newest(site, "LunAdded")}`)
    await take(page, "log")
    await page.setViewportSize(desk)
    await show(page, site, "#/log?type=Lun*&type=Io*&span=15m")
    await page.getByRole("search", { name: "Which records" }).evaluate("(element) => element.scrollIntoView()")
    await take(page, "records")
    await show(page, site, `#/log/${await newest(site, "LunRemovalStarted", virtualMachines)}`)
    await take(page, "record")
    await page.emulateMedia({ colorScheme: "dark" })
    await show(page, site, "#/", 3000)
    await take(page, "dark")
  },
  desk
)
await browser.visit(
  site.url,
  async ({ page }) => {
    await delay(3000)
    await take(page, "phone")
  },
  phone
)
await Promise.all(loads.map((load) => load.stop()))
