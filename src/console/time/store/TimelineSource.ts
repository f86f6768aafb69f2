/** The picture of a stretch of time: asked for when the stretch is another, and again after news if it ends now. */
import { type ReadonlySignal, signal } from "@preact/signals"
import { readTimeline, type Timeline } from "../../rpc/history-methods.ts"
import type { RpcClient } from "../../rpc/RpcClient.ts"
import type { RpcProblem } from "../../rpc/RpcProblem.ts"
import type { Stretch } from "../model/TimeView.ts"
import { utcText } from "../model/time-text.ts"

/** Finest detail; more than a picture has pixels would be for nothing. */
const cells = 300
/** The target reads all records of a stretch: it is asked again after five times as long as that took, at least. */
const [refreshMillis, refreshShare] = [5000, 5]

const rangeParams = (stretch: Stretch): Readonly<Record<string, unknown>> => {
  switch (stretch._tag) {
    case "Recent":
      return { since: `${stretch.seconds} s ago` }
    case "All":
      return { since: 1 }
    case "Fixed":
      return { since: utcText(stretch.from), until: utcText(stretch.to) }
  }
}

/** One for the page. */
export class TimelineSource {
  readonly #client: RpcClient
  readonly #timeline = signal<Timeline | undefined>(undefined)
  readonly #problem = signal<RpcProblem | undefined>(undefined)
  readonly #isLoading = signal(false)
  #stretch: Stretch | undefined
  #objects: ReadonlyArray<string> = []
  #controller: AbortController | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #isStill = false
  #lastMillis = 0

  constructor(client: RpcClient) {
    this.#client = client
  }

  /** The last picture. */
  get timeline(): ReadonlySignal<Timeline | undefined> {
    return this.#timeline
  }

  /** Why there is none. */
  get problem(): ReadonlySignal<RpcProblem | undefined> {
    return this.#problem
  }

  /** Another is on its way. */
  get isLoading(): ReadonlySignal<boolean> {
    return this.#isLoading
  }

  /** The picture of a stretch, of all objects or of some. */
  show(stretch: Stretch, objects: ReadonlyArray<string>): void {
    this.#stretch = stretch
    this.#objects = objects
    void this.#load()
  }

  /** While somebody looks at a moment, the picture stands still. */
  keepStill(isStill: boolean): void {
    const isReleased = this.#isStill && !isStill
    this.#isStill = isStill
    if (isReleased) this.noteNews()
  }

  /** There are new records. */
  readonly noteNews = (): void => {
    if (this.#isStill || this.#stretch === undefined || this.#stretch._tag === "Fixed") return
    const pause = Math.max(refreshMillis, refreshShare * this.#lastMillis)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (!this.#isStill) void this.#load()
    }, pause)
  }

  /** Asks for nothing more. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#controller?.abort()
  }

  async #load(): Promise<void> {
    if (this.#stretch === undefined) return
    this.stop()
    const controller = new AbortController()
    this.#controller = controller
    this.#isLoading.value = true
    const begun = performance.now()
    const objects = this.#objects.length === 0 ? {} : { object: this.#objects }
    const params = { ...rangeParams(this.#stretch), ...objects, cells }
    const outcome = await this.#client.callAlone(readTimeline, params, controller.signal)
    if (controller.signal.aborted) return
    this.#lastMillis = performance.now() - begun
    this.#isLoading.value = false
    this.#problem.value = outcome._tag === "Failed" ? outcome.problem : undefined
    if (outcome._tag === "Answer") this.#timeline.value = outcome.value
  }
}
