/** Sense keys (SPC-4 table 48) and the additional sense codes that lunlog sends (SPC-4 annex F). */

/** Sense keys: what kind of thing went wrong. */
export const SenseKey = {
  noSense: 0x0,
  recoveredError: 0x1,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  blankCheck: 0x8,
  vendorSpecific: 0x9,
  copyAborted: 0xa,
  abortedCommand: 0xb,
  volumeOverflow: 0xd,
  miscompare: 0xe,
  completed: 0xf
} as const
export type SenseKey = (typeof SenseKey)[keyof typeof SenseKey]

/** Additional sense code and qualifier as one number: ASC * 256 + ASCQ. */
export const SenseCode = {
  none: 0x0000,
  operationInProgress: 0x0016,
  sanitizeInProgress: 0x041b,
  logicalUnitCommunicationFailure: 0x0800,
  unreachableCopyTarget: 0x0804,
  writeError: 0x0c00,
  /** UNEXPECTED UNSOLICITED DATA and NOT ENOUGH UNSOLICITED DATA (RFC 7143 section 11.4.7.2). */
  unexpectedUnsolicitedData: 0x0c0c,
  notEnoughUnsolicitedData: 0x0c0d,
  thirdPartyDeviceFailure: 0x0d01,
  copyTargetDeviceNotReachable: 0x0d02,
  incorrectCopyTargetDeviceType: 0x0d03,
  unrecoveredReadError: 0x1100,
  parameterListLengthError: 0x1a00,
  invalidCommandOperationCode: 0x2000,
  logicalBlockAddressOutOfRange: 0x2100,
  invalidFieldInCdb: 0x2400,
  logicalUnitNotSupported: 0x2500,
  invalidFieldInParameterList: 0x2600,
  tooManyCopyTargets: 0x2606,
  unsupportedCopyTargetDescriptor: 0x2607,
  tooManyCopySegments: 0x2608,
  unsupportedCopySegment: 0x2609,
  unexpectedInexactSegment: 0x260a,
  inlineDataLengthExceeded: 0x260b,
  writeProtected: 0x2700,
  spaceAllocationFailedWriteProtect: 0x2707,
  notReadyToReadyChange: 0x2800,
  powerOnResetOrBusDeviceReset: 0x2900,
  powerOnOccurred: 0x2901,
  scsiBusResetOccurred: 0x2902,
  busDeviceResetFunctionOccurred: 0x2903,
  deviceInternalReset: 0x2904,
  itNexusLossOccurred: 0x2907,
  parametersChanged: 0x2a00,
  modeParametersChanged: 0x2a01,
  logParametersChanged: 0x2a02,
  capacityDataHasChanged: 0x2a09,
  commandsClearedByAnotherInitiator: 0x2f00,
  sanitizeCommandFailed: 0x3103,
  thinProvisioningSoftThresholdReached: 0x3807,
  savingParametersNotSupported: 0x3900,
  mediumNotPresent: 0x3a00,
  inquiryDataHasChanged: 0x3f03,
  reportedLunsDataHasChanged: 0x3f0e,
  internalTargetFailure: 0x4400,
  protocolServiceCrcError: 0x4705,
  mediumRemovalPrevented: 0x5302,
  insufficientResources: 0x5503
} as const
export type SenseCode = (typeof SenseCode)[keyof typeof SenseCode]

const keyNames = [
  "NO SENSE",
  "RECOVERED ERROR",
  "NOT READY",
  "MEDIUM ERROR",
  "HARDWARE ERROR",
  "ILLEGAL REQUEST",
  "UNIT ATTENTION",
  "DATA PROTECT",
  "BLANK CHECK",
  "VENDOR SPECIFIC",
  "COPY ABORTED",
  "ABORTED COMMAND",
  "RESERVED",
  "VOLUME OVERFLOW",
  "MISCOMPARE",
  "COMPLETED"
]

