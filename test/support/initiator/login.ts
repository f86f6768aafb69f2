/**
 * The login phase, request by request (RFC 7143 sections 6 and 11.12), and a default flow on top of it that ends in
 * full feature phase or in the target's refusal.
 */
import { randomBytes } from "node:crypto"
import { type Credentials, provenBy } from "./chap.ts"
import { type Negotiated, negotiated, negotiationViolations } from "./negotiation.ts"
import { makeHeader, Opcode, Pdu } from "./pdu.ts"
import { decodeKeys, encodeKeys, type KeyList, keyList } from "./text-keys.ts"
import { defaultWaitMillis, type Wire } from "./Wire.ts"

/** Login stages as the CSG and NSG fields number them. */
export const Stage = { security: 0, operational: 1, fullFeature: 3 } as const

/** Login status codes (class and detail) that the tests name, RFC 7143 section 11.13.5. */
export const LoginStatus = {
  success: 0x0000,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  notFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  cannotIncludeInSession: 0x0208,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  outOfResources: 0x0302
} as const

/** An initiator session id: 6 bytes, random type (80h), RFC 7143 section 11.12.5. */
export const randomIsid = (): Buffer => {
  const isid = randomBytes(6)
  isid[0] = 0x80
  return isid
}

/** One login request; every field can be wrong on purpose. */
export interface LoginRequest {
  readonly currentStage: number
  readonly nextStage?: number
  /** T bit: ask to move to `nextStage`. */
  readonly transit?: boolean
  /** C bit: the text goes on in the next request. */
  readonly continues?: boolean
  readonly keys?: KeyList
  /** Instead of `keys`: the data segment as it is. */
  readonly data?: Buffer
  readonly versionMax?: number
  readonly versionMin?: number
  readonly tsih?: number
  readonly connectionId?: number
}

/** A login response with its text put together. */
export interface LoginResponse {
  readonly pdu: Pdu
  readonly status: number
  readonly transit: boolean
  readonly nextStage: number
  readonly keys: KeyList
}

/** The login phase of one connection. */
export class LoginExchange {
  readonly wire: Wire
  readonly isid: Buffer
  readonly initiatorTaskTag = 1
  cmdSn: number
  expStatSn = 0
  tsih = 0
  connectionId = 1
  #first = true
  readonly #waitMillis: number

  constructor(wire: Wire, isid: Buffer = randomIsid(), cmdSn = 1, waitMillis = defaultWaitMillis) {
    this.wire = wire
    this.isid = isid
    this.cmdSn = cmdSn
    this.#waitMillis = waitMillis
  }

  /** Sends one request without waiting. */
  send(request: LoginRequest): void {
    const flags =
      (request.transit === true ? 0x80 : 0) |
      (request.continues === true ? 0x40 : 0) |
      (request.currentStage << 2) |
      (request.transit === true ? (request.nextStage ?? Stage.fullFeature) : 0)
    const header = makeHeader({
      opcode: Opcode.login,
      immediate: true,
      flags,
      byte2: request.versionMax ?? 0,
      byte3: request.versionMin ?? 0,
      initiatorTaskTag: this.initiatorTaskTag,
      word20: (request.connectionId ?? this.connectionId) << 16,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn
    })
    this.isid.copy(header, 8)
    header.writeUInt16BE(request.tsih ?? this.tsih, 14)
    this.wire.send(new Pdu(header, request.data ?? encodeKeys(request.keys ?? [])))
  }

