/** Waiting for something to become true, among the answers and failures of a pool's reactors. */

/** One per pool. */
export class Changes {
  readonly #watchers = new Set<() => void>()

  /** Resolves when it holds, or does so already. */
  when(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
  }

  /** The same, but no longer than so many milliseconds. */
  async soon(holds: () => boolean, limitMillis: number): Promise<void> {
    let isOver = false
    const timer = setTimeout(() => {
      isOver = true
      this.tell()
    }, limitMillis)
    await this.when(() => isOver || holds())
    clearTimeout(timer)
  }

  /** Something has changed. */
  tell(): void {
    for (const look of [...this.#watchers]) look()
  }
}
