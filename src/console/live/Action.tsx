/** A button for a change. Where the page may only read it says so, and why. */
import { type ComponentChildren, Fragment } from "preact"
import { useState } from "preact/hooks"
import { Confirm } from "../parts/Confirm.tsx"
import type { Outcome } from "../rpc/RpcClient.ts"
import { useStore } from "../store/ConsoleStore.ts"

const unknownReason = "this console may only read"

/** `children` says in the dialog what will happen. */
export const Action = (props: {
  readonly title: string
  readonly children: ComponentChildren
  readonly run: () => Promise<Outcome<unknown>>
  readonly onDone?: () => void
}) => {
  const store = useStore()
  const [isAsked, setAsked] = useState(false)
  const access = store.objects.access.value
  const isAllowed = access?.read_only === false
  const reason = isAllowed ? undefined : (access?.hint ?? unknownReason)
  return (
    <Fragment>
      <button
        type="button"
        class="danger"
        aria-disabled={!isAllowed}
        title={reason}
        onClick={() => {
          if (isAllowed) setAsked(true)
        }}
      >
        {props.title}
        {reason === undefined ? null : <span class="only-spoken">, not possible: {reason}</span>}
      </button>
      {isAsked ? (
        <Confirm
          title={`${props.title}?`}
          action={props.title}
          run={props.run}
          onClose={() => setAsked(false)}
          onDone={() => {
            setAsked(false)
            store.refreshNow()
            props.onDone?.()
          }}
        >
          {props.children}
        </Confirm>
      ) : null}
    </Fragment>
  )
}

/** Why the buttons of a page do nothing; nothing where they do. */
export const ReadOnlyNote = () => {
  const access = useStore().objects.access.value
  if (access === undefined || !access.read_only) return null
  return <p class="muted">Read-only: {access.hint ?? unknownReason}</p>
}