  /** Receives one response PDU and checks what every login response must carry. */
  async receive(): Promise<Pdu> {
    const pdu = await this.wire.receive(this.#waitMillis)
    if (pdu.opcode !== Opcode.loginResponse) {
      throw new Error(`expected a login response, got opcode ${pdu.opcode.toString(16)}h`)
    }
    if (!this.#first && pdu.loginStatus === 0 && pdu.statSn !== this.expStatSn) {
      throw new Error(`expected StatSN ${this.expStatSn}, got ${pdu.statSn}`)
    }
    this.#first = false
    this.expStatSn = (pdu.statSn + 1) >>> 0
    return pdu
  }

  /** One request and its whole response: a text with the C bit is fetched to its end with empty requests. */
  async exchange(request: LoginRequest): Promise<LoginResponse> {
    this.send(request)
    let pdu = await this.receive()
    const texts = [pdu.data]
    while (pdu.loginStatus === 0 && (pdu.flags & 0x40) !== 0) {
      this.send({ currentStage: request.currentStage })
      pdu = await this.receive()
      texts.push(pdu.data)
    }
    if (pdu.loginStatus === 0 && pdu.final) this.tsih = pdu.tsih
    return {
      pdu,
      status: pdu.loginStatus,
      transit: pdu.final,
      nextStage: pdu.flags & 3,
      keys: decodeKeys(Buffer.concat(texts))
    }
  }
}

/** What the default flow logs in with. */
export interface LoginOptions {
  /** Left out: a discovery session. */
  readonly targetName?: string
  readonly initiatorName?: string
  readonly isid?: Buffer
  /** Operational keys to offer; the default offers what a modern initiator does. */
  readonly keys?: KeyList | Readonly<Record<string, string>>
  /** Keys of the first request, in place of InitiatorName, SessionType and TargetName. */
  readonly firstKeys?: KeyList
  /** AuthMethod to offer in a security stage of its own. Left out: the login starts in the operational stage. */
  readonly authMethod?: string
  /** What to authenticate with, once the target has agreed on CHAP. */
  readonly chap?: Credentials
  readonly tsih?: number
  readonly connectionId?: number
  readonly cmdSn?: number
  readonly waitMillis?: number
}

/** How a login ended: in full feature phase, or with the target's refusal. */
export interface LoginOutcome {
  readonly status: number
  readonly tsih: number
  readonly isid: Buffer
  /** All keys that the target sent. */
  readonly answered: KeyList
  readonly parameters: Negotiated
  /** Rules of negotiation that the target broke. */
  readonly violations: ReadonlyArray<string>
  readonly cmdSn: number
  readonly expStatSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
}

/** The initiator's name unless a test says otherwise. */
export const defaultInitiatorName = "iqn.2024-01.test.lunlog:initiator"

/** Offered unless a test says otherwise. */
export const defaultKeys: Readonly<Record<string, string>> = {
  HeaderDigest: "None",
  DataDigest: "None",
  MaxRecvDataSegmentLength: "262144",
  InitialR2T: "No",
  ImmediateData: "Yes",
  MaxBurstLength: "1048576",
  FirstBurstLength: "262144",
  MaxOutstandingR2T: "8",
  MaxConnections: "1",
  DefaultTime2Wait: "2",
  DefaultTime2Retain: "0",
  ErrorRecoveryLevel: "0",
  DataPDUInOrder: "Yes",
  DataSequenceInOrder: "Yes"
}

const discoveryKeys: KeyList = [["MaxRecvDataSegmentLength", "262144"]]

const identity = (options: LoginOptions): KeyList => [
  ["InitiatorName", options.initiatorName ?? defaultInitiatorName],
  ["SessionType", options.targetName === undefined ? "Discovery" : "Normal"],
  ...(options.targetName === undefined ? [] : [["TargetName", options.targetName] as const])
]

const operationalKeys = (options: LoginOptions): KeyList =>
  keyList(options.keys ?? (options.targetName === undefined ? discoveryKeys : defaultKeys))

/** The security stage: CHAP, if the target agrees on that, and no further than the target lets it. */
const secure = async (
  exchange: LoginExchange,
  keys: KeyList,
  { chap }: LoginOptions,
  answered: Array<readonly [string, string]>
): Promise<LoginResponse> => {
  const stage = { currentStage: Stage.security, nextStage: Stage.operational, transit: true }
  let response = await exchange.exchange({ ...stage, keys })
  answered.push(...response.keys)
  if (response.status !== 0 || !response.keys.some(([key, value]) => key === "AuthMethod" && value === "CHAP")) {
    return response
  }
  if (chap === undefined) throw new Error("the target wants CHAP, and the test has no credentials")
  response = await exchange.exchange({ ...stage, keys: [["CHAP_A", chap.algorithms ?? "5"]] })
  answered.push(...response.keys)
  if (response.status !== 0) return response
  const proof = provenBy(chap, response.keys)
  response = await exchange.exchange({ ...stage, keys: proof.keys })
  answered.push(...response.keys)
  if (response.status === 0) proof.check(response.keys)
  return response
}

/** More rounds than any login of these tests needs. */
const roundsMax = 8

/**
 * Logs in on `wire`. Resolves with the refusal when the target refuses; rejects when the connection fails. Switches the
 * digests on as soon as the last response says so.
 */
export const login = async (wire: Wire, options: LoginOptions): Promise<LoginOutcome> => {
  const exchange = new LoginExchange(wire, options.isid, options.cmdSn, options.waitMillis)
  exchange.tsih = options.tsih ?? 0
  exchange.connectionId = options.connectionId ?? 1
  const first = options.firstKeys ?? identity(options)
  const operational = operationalKeys(options)
  const answered: Array<readonly [string, string]> = []
  let response: LoginResponse
  if (options.authMethod === undefined) {
    response = await exchange.exchange({
      currentStage: Stage.operational,
      transit: true,
      keys: [...first, ...operational]
    })
    answered.push(...response.keys)
  } else {
    response = await secure(exchange, [...first, ["AuthMethod", options.authMethod]], options, answered)
    if (response.status === 0) {
      response = await exchange.exchange({ currentStage: Stage.operational, transit: true, keys: operational })
      answered.push(...response.keys)
    }
  }
  for (let round = 0; round < roundsMax && response.status === 0 && !response.transit; round++) {
    response = await exchange.exchange({ currentStage: Stage.operational, transit: true })
    answered.push(...response.keys)
  }
  if (response.status === 0 && !response.transit) throw new Error(`the login did not end in ${roundsMax} rounds`)
  const parameters = negotiated(operational, answered)
  if (response.status === 0) wire.digests = { header: parameters.headerDigest, data: parameters.dataDigest }
  return {
    status: response.status,
    tsih: response.pdu.tsih,
    isid: exchange.isid,
    answered,
    parameters,
    violations: response.status === 0 ? negotiationViolations(operational, answered) : [],
    cmdSn: exchange.cmdSn,
    expStatSn: exchange.expStatSn,
    expCmdSn: response.pdu.expCmdSn,
    maxCmdSn: response.pdu.maxCmdSn
  }
}
