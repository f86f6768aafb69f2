/**
 * Why a command is refused. Each error names the object, what is wrong with the request, and what was allowed or what
 * to do instead; the edge maps the tag (`kind`) to its own codes. A refused command has changed nothing.
 */
import { Schema } from "effect"

const fields = {
  /** What the command was about, such as `portal group 1` or `LUN 3 of iqn.2016-06.io.spdk:disk1`. */
  object: Schema.String,
  /** What is wrong, as the predicate of a sentence about `object`. */
  reason: Schema.String,
  /** What was allowed, or what to do. */
  hint: Schema.String
}

const text = (error: { readonly object: string; readonly reason: string; readonly hint: string }): string =>
  `${error.object} ${error.reason}; ${error.hint}`

/** The name, tag or number is in use (EEXIST). */
export class AlreadyExists extends Schema.TaggedError<AlreadyExists>()("AlreadyExists", fields) {
  override get message() {
    return text(this)
  }
}

/** There is no such thing, or it is on its way out and can no longer be addressed (ENODEV or ENOENT). */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", fields) {
  override get message() {
    return text(this)
  }
}

/** The name or number is still held by something that drains (EBUSY). */
export class Busy extends Schema.TaggedError<Busy>()("Busy", {
  ...fields,
  /** What has to go first, one text each. */
  heldBy: Schema.Array(Schema.String)
}) {
  override get message() {
    return text(this)
  }
}

/** A value that no state would accept (EINVAL). */
export class InvalidArgument extends Schema.TaggedError<InvalidArgument>()("InvalidArgument", fields) {
  override get message() {
    return text(this)
  }
}

/** One more than the limit (ENOSPC or EINVAL). */
export class LimitExceeded extends Schema.TaggedError<LimitExceeded>()("LimitExceeded", {
  ...fields,
  limit: Schema.Natural
}) {
  override get message() {
    return text(this)
  }
}

/** Right in itself, but not now (EPERM). */
export class WrongState extends Schema.TaggedError<WrongState>()("WrongState", fields) {
  override get message() {
    return text(this)
  }
}

/** A PERSISTENT RESERVE OUT that SPC-4 does not allow now; `answer` is what its initiator is told (EPERM). */
export class ReservationRefused extends Schema.TaggedError<ReservationRefused>()("ReservationRefused", {
  ...fields,
  /** RESERVATION CONFLICT, or CHECK CONDITION: 5/26/04h, 5/24/00h, 5/26/00h, 5/55/04h. */
  answer: Schema.Literals(["conflict", "invalid-release", "invalid-type", "invalid-parameter", "no-resources"])
}) {
  override get message() {
    return text(this)
  }
}

/** Every way in which a command can be refused. */
export type DomainError =
  | AlreadyExists
  | NotFound
  | Busy
  | InvalidArgument
  | LimitExceeded
  | WrongState
  | ReservationRefused
/** What the edge maps to its codes. */
export type DomainErrorKind = DomainError["_tag"]
