/** What stands where nothing is: that there is nothing, and how to get something. */
import type { ComponentChildren } from "preact"

/** `command` is a line for the shell. */
export const Empty = (props: { readonly children: ComponentChildren; readonly command?: string }) => (
  <div class="empty">
    <p>{props.children}</p>
    {props.command === undefined ? null : (
      <p>
        <code>{props.command}</code>
      </p>
    )}
  </div>
)
