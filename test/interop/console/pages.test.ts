/**
 * Every page of the console, light and dark, on a desk and on a phone: what axe-core has to say, whether it fits, and
 * whether it can be used with a keyboard alone; and that a console which may only read changes nothing.
 */
import type { Page } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import { accessibilityProblems, sidewaysPixels } from "../../support/browser/accessibility.ts"
import { type Browser, startBrowser } from "../../support/browser/Browser.ts"
import { type Site, siteNames, startSite } from "../../support/browser/site.ts"
import { mallocParams, targetParams } from "../../support/initiator/lunlog.ts"
import { describeWithTools } from "../../support/requires-tool.ts"

const { virtualMachines } = siteNames

type Heading = string | RegExp

/** The heading of each page, and what is there when it is whole if that comes later. */
const views: Readonly<Record<string, Heading | readonly [Heading, string]>> = {
  "#/": "Overview",
  "#/topology": "Topology",
  "#/topology?tab=initiators": "Topology",
  "#/luns": "LUNs",
  [`#/targets/${virtualMachines}`]: virtualMachines,
  [`#/targets/${virtualMachines}/luns/1`]: "LUN 1",
  "#/sessions": "Sessions",
  "#/sessions/1": /esx01/u,
  "#/disks": "Disks",
  "#/disks/vm-01": "vm-01",
  "#/initiators/1": /^Initiator group/u,
  "#/portals/1": /^Portal group/u,
  "#/log": ["Event log", "was added: bdev EE_archive"],
  "#/log?at=30": ["Event log", "As of record 30"],
  [`#/log?object=lun:${virtualMachines}:1`]: ["Event log", "Why it is so"],
  "#/log/30": ["Record 30", "lunlog log show 30"],
  "#/nowhere": "No such page"
}

/** Colours do not depend on the width. */
const screens = [
  [1280, "light"],
  [390, "dark"]
] as const

/** Without loading the page again. */
const show = async (page: Page, view: string, expected: (typeof views)[string]): Promise<void> => {
  const [name, content] = Array.isArray(expected) ? expected : [expected, undefined]
  await page.evaluate(`location.hash = ${JSON.stringify(view)}`)
  await page.getByRole("heading", { level: 1, name }).waitFor()
  if (content !== undefined) await page.getByRole("main").getByText(content).first().waitFor()
}

/** What has the focus, in words. */
const focused = (page: Page): Promise<unknown> =>
  page.evaluate("(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()")

/** Presses Tab until something of this name has the focus. */
const tabTo = async (page: Page, name: RegExp): Promise<void> => {
  const passed: Array<unknown> = []
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab")
    const now = await focused(page)
    if (name.test(String(now))) return
    passed.push(now)
  }
  assert.fail(`Tab does not lead to ${name}: ${passed.join(" > ")}`)
}

