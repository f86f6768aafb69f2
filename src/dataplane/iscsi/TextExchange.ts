/**
 * Text requests in full feature phase (RFC 7143 sections 11.10 and 11.11): SendTargets, and re-declaration of
 * MaxRecvDataSegmentLength. Long answers are continued, each PDU no longer than the initiator takes.
 */
import { loginDataSegmentBytesMax, targetWorkBytes, textExchangeBytesMax } from "../limits.ts"
import type { Connection } from "./Connection.ts"
import type { LoginPurpose } from "./Login.ts"
import { isLoginKey, type SessionParameters } from "./negotiation.ts"
import { finalBit, flagsOf, initiatorTaskTagOf, reservedTag, targetTransferTagOf } from "./pdu/bhs.ts"
import { writeTextResponse } from "./pdu/session-control.ts"
import type { Target } from "./Target.ts"
import { formatTextPairs, parseNumber, parseTextPairs, type TextPairs } from "./text-keys.ts"

const continueBit = 0x40
const nothing = Buffer.alloc(0)

/** The zone of a link-local address is a name of this machine's. */
const withoutZone = (host: string): string => host.replace(/%[^\]]*/, "")

/** One per connection. */
export class TextExchange {
  readonly #connection: Connection
  readonly #parameters: SessionParameters
  readonly #purpose: LoginPurpose
  #initiatorTaskTag = reservedTag
  /** Whether the initiator has said all it wants (F bit): only then may a response end the exchange. */
  #final = false
  #request: Buffer = nothing
  #answer: Buffer = nothing
  #sent = 0
  #tag = 0

  constructor(connection: Connection, parameters: SessionParameters, purpose: LoginPurpose) {
    this.#connection = connection
    this.#parameters = parameters
    this.#purpose = purpose
  }

  /** Answers a text request with its whole data segment, now or soon. */
  answer(header: Buffer, data: Buffer): void {
    const connection = this.#connection
    const flags = flagsOf(header, 0)
    const final = (flags & finalBit) !== 0
    const continues = (flags & continueBit) !== 0
    const initiatorTaskTag = initiatorTaskTagOf(header, 0)
    const tag = targetTransferTagOf(header, 0)
    if (final && continues) return void connection.protocolError("a text request with both F and C")
    if (tag === reservedTag) {
      this.#initiatorTaskTag = initiatorTaskTag
      this.#request = nothing
      this.#answer = nothing
      this.#sent = 0
    } else if (tag !== this.#tag || initiatorTaskTag !== this.#initiatorTaskTag) {
      return void connection.protocolError("a text request that continues no exchange")
    }
    this.#final = final
    if (this.#answer.length > this.#sent) return this.#send()
    if (this.#request.length + data.length > textExchangeBytesMax) {
      return void connection.protocolError(`more than ${textExchangeBytesMax} bytes of text`)
    }
    this.#request = Buffer.concat([this.#request, data])
    if (continues) return this.#send()
    const pairs = parseTextPairs(this.#request)
    this.#request = nothing
    if ("problem" in pairs) return void connection.protocolError(`text with ${pairs.problem}`)
    // A thousand targets take milliseconds, and anybody may ask for them again and again.
    const targets = this.#purpose._tag === "Discovery" ? connection.node.targets.size : 1
    connection.share.slowly(targets * targetWorkBytes, () => {
      this.#answer = this.#answerPairs(pairs)
      this.#sent = 0
      this.#send()
    })
  }

  /**
   * Sends the next piece of the answer, or an empty response that asks for more text. A response ends the exchange only
   * if its request does (RFC 7143 section 11.11.1).
   */
  #send(): void {
    const connection = this.#connection
    const length = Math.min(this.#parameters.initiatorMaxRecvDataSegmentLength, loginDataSegmentBytesMax)
    const end = Math.min(this.#answer.length, this.#sent + length)
    const piece = this.#answer.subarray(this.#sent, end)
    const more = end < this.#answer.length
    const open = more || !this.#final
    this.#sent = more ? end : 0
    // A long list of targets is not kept for a connection that has it and idles.
    if (!more) this.#answer = nothing
    if (open) this.#tag = (this.#tag + 1) % reservedTag
    const tag = open ? this.#tag : reservedTag
    const n = connection.numbers()
    const itt = this.#initiatorTaskTag
    connection.send(piece, (b, at) => writeTextResponse(b, at, itt, tag, n, piece.length, more))
  }

  #answerPairs(pairs: TextPairs): Buffer {
    const answers: Array<readonly [string, string]> = []
    let targets: TextPairs = []
    for (const [key, value] of pairs) {
      if (key === "SendTargets") targets = this.#sendTargets(value)
      else if (key === "MaxRecvDataSegmentLength") this.#redeclare(value)
      else answers.push([key, isLoginKey(key) ? "Reject" : "NotUnderstood"])
    }
    // One target after the other: TargetName may come again, which the parser of requests would refuse.
    return formatTextPairs([...answers, ...targets])
  }

  #redeclare(value: string): void {
    const length = parseNumber(value)
    if (length !== undefined && length >= 512 && length <= 0xff_ff_ff) {
      this.#parameters.initiatorMaxRecvDataSegmentLength = length
    }
  }

  /** `All` (discovery only), a name, or nothing: the target of this session (RFC 7143 appendix C). */
  #sendTargets(value: string): TextPairs {
    const { node } = this.#connection
    const purpose = this.#purpose
    if (purpose._tag === "Discovery") {
      // Which target would "this session's" be?
      if (value === "") return [["SendTargets", "Reject"]]
      const wanted = value === "All" ? [...node.targets.values()] : [node.findTarget(value)]
      return wanted.flatMap((target) =>
        target !== undefined && node.mayDiscover(target, purpose.initiatorName) ? this.#describe(target) : []
      )
    }
    if (value === "All") return [["SendTargets", "Reject"]]
    const named = value === "" || purpose.target.spec.name.toLowerCase() === value.toLowerCase()
    return named ? this.#describe(purpose.target) : []
  }

  #describe(target: Target): TextPairs {
    const { node, origin } = this.#connection
    const pairs: Array<readonly [string, string]> = [["TargetName", target.spec.name]]
    const local = withoutZone(origin.targetAddress.includes(":") ? `[${origin.targetAddress}]` : origin.targetAddress)
    for (const { portalGroupTag } of target.spec.ports) {
      const group = node.portalGroups.get(portalGroupTag)
      if (group === undefined || group.private) continue
      for (const { host, port } of group.portals) {
        const isAny = host === "*" || host === "[*]" || host === "0.0.0.0" || host === "[::]"
        // Any address of the one family is none of the other's: portals on IPv6 take no IPv4.
        if (isAny && host.startsWith("[") !== local.startsWith("[")) continue
        pairs.push(["TargetAddress", `${isAny ? local : withoutZone(host)}:${port},${portalGroupTag}`])
      }
    }
    return pairs
  }
}
