/** Clearing up after a home that has failed, or never came to take what it was to have. */
import { libc } from "../../host/libc.ts"
import { Claims } from "../iscsi/handover/Claims.ts"
import type { ConnectionHandOver } from "../iscsi/handover/ConnectionHandOver.ts"
import type { Place } from "../iscsi/handover/Place.ts"

/**
 * Closes the descriptor of a connection that was handed over, unless its home has taken it: then it goes with the
 * thread of that one, or has gone. True: it was closed here. Who calls it makes sure that it is not taken meanwhile.
 */
export const abandonConnection = ({ claims }: Place, { descriptor, slot }: ConnectionHandOver): boolean => {
  const calls = libc()
  if (typeof calls === "string" || new Claims(claims).take(slot) === "lost") return false
  calls.close(descriptor)
  return true
}
