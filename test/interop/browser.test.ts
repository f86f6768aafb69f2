/** The Chromium of the tests itself: what pages do wrong does not pass unseen, and nothing of it is left. */
import { createServer } from "node:http"
import { afterAll, assert, beforeAll, it } from "vitest"
import { accessibilityProblems, sidewaysPixels } from "../support/browser/accessibility.ts"
import { type Browser, startBrowser } from "../support/browser/Browser.ts"
import { processTree } from "../support/child-process.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { until } from "../support/until.ts"

const pages: Readonly<Record<string, string>> = {
  "/good": "<main><h1>Good</h1><p>Nothing is wrong with it.</p></main>",
  "/throws": "<script src=throws.js></script>",
  "/throws.js": "throw new Error('a mistake')",
  "/inline": "<script>document.title = 'stopped by the policy'</script>",
  "/missing": "<img alt='' src=nothing.png>",
  "/poor": "<main><h1>Poor</h1><button></button><p id=wide>wide</p></main><link rel=stylesheet href=poor.css>",
  "/poor.css": "#wide { width: 3000px; background: #fff; color: #ddd }"
}

const typeOf = (path: string): string =>
  path.endsWith(".js") ? "text/javascript" : path.endsWith(".css") ? "text/css" : "text/html"

describeWithTools(["chromium"], "the browser of the tests", () => {
  const server = createServer((request, response) => {
    const path = request.url ?? "/"
    const content = path === "/favicon.ico" ? "" : pages[path]
    response.writeHead(content === undefined ? 404 : 200, {
      "content-type": typeOf(path),
      "content-security-policy": "default-src 'self'"
    })
    response.end(typeOf(path) === "text/html" ? `<!doctype html><html lang=en><title>T</title>${content}` : content)
  })
  let browser: Browser
  let origin = ""

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const address = server.address()
    origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`
    browser = await startBrowser()
  })

  afterAll(async () => {
    server.close()
    const tree = processTree(browser.pid)
    assert.isNotEmpty(tree)
    await browser[Symbol.asyncDispose]()
    await until("no process of Chromium is left", () => tree.every((pid) => processTree(pid).length === 0))
  })

  /** How a visit of a page ended: undefined, or what the page complained of. */
  const complaintOf = (path: string, allowed?: RegExp): Promise<string | undefined> =>
    browser
      .visit(`${origin}/good`, async ({ allow, page }) => {
        if (allowed !== undefined) allow(allowed)
        await page.goto(`${origin}${path}`)
        await page.waitForLoadState("networkidle")
      })
      .then(
        () => undefined,
        (error: Error) => error.message
      )

  it("has nothing to say about a page that is right", async () => {
    assert.isUndefined(await complaintOf("/good"))
    await browser.visit(`${origin}/good`, async ({ page }) => {
      assert.strictEqual(await page.getByRole("heading", { name: "Good" }).count(), 1)
      assert.deepStrictEqual(await accessibilityProblems(page), [])
      assert.strictEqual(await sidewaysPixels(page), 0)
    })
  })

  it("fails a visit in which a script throws, the policy stops something, or a request is refused", async () => {
    assert.match((await complaintOf("/throws")) ?? "", /a mistake/u)
    assert.match((await complaintOf("/inline")) ?? "", /Content Security Policy/u)
    assert.match((await complaintOf("/missing")) ?? "", /nothing\.png: 404/u)
    assert.isUndefined(await complaintOf("/missing", /404/u))
  })

  it("finds what cannot be read, named or seen without scrolling sideways", async () => {
    await browser.visit(`${origin}/poor`, async ({ page }) => {
      const problems = (await accessibilityProblems(page)).join("\n")
      assert.match(problems, /^button-name/mu)
      assert.match(problems, /^color-contrast/mu)
      assert.isAbove(await sidewaysPixels(page), 1000)
    })
  })
})