describeWithTools(["chromium"], "each page of the web console", () => {
  let browser: Browser
  let site: Site

  beforeAll(async () => {
    site = await startSite()
    await site.logIn()
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser[Symbol.asyncDispose]()
    await site[Symbol.asyncDispose]()
  })

  it("can be read by everybody, in light and dark, and fits a desk and a phone", { timeout: 180_000 }, async () => {
    const problems: Array<string> = []
    await browser.visit(site.url, async ({ page }) => {
      for (const [view, expected] of Object.entries(views)) {
        await show(page, view, expected)
        for (const [width, colorScheme] of screens) {
          await page.setViewportSize({ width, height: 800 })
          await page.emulateMedia({ colorScheme, reducedMotion: "reduce" })
          const found = [...(await accessibilityProblems(page))]
          const sideways = await sidewaysPixels(page)
          if (sideways > 0) found.push(`it is ${sideways} pixels too wide`)
          problems.push(...found.map((problem) => `${view} (${width}, ${colorScheme}): ${problem}`))
        }
      }
    })
    assert.deepStrictEqual(problems, [])
  })

  it("is reached with a keyboard alone, and says where the focus is", async () => {
    await browser.visit(site.url, async ({ page }) => {
      await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor()
      await tabTo(page, /^Skip to content$/u)
      await tabTo(page, /^LUNs$/u)
      await page.keyboard.press("Enter")
      await page.getByRole("heading", { level: 1, name: "LUNs" }).waitFor()
      await tabTo(page, /^Filter/u)
      await page.keyboard.type("vm-0")
      await page.getByRole("status").filter({ hasText: "4 of 7 LUNs" }).waitFor()
      await tabTo(page, /^vm · 0$/u)
      await page.keyboard.press("ArrowDown")
      assert.strictEqual(await focused(page), "vm · 1")
      await page.keyboard.press("Enter")
      await page.getByRole("heading", { level: 1, name: "LUN 1" }).waitFor()
      await page.goBack()
      await page.getByRole("heading", { level: 1, name: "LUNs" }).waitFor()
      await page.getByRole("link", { name: "Topology" }).press("Enter")
      await page.getByRole("tab", { name: "Targets" }).press("ArrowRight")
      assert.strictEqual(await focused(page), "Portal groups")
    })
  })

  it("changes nothing where the console may only read, and says why", async () => {
    await browser.visit(site.url, async ({ allow, page }) => {
      await page.goto(`${site.page}#/targets/${virtualMachines}/luns/0`)
      const remove = page.getByRole("button", { name: /^Remove LUN/u })
      await remove.waitFor()
      assert.strictEqual(await remove.getAttribute("aria-disabled"), "true")
      await page.getByText(/Read-only: .*--console-allow-changes/u).waitFor()
      await remove.click({ force: true })
      assert.strictEqual(await page.getByRole("dialog").count(), 0)
      allow(/40[013]/u)
      const request = { jsonrpc: "2.0", id: 1, method: "iscsi_delete_target_node", params: { name: virtualMachines } }
      const answer = await page.evaluate(`fetch("rpc", {
        method: "POST",
        headers: {
          authorization: "Bearer " + sessionStorage.getItem("lunlog-token"),
          "content-type": "application/json"
        },
        body: ${JSON.stringify(JSON.stringify(request))}
      }).then((response) => response.text())`)
      assert.match(String(answer), /"code":\s*-1\b/u)
      assert.match(String(answer), /console-allow-changes/u)
      const targets = JSON.stringify(await site.call("iscsi_get_target_nodes"))
      assert.include(targets, virtualMachines)
    })
  })

  it("shows the longest and strangest names as they are, each in its place", async () => {
    const [markup, hebrew] = ["<img/src=x/onerror=alert(1)>", "\u05d0\u05d1\u05d2-(1)"]
    const longest = `iqn.2026-01.org.example:${"x".repeat(199)}`
    const reversing = "before\u202eafter"
    for (const name of [markup, hebrew, "x".repeat(255)]) await site.call("bdev_malloc_create", mallocParams(name, 1))
    await site.call("iscsi_create_target_node", {
      ...targetParams({ name: longest, luns: { 0: markup, 1: hebrew, 2: "x".repeat(255) } }),
      alias_name: reversing
    })
    const target = encodeURIComponent(longest)
    const shown: Readonly<Record<string, string>> = {
      "#/luns": markup,
      [`#/targets/${target}`]: "before?after",
      [`#/targets/${target}/luns/1`]: hebrew,
      [`#/log?object=${encodeURIComponent(`target:${longest}`)}`]: 'alias "before?after", queue depth',
      [`#/disks/${"z".repeat(200)}`]: "There is no disk of this name now.",
      "#/topology": "before?after"
    }
    await browser.visit(site.url, async ({ page }) => {
      for (const [view, text] of Object.entries(shown)) {
        await page.evaluate(`location.hash = ${JSON.stringify(view)}`)
        await page.getByRole("main").getByText(text).first().waitFor()
        for (const width of [1280, 390]) {
          await page.setViewportSize({ width, height: 800 })
          assert.strictEqual(await sidewaysPixels(page), 0, `${view} at ${width}`)
        }
        assert.notInclude((await page.getByRole("main").textContent()) ?? "", "\u202e", view)
      }
    })
  })

  it("keeps the theme that was chosen", async () => {
    await browser.visit(site.url, async ({ page }) => {
      const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor")
      const light = await ground()
      const theme = page.getByRole("button", { name: /^Theme:/u })
      while (!/dark/u.test((await theme.getAttribute("aria-label")) ?? "")) await theme.click()
      const dark = await ground()
      assert.notStrictEqual(dark, light)
      await page.reload()
      await page.getByRole("button", { name: /^Theme: dark/u }).waitFor()
      assert.strictEqual(await ground(), dark)
    })
  })
})
