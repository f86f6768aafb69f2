/** A configuration that cannot be used. */
import { Schema } from "effect"

/** More problems than this are only counted: the first ones are the cause. */
const problemsMax = 50

/** Every reason, one line each, as `file:line:column path: message`. */
export class ConfigRefused extends Schema.TaggedError<ConfigRefused>()("ConfigRefused", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return this.problems.join("\n")
  }

  /** Of the file `name`; `tell` puts a problem into words. */
  static of<A>(name: string, found: ReadonlyArray<A>, tell: (problem: A) => string): ConfigRefused {
    const told = found.slice(0, problemsMax).map(tell)
    const more = found.length > problemsMax ? [`${name}: and ${found.length - problemsMax} more problems`] : []
    return new ConfigRefused({ problems: [...told, ...more] })
  }
}
