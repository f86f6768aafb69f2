/** Clearing up after a home that has failed, or never came to take what it was to have. */
import { closeSync } from "node:fs"
import { Claims } from "../iscsi/handover/Claims.ts"
import type { ConnectionHandOver } from "../iscsi/handover/ConnectionHandOver.ts"
import type { Place } from "../iscsi/handover/Place.ts"

/**
 * Closes the descriptor of a connection that was handed over, unless its home has taken it: then it went, or goes, with
 * the thread of that one. True: it was closed here. To be called in the main thread, once the home's has ended.
 */
export const abandonConnection = ({ claims }: Place, { descriptor, slot }: ConnectionHandOver): boolean => {
  if (new Claims(claims).take(slot) === "lost") return false
  closeSync(descriptor)
  return true
}
