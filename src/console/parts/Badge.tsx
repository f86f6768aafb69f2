/** A word on a coloured ground. The word says it all; the colour only helps to find it. */
import type { ComponentChildren } from "preact"

/** How something is. */
export type Tone = "good" | "warn" | "bad" | "accent" | "none"

/** A badge. */
export const Badge = ({ children, tone = "none" }: { readonly children: ComponentChildren; readonly tone?: Tone }) => (
  <span class="badge" data-tone={tone}>
    {children}
  </span>
)
