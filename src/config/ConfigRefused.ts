/** A configuration that cannot be used. */
import { Schema } from "effect"

/** Every reason, one line each, as `file:line:column path: message`. */
export class ConfigRefused extends Schema.TaggedError<ConfigRefused>()("ConfigRefused", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return this.problems.join("\n")
  }
}
