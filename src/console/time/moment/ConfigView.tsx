/** The state as of a record as a configuration file, which `lunlog apply` takes. */
import { Problem } from "../../parts/Problem.tsx"
import { printableLines } from "../../printable.ts"
import { stateAt } from "../../rpc/history-methods.ts"
import { useAnswer } from "../../store/use-answer.ts"
import { CopyButton } from "../CopyButton.tsx"

/** `seq` is the record whose state is shown. Secrets are references to the environment. */
export const ConfigView = ({ seq }: { readonly seq: number }) => {
  const outcome = useAnswer(stateAt, { at: seq })
  if (outcome === undefined) return <p class="muted">Loading …</p>
  if (outcome._tag === "Failed") return <Problem problem={outcome.problem} />
  return (
    <div class="text-block">
      <CopyButton text={outcome.value.text} what="configuration" />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <pre tabIndex={0}>{printableLines(outcome.value.text)}</pre>
    </div>
  )
}
