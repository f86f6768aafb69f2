/** The address of a console as people open it. */
import { Redacted } from "effect"

/** With the token behind `#`: browsers send that part to nobody. */
export const consoleUrl = (url: string, token: Redacted.Redacted): string => `${url}#token=${Redacted.value(token)}`
