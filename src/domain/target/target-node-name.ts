/** How a target is named: in full, or in short below the option `nodeBase`. */
import { Result, Schema } from "effect"
import { InvalidArgument } from "../DomainError.ts"
import { quote, utf8Length } from "../decision.ts"
import { ISCSI_NAME_BYTES_MAX, IscsiName } from "../ids.ts"

const isFullName = (name: string): boolean => /^(?:iqn|eui|naa)\./iu.test(name)
const isIscsiName = Schema.is(IscsiName)

/** Why a full name is not an iSCSI name: SPDK's rules, which take any byte above 0x7f. */
const problemOf = (name: string): string | undefined => {
  if (utf8Length(name) > ISCSI_NAME_BYTES_MAX) return `is longer than ${ISCSI_NAME_BYTES_MAX} bytes`
  if (!name.isWellFormed()) return "is not Unicode text"
  const wrong = name.match(/[^A-Za-z0-9.:\u{80}-\u{10ffff}-]/u)
  if (wrong !== null) return `has the character ${quote(wrong[0])}`
  if (/^iqn\./iu.test(name) && !/^iqn\.[0-9]{4}-[0-9]{2}\./iu.test(name)) return "has no year and month after iqn."
  return undefined
}

/** The full name that a short or full one stands for. */
export const parseTargetName = (name: string, nodeBase: string): Result.Result<IscsiName, InvalidArgument> => {
  const full = isFullName(name) ? name : `${nodeBase}:${name}`
  const object = `target name ${quote(full)}`
  const hint = `use letters, digits, "-", "." and ":", at most ${ISCSI_NAME_BYTES_MAX} bytes, as iqn.2016-06.io.spdk:d1`
  if (name === "") return Result.fail(new InvalidArgument({ object, reason: "is empty after the prefix", hint }))
  const reason = problemOf(full)
  if (reason !== undefined) return Result.fail(new InvalidArgument({ object, reason, hint }))
  if (isIscsiName(full)) return Result.succeed(full)
  return Result.fail(new InvalidArgument({ object, reason: "does not start with iqn., eui. or naa.", hint }))
}
