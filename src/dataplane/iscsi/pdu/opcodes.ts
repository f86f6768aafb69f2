/** iSCSI opcodes, RFC 7143 section 11.2.1.2. */

/** What initiators send. */
export const InitiatorOpcode = {
  NopOut: 0x00,
  ScsiCommand: 0x01,
  TaskManagementRequest: 0x02,
  LoginRequest: 0x03,
  TextRequest: 0x04,
  DataOut: 0x05,
  LogoutRequest: 0x06,
  SnackRequest: 0x10
} as const

/** What targets send. */
export const TargetOpcode = {
  NopIn: 0x20,
  ScsiResponse: 0x21,
  TaskManagementResponse: 0x22,
  LoginResponse: 0x23,
  TextResponse: 0x24,
  DataIn: 0x25,
  LogoutResponse: 0x26,
  R2t: 0x31,
  AsyncMessage: 0x32,
  Reject: 0x3f
} as const

const names = new Map<number, string>(
  [...Object.entries(InitiatorOpcode), ...Object.entries(TargetOpcode)].map(([name, code]) => [code, name])
)

/** The opcode's name for people, or its number. */
export const opcodeName = (opcode: number): string => names.get(opcode) ?? `0x${opcode.toString(16).padStart(2, "0")}`
