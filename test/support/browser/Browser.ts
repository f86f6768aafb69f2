/**
 * A Chromium for tests of the web console. Whatever a page complains of is collected: errors and warnings of its
 * scripts, what its Content-Security-Policy has stopped, requests that failed or were refused. A visit that has seen
 * any fails, unless the test has said that it is to be.
 *
 * It ends with the test worker, however that ends; its profile is a temporary folder.
 */
import { type Browser as Chromium, chromium, type Page, type Request } from "playwright-core"
import { guard, unguard } from "../guardian.ts"
import { findTool } from "../requires-tool.ts"

/** What a page is shown on. */
export interface Screen {
  /** CSS pixels; 1280 x 800 unless said otherwise. */
  readonly width?: number
  readonly height?: number
  readonly colors?: "light" | "dark"
  /** Device pixels for a CSS pixel: 1. */
  readonly scale?: number
  /** So many times faster than real: timers and clocks of the page's scripts. */
  readonly speed?: number
}

/** A page that is open. */
export interface Visit {
  readonly page: Page
  /** What the page has complained of so far. */
  readonly complaints: () => ReadonlyArray<string>
  /** Complaints that match are none, those before included. */
  readonly allow: (expected: RegExp) => void
}

/** A running Chromium. */
export interface Browser extends AsyncDisposable {
  /** Of its first process. */
  readonly pid: number
  /**
   * Opens a page that shares nothing with any other, and closes it after `use`. Fails if the page has complained of
   * anything that was not allowed.
   */
  readonly visit: <A>(url: string, use: (visit: Visit) => Promise<A>, screen?: Screen) => Promise<A>
}

/** Milliseconds that anything in a page may take to come about: a generous limit, never a measure. */
export const pageWaitMillis = 20_000

const startMillis = 60_000
const complaintsMax = 50

/** A request that the page itself has given up is no failure. */
const failureOf = (request: Request): string | undefined => {
  const text = request.failure()?.errorText
  return text === undefined || text === "net::ERR_ABORTED" ? undefined : text
}

/** An address without its query and fragment, where tokens are. */
const bareAddress = (address: string): string => address.replace(/[?#].*$/u, "")

const collectComplaints = (page: Page): Pick<Visit, "allow" | "complaints"> => {
  const found: Array<string> = []
  const allowed: Array<RegExp> = []
  const complain = (text: string): void => {
    if (found.length < complaintsMax) found.push(text)
  }
  page.on("pageerror", (error) => complain(`uncaught: ${error.stack ?? error.message}`))
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complain(`${message.type()}: ${message.text()}`)
  })
  page.on("requestfailed", (request) => {
    const failure = failureOf(request)
    if (failure !== undefined) complain(`request: ${request.method()} ${bareAddress(request.url())}: ${failure}`)
  })
  page.on("response", (response) => {
    if (response.status() < 400) return
    complain(`response: ${response.request().method()} ${bareAddress(response.url())}: ${response.status()}`)
  })
  return {
    complaints: () => found.filter((text) => !allowed.some((pattern) => pattern.test(text))),
    allow: (expected) => void allowed.push(expected)
  }
}

/** Scripts of the page see time pass `speed` times as fast. */
const fasterTime = (speed: number): string => `{
  const [later, now, clock] = [setTimeout, Date.now, performance.now.bind(performance)]
  const [begin, clockBegin] = [now(), clock()]
  globalThis.setTimeout = (act, millis = 0, ...rest) => later(act, millis / ${speed}, ...rest)
  Date.now = () => begin + (now() - begin) * ${speed}
  performance.now = () => clockBegin + (clock() - clockBegin) * ${speed}
}`

const visitWith = async <A>(
  browser: Chromium,
  url: string,
  use: (visit: Visit) => Promise<A>,
  screen: Screen
): Promise<A> => {
  const context = await browser.newContext({
    viewport: { width: screen.width ?? 1280, height: screen.height ?? 800 },
    colorScheme: screen.colors ?? "light",
    deviceScaleFactor: screen.scale ?? 1,
    locale: "en-GB",
    timezoneId: "UTC"
  })
  context.setDefaultTimeout(pageWaitMillis)
  try {
    const page = await context.newPage()
    const { allow, complaints } = collectComplaints(page)
    if (screen.speed !== undefined) await page.addInitScript(fasterTime(screen.speed))
    await page.goto(url)
    const result = await use({ page, complaints, allow })
    const found = complaints()
    if (found.length > 0) throw new Error(`the page complained:\n${found.join("\n")}`)
    return result
  } finally {
    await context.close()
  }
}

/** Starts a Chromium. Use `await using`. */
export const startBrowser = async (args: ReadonlyArray<string> = []): Promise<Browser> => {
  const executablePath = findTool("chromium")
  if (executablePath === undefined) throw new Error('chromium is not installed: describeWithTools(["chromium"] ...)')
  // Chromium refuses to run as root with its sandbox.
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : []
  const server = await chromium.launchServer({ executablePath, args: [...sandbox, ...args], timeout: startMillis })
  const pid = server.process().pid ?? 0
  guard(`group:${pid}`)
  const browser = await chromium.connect(server.wsEndpoint())
  return {
    pid,
    visit: (url, use, screen = {}) => visitWith(browser, url, use, screen),
    [Symbol.asyncDispose]: async () => {
      await server.close()
      unguard(`group:${pid}`)
    }
  }
}
