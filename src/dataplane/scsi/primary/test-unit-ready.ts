/** TEST UNIT READY (SPC-4 6.47): a unit that commands reach is ready. */
import type { CommandDefinition } from "../CommandDefinition.ts"

/** TEST UNIT READY. */
export const testUnitReadyCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "TEST UNIT READY",
    opcode: 0x00,
    usage: "00 00 00 00 00 00",
    clause: "SPC-4 6.47",
    prepare: (task) => task.good(),
    reservation: "allowed",
    usesMedium: false,
    needsMedium: true
  }
]
