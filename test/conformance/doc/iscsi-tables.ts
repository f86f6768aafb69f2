/** The iSCSI part of docs/conformance.md: what the target answers, found out by asking it. */
import { Negotiation } from "../../../src/dataplane/iscsi/negotiation.ts"
import { LoginStatus } from "../../../src/dataplane/iscsi/pdu/login.ts"
import {
  RejectReason,
  TaskManagementFunction,
  taskManagementResultName
} from "../../../src/dataplane/iscsi/pdu/session-control.ts"
import { defaultIscsiOptions } from "../../../src/domain/options/IscsiOptions.ts"
import { addTarget, loggedIn, ramDisk, TestNode } from "../../dataplane/iscsi/fixture.ts"
import { Opcode } from "../../support/initiator/pdu.ts"
import { code, hex, table } from "./markdown.ts"

const numbers = ["0", "1", "511", "512", "65536", "0xffffff", "16777216"] as const
const small = ["0", "1", "2", "3", "65535", "65536"] as const
const seconds = ["0", "2", "20", "3600", "3601"] as const
const yesOrNo = ["Yes", "No", "Maybe"] as const
const digests = ["None", "CRC32C", "CRC32C,None", "None,CRC32C", "MD5"] as const

/** Operational keys with what they are tried with (RFC 7143 sections 13.1 to 13.25). */
const keys: ReadonlyArray<readonly [key: string, section: string, offers: ReadonlyArray<string>]> = [
  ["HeaderDigest", "13.1", digests],
  ["DataDigest", "13.1", digests],
  ["MaxConnections", "13.2", small],
  ["InitialR2T", "13.10", yesOrNo],
  ["ImmediateData", "13.11", yesOrNo],
  ["MaxRecvDataSegmentLength", "13.12", numbers],
  ["MaxBurstLength", "13.13", numbers],
  ["FirstBurstLength", "13.14", numbers],
  ["DefaultTime2Wait", "13.15", seconds],
  ["DefaultTime2Retain", "13.16", seconds],
  ["MaxOutstandingR2T", "13.17", small],
  ["DataPDUInOrder", "13.18", yesOrNo],
  ["DataSequenceInOrder", "13.19", yesOrNo],
  ["ErrorRecoveryLevel", "13.20", small],
  ["TaskReporting", "13.23", ["RFC3720", "ResponseFence", "FastAbort"]],
  ["iSCSIProtocolLevel", "13.24", ["0", "1", "2", "32"]],
  ["IFMarker", "13.25", yesOrNo],
  ["OFMarkInt", "13.25", ["2048~65535"]],
  ["X-com.example.key", "6.3", ["anything"]]
]

const policy = {
  discovery: false,
  maxConnections: defaultIscsiOptions.maxConnectionsPerSession,
  joins: false,
  immediateData: defaultIscsiOptions.immediateData,
  firstBurstLength: defaultIscsiOptions.firstBurstLength,
  defaultTime2Wait: defaultIscsiOptions.defaultTime2Wait,
  defaultTime2Retain: defaultIscsiOptions.defaultTime2Retain,
  requireHeaderDigest: false,
  requireDataDigest: false
}

const answerTo = (key: string, offer: string): string => {
  const answers = new Negotiation(policy).answer([[key, offer]])
  if ("refused" in answers) return "login refused"
  return answers[0]?.[1] ?? "taken"
}

/** Every operational key, with the answers to some offers under the default options. */
export const keyTable = (): string =>
  table(
    ["key", "RFC 7143", "offer → answer"],
    keys.map(([key, section, offers]) => [
      code(key),
      section,
      offers.map((offer) => `${code(offer)} → ${answerTo(key, offer)}`).join(", ")
    ])
  )

const words = (name: string): string =>
  name.replaceAll(/([a-z])([A-Z])/gu, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`)

/** What a session with an idle disk is answered to a function. */
const tried = (requested: number): string => {
  const node = new TestNode()
  addTarget(node, { 0: ramDisk() })
  const peer = loggedIn(node)
  peer.send({
    opcode: Opcode.taskManagement,
    immediate: true,
    flags: 0x80 | requested,
    initiatorTaskTag: 1,
    word20: 0xff,
    cmdSn: peer.cmdSn,
    word32: peer.cmdSn
  })
  const response = peer.received().find((pdu) => pdu.opcode === Opcode.taskManagementResponse)
  return response === undefined ? "the connection is closed" : words(taskManagementResultName(response.response))
}

/** Task management functions with what a session is answered that has no command in flight. */
export const taskManagementTable = (): string =>
  table(
    ["function", "name", "answer without a command in flight"],
    Object.entries(TaskManagementFunction).map(([name, number]) => [String(number), words(name), tried(number)])
  )

/** Login statuses that the target gives. */
export const loginStatusTable = (): string =>
  table(
    ["status", "meaning"],
    Object.entries(LoginStatus).map(([name, status]) => [hex(status, 4), words(name)])
  )

/** Reasons of Reject PDUs. */
export const rejectTable = (): string =>
  table(
    ["reason", "meaning"],
    Object.entries(RejectReason).map(([name, reason]) => [hex(reason), words(name)])
  )
