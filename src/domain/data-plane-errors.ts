/** What the data plane cannot do, and why. */
import { Schema } from "effect"

/** A portal cannot be listened on. `code` is a Linux errno name such as `EADDRINUSE`. */
export class PortalUnavailable extends Schema.TaggedError<PortalUnavailable>()("PortalUnavailable", {
  host: Schema.String,
  port: Schema.Number,
  code: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `cannot listen on ${this.host}:${this.port} (${this.code}): ${this.detail}`
  }
}

/** A bdev cannot be opened. `code` is a Linux errno name such as `ENOMEM`. */
export class BdevUnavailable extends Schema.TaggedError<BdevUnavailable>()("BdevUnavailable", {
  name: Schema.String,
  code: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `bdev ${this.name} cannot be opened (${this.code}): ${this.detail}`
  }
}
