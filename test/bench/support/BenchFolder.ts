/** A temporary folder of a benchmark: gone when it is disposed of, and when the process is told to end before that. */
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"

/** Where its files are. */
export interface BenchFolder extends Disposable {
  readonly path: string
}

/** Makes one in `parent`; what is in it may be gigabytes of a tmpfs, so it must not be left behind. */
export const makeBenchFolder = (parent: string): BenchFolder => {
  const path = mkdtempSync(join(parent, "lunlog-bench-"))
  const remove = (): void => rmSync(path, { recursive: true, force: true })
  process.once("exit", remove)
  return {
    path,
    [Symbol.dispose]: () => {
      process.off("exit", remove)
      remove()
    }
  }
}

/** A signal ends the process by way of its `exit` event. */
export const exitOnSignals = (): void => {
  process.once("SIGINT", () => process.exit(130))
  process.once("SIGTERM", () => process.exit(143))
}
