/** Serial number arithmetic on 32 bits (RFC 1982, as RFC 7143 section 4.2.2 asks for CmdSN, StatSN and DataSN). */

/** The number after `a`. */
export const nextSerial = (a: number): number => (a + 1) >>> 0

/** `a + n`, modulo 2^32. */
export const addSerial = (a: number, n: number): number => (a + n) >>> 0

/** Whether `a` comes before `b`. */
export const serialBefore = (a: number, b: number): boolean => a !== b && (b - a) >>> 0 < 0x80_00_00_00

/** Whether `a` lies in `first..last`, both included. */
export const serialWithin = (a: number, first: number, last: number): boolean =>
  !serialBefore(a, first) && !serialBefore(last, a)
