/**
 * Something that is done again and again while somebody looks: never twice at once, less often after failures, and not
 * at all while the page is hidden.
 */

/** What a turn ends with. */
export type TurnEnd = "done" | "failed" | "stop"

/** How often. */
export interface Pace {
  /** From the beginning of a turn to that of the next, in milliseconds. */
  readonly intervalMillis: number
  /** Longest pause after failures. */
  readonly longestMillis: number
}

/** The pause after so many failures in a row: it doubles. */
export const pauseAfter = (failures: number, { intervalMillis, longestMillis }: Pace): number =>
  Math.min(longestMillis, intervalMillis * 2 ** Math.min(failures, 30))

/** A loop that is on or off. */
export class Repeated {
  readonly #turn: (signal: AbortSignal) => Promise<TurnEnd>
  readonly #pace: () => Pace
  #controller: AbortController | undefined
  #wake: (() => void) | undefined

  constructor(turn: (signal: AbortSignal) => Promise<TurnEnd>, pace: () => Pace) {
    this.#turn = turn
    this.#pace = pace
  }

  /** Begins, unless it runs. */
  start(): void {
    if (this.#controller !== undefined) return
    const controller = new AbortController()
    this.#controller = controller
    void this.#run(controller.signal)
  }

  /** Ends, and gives up what is under way. */
  stop(): void {
    this.#controller?.abort()
    this.#controller = undefined
    this.#wake?.()
  }

  /** Cuts a pause short. */
  hurry(): void {
    this.#wake?.()
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      const begun = performance.now()
      const end = await this.#turn(signal)
      if (end === "stop") break
      failures = end === "failed" ? failures + 1 : 0
      const pause = pauseAfter(failures, this.#pace()) - (performance.now() - begun)
      if (!signal.aborted) await this.#sleep(Math.max(0, pause))
    }
    if (this.#controller?.signal === signal) this.#controller = undefined
  }

  #sleep(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, millis)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