const codeNames: ReadonlyMap<number, string> = new Map([
  [SenseCode.none, "NO ADDITIONAL SENSE INFORMATION"],
  [SenseCode.operationInProgress, "OPERATION IN PROGRESS"],
  [SenseCode.sanitizeInProgress, "LOGICAL UNIT NOT READY, SANITIZE IN PROGRESS"],
  [SenseCode.logicalUnitCommunicationFailure, "LOGICAL UNIT COMMUNICATION FAILURE"],
  [SenseCode.unreachableCopyTarget, "UNREACHABLE COPY TARGET"],
  [SenseCode.writeError, "WRITE ERROR"],
  [SenseCode.unexpectedUnsolicitedData, "UNEXPECTED UNSOLICITED DATA"],
  [SenseCode.notEnoughUnsolicitedData, "NOT ENOUGH UNSOLICITED DATA"],
  [SenseCode.thirdPartyDeviceFailure, "THIRD PARTY DEVICE FAILURE"],
  [SenseCode.copyTargetDeviceNotReachable, "COPY TARGET DEVICE NOT REACHABLE"],
  [SenseCode.incorrectCopyTargetDeviceType, "INCORRECT COPY TARGET DEVICE TYPE"],
  [SenseCode.unrecoveredReadError, "UNRECOVERED READ ERROR"],
  [SenseCode.parameterListLengthError, "PARAMETER LIST LENGTH ERROR"],
  [SenseCode.invalidCommandOperationCode, "INVALID COMMAND OPERATION CODE"],
  [SenseCode.logicalBlockAddressOutOfRange, "LOGICAL BLOCK ADDRESS OUT OF RANGE"],
  [SenseCode.invalidFieldInCdb, "INVALID FIELD IN CDB"],
  [SenseCode.logicalUnitNotSupported, "LOGICAL UNIT NOT SUPPORTED"],
  [SenseCode.invalidFieldInParameterList, "INVALID FIELD IN PARAMETER LIST"],
  [SenseCode.tooManyCopyTargets, "TOO MANY TARGET DESCRIPTORS"],
  [SenseCode.unsupportedCopyTargetDescriptor, "UNSUPPORTED TARGET DESCRIPTOR TYPE CODE"],
  [SenseCode.tooManyCopySegments, "TOO MANY SEGMENT DESCRIPTORS"],
  [SenseCode.unsupportedCopySegment, "UNSUPPORTED SEGMENT DESCRIPTOR TYPE CODE"],
  [SenseCode.unexpectedInexactSegment, "UNEXPECTED INEXACT SEGMENT"],
  [SenseCode.inlineDataLengthExceeded, "INLINE DATA LENGTH EXCEEDED"],
  [SenseCode.writeProtected, "WRITE PROTECTED"],
  [SenseCode.spaceAllocationFailedWriteProtect, "SPACE ALLOCATION FAILED WRITE PROTECT"],
  [SenseCode.notReadyToReadyChange, "NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED"],
  [SenseCode.powerOnResetOrBusDeviceReset, "POWER ON, RESET, OR BUS DEVICE RESET OCCURRED"],
  [SenseCode.powerOnOccurred, "POWER ON OCCURRED"],
  [SenseCode.scsiBusResetOccurred, "SCSI BUS RESET OCCURRED"],
  [SenseCode.busDeviceResetFunctionOccurred, "BUS DEVICE RESET FUNCTION OCCURRED"],
  [SenseCode.deviceInternalReset, "DEVICE INTERNAL RESET"],
  [SenseCode.itNexusLossOccurred, "I_T NEXUS LOSS OCCURRED"],
  [SenseCode.parametersChanged, "PARAMETERS CHANGED"],
  [SenseCode.modeParametersChanged, "MODE PARAMETERS CHANGED"],
  [SenseCode.logParametersChanged, "LOG PARAMETERS CHANGED"],
  [SenseCode.capacityDataHasChanged, "CAPACITY DATA HAS CHANGED"],
  [SenseCode.commandsClearedByAnotherInitiator, "COMMANDS CLEARED BY ANOTHER INITIATOR"],
  [SenseCode.thinProvisioningSoftThresholdReached, "THIN PROVISIONING SOFT THRESHOLD REACHED"],
  [SenseCode.sanitizeCommandFailed, "SANITIZE COMMAND FAILED"],
  [SenseCode.savingParametersNotSupported, "SAVING PARAMETERS NOT SUPPORTED"],
  [SenseCode.mediumNotPresent, "MEDIUM NOT PRESENT"],
  [SenseCode.inquiryDataHasChanged, "INQUIRY DATA HAS CHANGED"],
  [SenseCode.reportedLunsDataHasChanged, "REPORTED LUNS DATA HAS CHANGED"],
  [SenseCode.internalTargetFailure, "INTERNAL TARGET FAILURE"],
  [SenseCode.protocolServiceCrcError, "PROTOCOL SERVICE CRC ERROR"],
  [SenseCode.mediumRemovalPrevented, "MEDIUM REMOVAL PREVENTED"],
  [SenseCode.insufficientResources, "INSUFFICIENT RESOURCES"]
])

/** `ILLEGAL REQUEST`; only the low four bits count. */
export const senseKeyName = (key: number): string => keyNames[key & 0x0f] ?? "RESERVED"

/** `INVALID FIELD IN CDB`, or `additional sense 24h/00h` for a code that this table does not have. */
export const senseCodeName = (code: number): string => {
  const hex = (byte: number) => `${byte.toString(16).padStart(2, "0").toUpperCase()}h`
  return codeNames.get(code) ?? `additional sense ${hex((code >> 8) & 0xff)}/${hex(code & 0xff)}`
}
