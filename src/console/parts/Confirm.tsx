/** Asks before something is done, does it, and shows the refusal if there is one. */
import type { ComponentChildren } from "preact"
import { useEffect, useId, useRef, useState } from "preact/hooks"
import type { Outcome } from "../rpc/RpcClient.ts"
import type { RpcProblem } from "../rpc/RpcProblem.ts"
import { Problem } from "./Problem.tsx"

/** What is asked, and done. */
export interface Question {
  readonly title: string
  readonly children: ComponentChildren
  /** What the button says: a verb and its object. */
  readonly action: string
  readonly run: () => Promise<Outcome<unknown>>
  readonly onDone: () => void
  readonly onClose: () => void
}

type Stage = { readonly _tag: "Asking" | "Running" } | { readonly _tag: "Failed"; readonly problem: RpcProblem }

/** A dialog in front of the page; Escape closes it. */
export const Confirm = ({ action, children, onClose, onDone, run, title }: Question) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const [stage, setStage] = useState<Stage>({ _tag: "Asking" })
  useEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    // What it was opened from may be gone with it, and the focus would be nowhere.
    return () => {
      if (shown?.open === true) document.getElementById("page-title")?.focus()
    }
  }, [])
  const begin = async () => {
    setStage({ _tag: "Running" })
    const outcome = await run()
    if (outcome._tag === "Answer") return onDone()
    setStage({ _tag: "Failed", problem: outcome.problem })
  }
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
      {stage._tag === "Failed" ? <Problem problem={stage.problem} /> : null}
      <div class="actions">
        <button type="button" onClick={() => dialog.current?.close()}>
          {stage._tag === "Running" ? "Close and let it go on" : "Cancel"}
        </button>
        <button type="button" class="danger" disabled={stage._tag === "Running"} onClick={() => void begin()}>
          {stage._tag === "Running" ? "Working…" : action}
        </button>
      </div>
    </dialog>
  )
}
