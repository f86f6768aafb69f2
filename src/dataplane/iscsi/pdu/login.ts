/** Login Request and Login Response, RFC 7143 sections 11.12 and 11.13. */
import { beginHeader, bhsAt, put32, putSequenceNumbers } from "./bhs.ts"
import { TargetOpcode } from "./opcodes.ts"

/** Stages of a login. */
export const LoginStage = { Security: 0, Operational: 1, FullFeature: 3 } as const
/** A stage of the login. */
export type LoginStage = (typeof LoginStage)[keyof typeof LoginStage]

/** Status-Class in the high byte, Status-Detail in the low one. */
export const LoginStatus = {
  Success: 0x0000,
  TargetMovedTemporarily: 0x0101,
  TargetMovedPermanently: 0x0102,
  InitiatorError: 0x0200,
  AuthenticationFailed: 0x0201,
  Forbidden: 0x0202,
  NotFound: 0x0203,
  TargetRemoved: 0x0204,
  UnsupportedVersion: 0x0205,
  TooManyConnections: 0x0206,
  MissingParameter: 0x0207,
  CannotInclude: 0x0208,
  SessionTypeNotSupported: 0x0209,
  SessionDoesNotExist: 0x020a,
  InvalidDuringLogin: 0x020b,
  TargetError: 0x0300,
  ServiceUnavailable: 0x0301,
  OutOfResources: 0x0302
} as const
/** A login status. */
export type LoginStatus = (typeof LoginStatus)[keyof typeof LoginStatus]

const statusNames = new Map<number, string>(Object.entries(LoginStatus).map(([name, code]) => [code, name]))
/** The status's name for people. */
export const loginStatusName = (status: number): string => statusNames.get(status) ?? `0x${status.toString(16)}`

/** Whether a status sends the initiator elsewhere (class 1). */
export const isRedirect = (status: number): boolean => status >> 8 === 1

const at = { isid: 8, tsih: 14, cid: 20, versionMax: 2, versionMin: 3, statusClass: 36, statusDetail: 37 } as const

/** The fields of a Login Request. */
export interface LoginRequest {
  readonly transit: boolean
  readonly continues: boolean
  readonly currentStage: number
  readonly nextStage: number
  readonly versionMin: number
  /** 6 bytes as 12 hexadecimal digits. */
  readonly isid: string
  readonly tsih: number
  readonly initiatorTaskTag: number
  readonly cid: number
  readonly cmdSn: number
}

/** Reads a Login Request. */
export const readLoginRequest = (b: Buffer, o: number): LoginRequest => {
  const flags = b.readUInt8(o + bhsAt.flags)
  return {
    transit: (flags & 0x80) !== 0,
    continues: (flags & 0x40) !== 0,
    currentStage: (flags >> 2) & 3,
    nextStage: flags & 3,
    versionMin: b.readUInt8(o + at.versionMin),
    isid: b.toString("hex", o + at.isid, o + at.isid + 6),
    tsih: b.readUInt16BE(o + at.tsih),
    initiatorTaskTag: b.readUInt32BE(o + bhsAt.initiatorTaskTag),
    cid: b.readUInt16BE(o + at.cid),
    cmdSn: b.readUInt32BE(o + bhsAt.sequenceNumber)
  }
}

/** What a Login Response says, beside its text. */
export interface LoginResponse {
  readonly transit: boolean
  readonly continues: boolean
  readonly currentStage: number
  readonly nextStage: number
  readonly isid: string
  readonly tsih: number
  readonly initiatorTaskTag: number
  readonly status: number
}

/** Writes the header of a Login Response. */
export const writeLoginResponse = (
  b: Buffer,
  o: number,
  response: LoginResponse,
  dataBytes: number,
  statSn: number,
  expCmdSn: number,
  maxCmdSn: number
): void => {
  const flags =
    (response.transit ? 0x80 | response.nextStage : 0) | (response.continues ? 0x40 : 0) | (response.currentStage << 2)
  beginHeader(b, o, TargetOpcode.LoginResponse, flags, dataBytes)
  b.write(response.isid, o + at.isid, 6, "hex")
  b.writeUInt16BE(response.tsih, o + at.tsih)
  put32(b, o + bhsAt.initiatorTaskTag, response.initiatorTaskTag)
  putSequenceNumbers(b, o, statSn, expCmdSn, maxCmdSn)
  b.writeUInt16BE(response.status, o + at.statusClass)
}
