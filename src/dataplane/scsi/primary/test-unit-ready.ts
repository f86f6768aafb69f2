/** TEST UNIT READY (SPC-4 6.47): a unit that commands reach is ready. */
import type { CommandDefinition } from "../CommandDefinition.ts"

/** TEST UNIT READY; also answered by the well-known unit. */
export const testUnitReadyOpcode = 0x00

/** TEST UNIT READY. */
export const testUnitReadyCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "TEST UNIT READY",
    opcode: testUnitReadyOpcode,
    usage: "00 00 00 00 00 00",
    clause: "SPC-4 6.47",
    prepare: (task) => task.good(),
    reservation: "allowed",
    usesMedium: false,
    needsMedium: true
  }
]
