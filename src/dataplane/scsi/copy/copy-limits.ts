/**
 * What one EXTENDED COPY may ask for: told by RECEIVE COPY RESULTS (OPERATING PARAMETERS), and checked. Inline and held
 * data are there for tapes only; a copy between disks has neither.
 */

/** CSCD (copy source and copy destination) descriptors in one list. */
export const cscdDescriptorsMax = 16
/** Segment descriptors in one list: a clone of 1 GiB in pieces of 4 MiB. */
export const segmentDescriptorsMax = 256

/** Bytes of the header of a parameter list (SPC-4 6.5). */
export const listHeaderBytes = 16
/** Bytes of a CSCD descriptor of type E4h (SPC-4 6.4.5). */
export const cscdDescriptorBytes = 32
/** Bytes of a segment descriptor of type 02h (SPC-4 6.4.6). */
export const segmentDescriptorBytes = 28

/** MAXIMUM DESCRIPTOR LIST LENGTH: both lists together, in bytes. */
export const descriptorListBytesMax =
  cscdDescriptorsMax * cscdDescriptorBytes + segmentDescriptorsMax * segmentDescriptorBytes

/** PARAMETER LIST LENGTH that is taken, in bytes. */
export const parameterListBytesMax = listHeaderBytes + descriptorListBytesMax

/** MAXIMUM SEGMENT LENGTH, in bytes: 65,535 blocks, which the field has room for, of 4096 bytes. */
export const segmentBytesMax = 0xffff * 4096

/** Bytes that are read and written in one step, before anything else has its turn. */
export const copyStepBytes = 1024 * 1024

/** Copies of one initiator port on one unit at a time; one more gets TASK SET FULL. */
export const copiesMax = 16
/** Copies of one initiator port on one unit whose results are kept, running ones included. */
export const keptCopiesMax = 16
