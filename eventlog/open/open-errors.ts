/**
 * Why a log cannot be opened, and what to do about it. Each names the directory and the way out.
 */
import { Schema } from "effect"
import { lossRemedy } from "../reading.ts"

/** Another process, or another part of this one, has the log open. */
export class LogLocked extends Schema.TaggedError<LogLocked>()("LogLocked", {
  directory: Schema.String,
  holderPid: Schema.optionalKey(Schema.Int)
}) {
  override get message() {
    const holder = this.holderPid === undefined ? "another process" : `process ${this.holderPid}`
    return (
      `the event log in ${this.directory} is held by ${holder}; a log has one process at a time: ` +
      "stop that one, or give this one another --state directory"
    )
  }
}

/** The directory was written by a newer lunlog. */
export class LogTooNew extends Schema.TaggedError<LogTooNew>()("LogTooNew", {
  directory: Schema.String,
  found: Schema.Int,
  supported: Schema.Int
}) {
  override get message() {
    return (
      `the event log in ${this.directory} has layout ${this.found}, this version reads up to ${this.supported}; ` +
      "run the newer lunlog that wrote it, or, if there was none, put its damaged file FORMAT right from a backup"
    )
  }
}

/** Records that were confirmed are gone or changed. */
export class LogDamaged extends Schema.TaggedError<LogDamaged>()("LogDamaged", {
  directory: Schema.String,
  /** What is gone or wrong. */
  detail: Schema.String,
  /** Last control record that is whole; 0 if that is not known. */
  lastControlSeq: Schema.Int,
  /** Where the database lies as it was found; opening it has changed `db`. */
  kept: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const kept = this.kept === undefined ? "" : ` The database as it was found is kept in ${this.kept}.`
    return `the event log in ${this.directory} is damaged: ${this.detail}. What to do: ${lossRemedy}.${kept}`
  }
}

/** The file system says no. */
export class LogOpenFailed extends Schema.TaggedError<LogOpenFailed>()("LogOpenFailed", {
  directory: Schema.String,
  path: Schema.String,
  /** Linux errno name. */
  code: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    const where = this.path === this.directory ? "" : `${this.path}: `
    const what = `cannot open the event log in ${this.directory}: ${where}${this.code}`
    return `${what}; ${remedyOf(this.code)} (${this.detail})`
  }
}

/** All reasons why a log is not opened. */
export type LogOpenError = LogLocked | LogTooNew | LogDamaged | LogOpenFailed

const remedies: { readonly [code: string]: string } = {
  EACCES:
    "let this user read and write the directory (it needs mode 0700 and this owner), or give another --state directory",
  EPERM:
    "let this user read and write the directory (it needs mode 0700 and this owner), or give another --state directory",
  EROFS: "the file system is read-only: remount it, copy the directory elsewhere, or give another --state directory",
  ENOSPC: "the file system is full: free some space",
  EDQUOT: "the quota is used up: free some space",
  EFBIG: "a file would exceed the limit of this process: raise `ulimit -f`",
  EMFILE: "this process has too many files open: raise `ulimit -n`",
  ENOTDIR: "a directory is needed here",
  EEXIST: "it holds a log already: name a directory that does not exist yet, or remove it",
  ENOENT: "give the --state directory of an existing log"
}

const remedyOf = (code: string): string => remedies[code] ?? "check the disk and the kernel's log"
