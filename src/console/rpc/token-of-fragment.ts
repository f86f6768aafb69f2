/** The address of the console, as the target prints it, ends in `#token=...`. */
const inFragment = /^#token=([^&]+)$/u

/** The token that a fragment brings. */
export const tokenOfFragment = (fragment: string): string | undefined => {
  const found = inFragment.exec(fragment)?.[1]
  if (found === undefined) return undefined
  try {
    return decodeURIComponent(found)
  } catch {
    return undefined
  }
}
