/** How much of something is done. */
import type { Tone } from "./Badge.tsx"

/** `value` is between 0 and 1; `text` says the same in words. */
export const Progress = (props: {
  readonly label: string
  readonly value: number
  readonly text: string
  readonly tone?: Tone
}) => (
  <progress
    aria-label={props.label}
    aria-valuetext={props.text}
    max={1}
    value={Math.min(1, Math.max(0, props.value))}
    data-tone={props.tone ?? "none"}
  />
)
