/** What a page costs the browser that shows it, by the debugger's counters: main thread, memory, elements. */
import type { CDPSession, Locator, Page } from "playwright-core"

/** Counters of one page; times are seconds of its main thread since it was opened. */
export interface PageCost {
  readonly taskSeconds: number
  readonly scriptSeconds: number
  readonly layoutSeconds: number
  /** After a garbage collection, in bytes. */
  readonly heapBytes: number
  /** DOM nodes that are alive, text included, also those that are in no document any more. */
  readonly nodes: number
  readonly listeners: number
}

const isMetrics = (
  value: unknown
): value is { readonly metrics: ReadonlyArray<{ readonly name: string; readonly value: number }> } =>
  typeof value === "object" && value !== null && "metrics" in value && Array.isArray(value.metrics)

/** Reads a page's counters. */
export class PageMeter {
  readonly #debugger: CDPSession

  private constructor(debuggerSession: CDPSession) {
    this.#debugger = debuggerSession
  }

  /** A meter of `page`, until that is closed. */
  static async of(page: Page): Promise<PageMeter> {
    const session = await page.context().newCDPSession(page)
    await session.send("Performance.enable", { timeDomain: "threadTicks" })
    return new PageMeter(session)
  }

  /** The counters now, with all garbage collected before. */
  async read(): Promise<PageCost> {
    await this.#debugger.send("HeapProfiler.collectGarbage")
    const answer: unknown = await this.#debugger.send("Performance.getMetrics")
    if (!isMetrics(answer)) throw new Error(`Performance.getMetrics answered ${JSON.stringify(answer)}`)
    const metric = (wanted: string): number => answer.metrics.find(({ name }) => name === wanted)?.value ?? 0
    return {
      taskSeconds: metric("TaskDuration"),
      scriptSeconds: metric("ScriptDuration"),
      layoutSeconds: metric("LayoutDuration") + metric("RecalcStyleDuration"),
      heapBytes: metric("JSHeapUsedSize"),
      nodes: metric("Nodes"),
      listeners: metric("JSEventListeners")
    }
  }
}

const numbersOf = (value: unknown): ReadonlyArray<number> => {
  if (!Array.isArray(value)) throw new Error(`the page answered ${JSON.stringify(value)}`)
  return value.map(Number)
}

/** Elements in the page's document. */
export const elementCount = async (page: Page): Promise<number> =>
  Number(await page.evaluate("document.getElementsByTagName('*').length"))

/** Milliseconds of each task so far that has kept the page from answering for more than 50 ms. */
export const longTasks = async (page: Page): Promise<ReadonlyArray<number>> =>
  numbersOf(
    await page.evaluate(`new Promise((resolve) => {
      const found = []
      const observer = new PerformanceObserver((list) => found.push(...list.getEntries().map((one) => one.duration)))
      observer.observe({ type: "longtask", buffered: true })
      requestAnimationFrame(() => setTimeout(() => { observer.disconnect(); resolve(found) }, 0))
    })`)
  )

/** Turns the wheel over an element, `pixels` a frame, for so many frames; milliseconds between the frames. */
export const scrollFrames = async (place: Locator, pixels: number, frames: number): Promise<ReadonlyArray<number>> => {
  const page = place.page()
  await place.hover({ position: { x: 20, y: 60 } })
  const measured = page.evaluate(`new Promise((resolve) => {
    const times = []
    let last = performance.now()
    const step = (now) => {
      times.push(now - last)
      last = now
      if (times.length <= ${frames}) requestAnimationFrame(step)
      else resolve(times.slice(1))
    }
    requestAnimationFrame(step)
  })`)
  let isOver = false
  const done = measured.finally(() => {
    isOver = true
  })
  while (!isOver) await page.mouse.wheel(0, pixels)
  return numbersOf(await done)
}
