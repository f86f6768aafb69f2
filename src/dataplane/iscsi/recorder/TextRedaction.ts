/**
 * Text of login and text PDUs as it may be kept: of the same length, with an X for each byte of a value that is not
 * known to be harmless. What CHAP says (names, challenges, responses) is nobody's business but the two ends'.
 */

/** Keys whose values are kept: all of RFC 7143 chapter 13 but those of authentication, and SendTargets. */
const harmlessKeys: ReadonlySet<string> = new Set([
  "AuthMethod",
  "DataDigest",
  "DataPDUInOrder",
  "DataSequenceInOrder",
  "DefaultTime2Retain",
  "DefaultTime2Wait",
  "ErrorRecoveryLevel",
  "FirstBurstLength",
  "HeaderDigest",
  "IFMarkInt",
  "IFMarker",
  "ImmediateData",
  "InitialR2T",
  "InitiatorAlias",
  "InitiatorName",
  "MaxBurstLength",
  "MaxConnections",
  "MaxOutstandingR2T",
  "MaxRecvDataSegmentLength",
  "OFMarkInt",
  "OFMarker",
  "SendTargets",
  "SessionType",
  "TargetAddress",
  "TargetAlias",
  "TargetName",
  "TargetPortalGroupTag",
  "TaskReporting",
  "iSCSIProtocolLevel"
])
const keyBytesMax = 63

const equals = 0x3d
const end = 0
const replacement = 0x58

/** Of one direction of a connection: pairs may go on in the next PDU, anywhere. */
export class TextRedaction {
  /** The key so far; undefined within a value. */
  #key: string | undefined = ""
  #hides = false

  /** A copy of the next PDU's text. */
  redact(text: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(text)
    for (let at = 0; at < copy.length; at++) {
      const byte = copy[at] ?? end
      if (byte === end) {
        this.#key = ""
        this.#hides = false
      } else if (byte === equals) {
        // A second one in a value: pairs that are not parted as they should be.
        this.#hides = this.#hides || this.#key === undefined || !harmlessKeys.has(this.#key)
        this.#key = undefined
      } else if (this.#key === undefined) {
        if (this.#hides) copy[at] = replacement
      } else if (this.#key.length <= keyBytesMax) this.#key += String.fromCharCode(byte)
    }
    return copy
  }
}
