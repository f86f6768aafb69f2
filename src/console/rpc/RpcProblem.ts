/** Why a call has no answer, as values: the page shows them, and what watches the target backs off from some. */
import { printable } from "../printable.ts"
import { isRecord } from "./reader-codec.ts"

/** What the target says of a refusal (`data` of a JSON-RPC error). */
export interface RefusalDetails {
  readonly reason?: string
  readonly object?: string
  readonly allowed?: string
  readonly hint?: string
  readonly heldBy: ReadonlyArray<string>
}

/** All ways in which a call can fail. */
export type RpcProblem =
  /** No connection, or it was cut before the answer was there. */
  | { readonly _tag: "Unreachable" }
  /** There is no token, or it is not that of the process which runs now. */
  | { readonly _tag: "Unauthorized" }
  /** Too much at once (429, 503). */
  | { readonly _tag: "Busy"; readonly reason: string }
  /** Any other status that is not 200. */
  | { readonly _tag: "Rejected"; readonly status: number; readonly reason: string }
  /** The method was called and refused. */
  | { readonly _tag: "Refused"; readonly code: number; readonly message: string; readonly details: RefusalDetails }
  /** The answer is not what this page was made for. */
  | { readonly _tag: "Unreadable"; readonly method: string; readonly reason: string }
  /** The page has lost interest. */
  | { readonly _tag: "Aborted" }

const textIn = (value: unknown): string | undefined => (typeof value === "string" ? printable(value) : undefined)

/** What `data` says, as far as it is there. */
export const refusalDetails = (data: unknown): RefusalDetails => {
  if (!isRecord(data)) return { heldBy: [] }
  const reason = textIn(data["reason"])
  const object = textIn(data["object"])
  const allowed = textIn(data["allowed"])
  const hint = textIn(data["hint"])
  const heldBy = Array.isArray(data["heldBy"]) ? data["heldBy"].filter((name) => typeof name === "string") : []
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(object === undefined ? {} : { object }),
    ...(allowed === undefined ? {} : { allowed }),
    ...(hint === undefined ? {} : { hint }),
    heldBy
  }
}

/** What is wrong, in one sentence. */
export const problemText = (problem: RpcProblem): string => {
  switch (problem._tag) {
    case "Unreachable":
      return "The target does not answer."
    case "Unauthorized":
      return "The token is not valid."
    case "Busy":
      return `The target is busy: ${problem.reason}`
    case "Rejected":
      return `The target answered with HTTP status ${problem.status}: ${problem.reason}`
    case "Refused":
      return problem.details.reason ?? problem.message
    case "Unreadable":
      return `The answer of ${problem.method} is not what this page expects: ${problem.reason}. Reload the page.`
    case "Aborted":
      return "The call was given up."
  }
}

/** Whether trying again later, with nothing changed, may help. */
export const isPassing = ({ _tag }: RpcProblem): boolean => _tag === "Unreachable" || _tag === "Busy"
