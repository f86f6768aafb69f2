/** How far long work on records is, on a terminal: over itself, and gone at the end. */
import { progressBar } from "../config/progress.ts"

/** Nothing is drawn for fewer: it is over at once. */
const quietRecords = 20_000
/** Records between two pictures. */
const stepRecords = 5000

/** Tells how many of `total` records are done. Without a terminal it draws nothing. */
export const countShown = (what: string, total: number): ((done: number) => void) => {
  if (process.stderr.isTTY !== true || total < quietRecords) return () => undefined
  let shown = 0
  return (done) => {
    if (done < total && done - shown < stepRecords) return
    shown = done
    process.stderr.write(done < total ? `\r${what} ${progressBar(done, total)}` : "\r\u001b[K")
  }
}
