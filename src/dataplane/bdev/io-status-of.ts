/**
 * From a Linux errno to how an IO ended: the one place that says what a system's error means, for every driver.
 *
 * The names are those that the block layer gives what a disk reports (`blk_errors` in its blk-core.c): ENODATA is a
 * critical medium error, EILSEQ a failed protection check, EREMOTEIO a critical target error, ENOLINK a transport's,
 * ETIMEDOUT a timeout. File systems add EUCLEAN (a structure that is corrupt) and EBADMSG (a checksum that is wrong).
 */
import { constants } from "node:os"
import { IoStatus } from "./Bdev.ts"

/** A read that ends early: the file or device is shorter than the disk that was made from it. */
export const endOfFile = "EOF"

/** Errors that Node has no name for, by their number on Linux. */
const unnamed: ReadonlyMap<number, string> = new Map([
  [108, "ESHUTDOWN"],
  [112, "EHOSTDOWN"],
  [117, "EUCLEAN"],
  [121, "EREMOTEIO"],
  [123, "ENOMEDIUM"],
  [124, "EMEDIUMTYPE"]
])

/** Of two names for one number (EAGAIN, EWOULDBLOCK) the first. */
const names: ReadonlyMap<number, string> = new Map([
  ...unnamed,
  ...Object.entries(constants.errno)
    .map(([name, number]) => [number, name] as const)
    .reverse()
])

const byStatus: ReadonlyArray<readonly [IoStatus, ReadonlyArray<string>]> = [
  // A quota is a disk's end, too; EFBIG is the longest that a file may be there.
  [IoStatus.noSpace, ["ENOSPC", "EDQUOT", "EFBIG"]],
  // What passes by itself: the initiator tries again.
  [IoStatus.noMemory, ["ENOMEM", "EAGAIN", "EINTR", "EBUSY", "ENOBUFS", "EMFILE", "ENFILE"]],
  /*
   * A read that ends early is a medium error, and no LBA that is out of range: the initiator was told that the disk has
   * these blocks, and what they held cannot be read. Once the smaller size is known to it, they are out of range.
   */
  [IoStatus.mediumError, ["EIO", "ENODATA", "EILSEQ", "EBADMSG", "EUCLEAN", endOfFile]],
  [
    IoStatus.notReady,
    [
      ...["ENXIO", "ENODEV", "ENOMEDIUM", "EMEDIUMTYPE", "ESHUTDOWN", "EBADF", "ESTALE", "ENOLINK", "ETIMEDOUT"],
      ...["ENOTCONN", "ECONNRESET", "ECONNREFUSED", "ECONNABORTED", "EPIPE", "ENOENT"],
      ...["EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET"]
    ]
  ],
  // A file system that was made read-only (by an error of its disk, for one), or a file that is immutable.
  [IoStatus.writeProtected, ["EROFS", "EPERM"]]
]

const statuses: ReadonlyMap<string, IoStatus> = new Map(
  byStatus.flatMap(([status, codes]) => codes.map((code) => [code, status] as const))
)

/** How an IO ended that the system has refused with this error. What has no meaning of its own is a failed device. */
export const ioStatusOf = (code: string): IoStatus => statuses.get(code) ?? IoStatus.failed

/** The errno name of an error: from its number where Node has no name; EIO if it has neither. */
export const errorCodeOf = ({ code = "", errno = 0 }: NodeJS.ErrnoException): string =>
  /^E[A-Z0-9]+$/.test(code) ? code : (names.get(Math.abs(errno)) ?? "EIO")
