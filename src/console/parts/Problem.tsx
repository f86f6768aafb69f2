/** A failed call, for people: what is wrong, what is allowed, what to do. */
import { problemText, type RpcProblem } from "../rpc/RpcProblem.ts"

const Details = ({ problem }: { readonly problem: RpcProblem }) => {
  if (problem._tag !== "Refused") return null
  const { allowed, heldBy, hint, object } = problem.details
  return (
    <>
      {object === undefined ? null : <p class="muted">Object: {object}</p>}
      {allowed === undefined ? null : <p>Allowed: {allowed}</p>}
      {heldBy.length === 0 ? null : <p>Held by: {heldBy.join(", ")}</p>}
      {hint === undefined ? null : <p>What to do: {hint}</p>}
    </>
  )
}

/** Shown where the answer would be. */
export const Problem = ({ problem }: { readonly problem: RpcProblem }) => (
  <div class="note" data-tone="bad" role="alert">
    <p>
      <strong>{problemText(problem)}</strong>
    </p>
    <Details problem={problem} />
  </div>
)
