/**
 * This process's libc, by koffi: an optional package, for which there is no prebuilt binary on every system. Who uses
 * it does without, or says what is missing.
 */
import { createRequire } from "node:module"
import { constants } from "node:os"
import { getSystemErrorName } from "node:util"

type Koffi = typeof import("koffi")

/** What calls are bound with. */
export interface LoadedLibc {
  readonly koffi: Koffi
  readonly library: ReturnType<Koffi["load"]>
}

/** Of two names that Linux has for one number, Node gives that which the calls' descriptions do not have. */
const nameOf = (errno: number): string =>
  errno === constants.errno.EOPNOTSUPP ? "EOPNOTSUPP" : getSystemErrorName(-errno)

/** The error of a call that has failed with this errno, as errors of Node are. */
export const systemError = (call: string, errno: number): NodeJS.ErrnoException => {
  const code = nameOf(errno)
  return Object.assign(new Error(`${code}: ${call}`), { code, errno: -errno, syscall: call })
}

/** Binds calls, which takes some 15 ms the first time. A string is the reason why there are none. */
export const bindLibc = <A>(bind: (libc: LoadedLibc) => A): A | string => {
  if (process.platform !== "linux") return `they are Linux's, and this is ${process.platform}`
  try {
    const koffi: Koffi = createRequire(import.meta.url)("koffi")
    // The process itself: its libc, whatever that is called on this system.
    return bind({ koffi, library: koffi.load(null) })
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n")
    return `the package koffi cannot be loaded: ${reason}`
  }
}
