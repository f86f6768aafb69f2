/** EXTENDED COPY(LID1) as initiators send it: parameter lists and CDBs (SPC-4 6.4, 6.23). */

/** A disk of a list; `designator` is an NAA name unless `codeSet` and `type` say otherwise. */
export interface CscdFields {
  readonly designator: Buffer
  readonly blockLength: number
  readonly descriptorType?: number
  readonly peripheralDeviceType?: number
  readonly codeSet?: number
  readonly association?: number
  readonly type?: number
  readonly designatorLength?: number
}

/** Blocks to copy; `source` and `destination` are indexes of disks. */
export interface SegmentFields {
  readonly source: number
  readonly destination: number
  readonly blocks: number
  readonly sourceLba: number
  readonly destinationLba: number
  readonly countsDestinationBlocks?: boolean
  readonly descriptorType?: number
}

/** What the header has beside the lengths. */
export interface CopyHeader {
  readonly listIdentifier?: number
  readonly listIdUsage?: number
  readonly inlineLength?: number
}

const cscdDescriptor = (fields: CscdFields): Buffer => {
  const descriptor = Buffer.alloc(32)
  descriptor[0] = fields.descriptorType ?? 0xe4
  descriptor[1] = fields.peripheralDeviceType ?? 0
  descriptor[4] = fields.codeSet ?? 1
  descriptor[5] = ((fields.association ?? 0) << 4) | (fields.type ?? 3)
  descriptor[7] = fields.designatorLength ?? fields.designator.length
  fields.designator.copy(descriptor, 8, 0, 20)
  descriptor.writeUIntBE(fields.blockLength, 29, 3)
  return descriptor
}

const segmentDescriptor = (fields: SegmentFields): Buffer => {
  const descriptor = Buffer.alloc(28)
  descriptor[0] = fields.descriptorType ?? 0x02
  descriptor[1] = fields.countsDestinationBlocks === true ? 0x02 : 0
  descriptor.writeUInt16BE(24, 2)
  descriptor.writeUInt16BE(fields.source, 4)
  descriptor.writeUInt16BE(fields.destination, 6)
  descriptor.writeUInt16BE(fields.blocks, 10)
  descriptor.writeBigUInt64BE(BigInt(fields.sourceLba), 12)
  descriptor.writeBigUInt64BE(BigInt(fields.destinationLba), 20)
  return descriptor
}

/** A parameter list. */
export const copyList = (
  cscds: ReadonlyArray<CscdFields>,
  segments: ReadonlyArray<SegmentFields>,
  header: CopyHeader = {}
): Buffer => {
  const head = Buffer.alloc(16)
  head[0] = header.listIdentifier ?? 1
  head[1] = (header.listIdUsage ?? 0) << 3
  head.writeUInt16BE(cscds.length * 32, 2)
  head.writeUInt32BE(segments.length * 28, 8)
  head.writeUInt32BE(header.inlineLength ?? 0, 12)
  return Buffer.concat([head, ...cscds.map(cscdDescriptor), ...segments.map(segmentDescriptor)])
}

/** The CDB of EXTENDED COPY(LID1). */
export const extendedCopyCdb = (parameterListLength: number): Buffer => {
  const cdb = Buffer.alloc(16)
  cdb[0] = 0x83
  cdb.writeUInt32BE(parameterListLength, 10)
  return cdb
}

/** Service actions of RECEIVE COPY RESULTS. */
export const CopyResults = {
  copyStatus: 0x00,
  receiveData: 0x01,
  operatingParameters: 0x03,
  failedSegment: 0x04
} as const

/** The CDB of RECEIVE COPY RESULTS. */
export const receiveCopyResultsCdb = (serviceAction: number, listIdentifier = 0, allocationLength = 1024): Buffer => {
  const cdb = Buffer.alloc(16)
  cdb[0] = 0x84
  cdb[1] = serviceAction
  cdb[2] = listIdentifier
  cdb.writeUInt32BE(allocationLength, 10)
  return cdb
}
