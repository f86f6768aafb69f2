/** Copies a text to the clipboard, and says so. */
import { useEffect, useState } from "preact/hooks"

/** How long it is said, in milliseconds. */
const saidMillis = 2000

/** The clipboard is only there on pages of HTTPS or of this machine: elsewhere the button is left out. */
export const CopyButton = ({ text, what }: { readonly text: string; readonly what: string }) => {
  const [said, setSaid] = useState("")
  useEffect(() => {
    if (said === "") return
    const timer = setTimeout(() => setSaid(""), saidMillis)
    return () => clearTimeout(timer)
  }, [said])
  if (!("clipboard" in navigator)) return null
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setSaid("Copied"),
      () => setSaid("The browser does not allow it")
    )
  return (
    <span class="copy">
      <button type="button" onClick={copy}>
        Copy {what}
      </button>{" "}
      <span role="status" class="muted">
        {said}
      </span>
    </span>
  )
}
