/** Errors and warnings of the picture, in words. */
import { linkTo } from "../../route.ts"
import type { Lane } from "../../rpc/history-methods.ts"
import { markText, troubleOf } from "../model/lane-picture.ts"
import { When } from "../When.tsx"

/** So many are told; the list of records has the others. */
const shownMax = 20

/** Folded together until somebody wants to read it. */
export const Troubles = ({ lanes }: { readonly lanes: ReadonlyArray<Lane> }) => {
  const all = troubleOf(lanes)
  if (all.length === 0) return <p class="muted">No errors and no warnings in this time.</p>
  return (
    <details class="troubles">
      <summary>
        Errors and warnings in this time: {all.length}
        {all.length > shownMax ? `, the newest ${shownMax} of them` : ""}
      </summary>
      <ul>
        {all.slice(0, shownMax).map((mark) => (
          <li key={mark.seq}>
            <span class={`severity-${mark.severity}`} role="img" aria-label={mark.severity}>
              {mark.severity === "error" ? "✖" : "▲"}
            </span>{" "}
            <a class="numbers" href={linkTo.record(mark.seq)} aria-label={`Record ${mark.seq}`}>
              {mark.seq}
            </a>{" "}
            <When at={mark.at} /> <span class="anywhere">{markText(mark)}</span>
          </li>
        ))}
      </ul>
    </details>
  )
}
