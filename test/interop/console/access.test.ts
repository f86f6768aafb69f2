/** Who gets to see the console, by which address, and what it says when the target is away or is another one. */
import type { Page } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import { type Browser, startBrowser } from "../../support/browser/Browser.ts"
import { type ConsoleTarget, startConsoleTarget } from "../../support/browser/ConsoleTarget.ts"
import { describeWithTools } from "../../support/requires-tool.ts"
import { makeDirectory, removeDirectory } from "../../support/target-process.ts"

/** The header says so. */
const isConnected = (page: Page) =>
  page
    .getByRole("status")
    .filter({ hasText: /^Connected$/u })
    .waitFor()

/** What Chromium itself says of a request with a token that is not valid. */
const unauthorized = /\b401\b/u

describeWithTools(["chromium"], "the web console", () => {
  let browser: Browser
  let target: ConsoleTarget

  beforeAll(async () => {
    target = await startConsoleTarget()
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser[Symbol.asyncDispose]()
    await target[Symbol.asyncDispose]()
  })

  it("opens by the printed URL; the token is neither left in the address nor sent in one", async () => {
    const { page: address, token, url } = target
    const seen: Array<string> = []
    await browser.visit(address, async ({ allow, page }) => {
      allow(unauthorized)
      page.on("request", (request) => seen.push(request.url(), request.headers()["referer"] ?? ""))
      await page.goto("about:blank")
      await page.goto(url)
      await isConnected(page)
      await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor()
      assert.strictEqual(page.url(), `${address}#/`)
      await page.goBack()
      assert.notInclude(page.url(), token)
      await page.goForward()
      await page.reload()
      await isConnected(page)
    })
    assert.isAbove(seen.length, 5)
    assert.deepStrictEqual(
      seen.filter((text) => text.includes(token)),
      []
    )
  })

  it("asks for a token where there is none, or a wrong one, and goes on with the right one", async () => {
    await browser.visit(`${target.page}#token=wrong`, async ({ allow, page }) => {
      allow(unauthorized)
      await page.getByRole("heading", { name: "This token is not valid" }).waitFor()
      assert.strictEqual(await page.getByRole("navigation").count(), 0)
      await page.getByLabel("Token").fill(target.token)
      await page.getByRole("button", { name: "Connect" }).click()
      await isConnected(page)
    })
    await browser.visit(target.page, async ({ page }) => {
      await page.getByRole("heading", { name: "A token is needed" }).waitFor()
    })
  })

  it("says that the target is away, finds it again, and asks for the token of the new process", async () => {
    const directory = makeDirectory("console")
    let served = await startConsoleTarget({ directory })
    try {
      await browser.visit(served.url, async ({ allow, page }) => {
        await isConnected(page)
        allow(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE/u)
        await served.process.kill()
        await page.getByRole("alert").filter({ hasText: "Not connected" }).waitFor()
        await served[Symbol.asyncDispose]()
        allow(unauthorized)
        served = await startConsoleTarget({ directory, consolePort: Number(new URL(served.page).port) })
        await page.getByRole("heading", { name: "This token is not valid" }).waitFor()
        await page.goto(served.url)
        await isConnected(page)
        await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor()
        assert.strictEqual(await page.getByRole("alert").count(), 0)
      })
    } finally {
      await served[Symbol.asyncDispose]()
      removeDirectory(directory)
    }
  })
})
