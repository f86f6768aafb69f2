/**
 * From a CDB to what the transport has to do. `prepare` never throws and never waits, whatever the 16 bytes are; it
 * leaves `task.action` and `task.status` set.
 */
import type { Nexus } from "./Nexus.ts"
import type { ScsiTask } from "./ScsiTask.ts"
import type { SessionView } from "./SessionView.ts"

/**
 * Decodes and checks a command. `nexus` is the session's path to the unit at `task.lun`; undefined when there is none:
 * no such LUN, one that is draining or removed, or the well-known unit.
 */
export const prepare = (task: ScsiTask, _nexus: Nexus | undefined, _session: SessionView): void => {
  task.good()
}
