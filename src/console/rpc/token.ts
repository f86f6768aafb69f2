/**
 * The bearer token of this tab. It comes with the URL that the target has printed, as a fragment, which no browser
 * sends anywhere; from there it moves into the tab's own storage, and out of the address bar and the history.
 */
const storageKey = "lunlog-token"
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

/** Of this tab, if it has one. */
export const storedToken = (): string | undefined => sessionStorage.getItem(storageKey) ?? undefined

/** Keeps a token until the tab is closed. */
export const storeToken = (token: string): void => sessionStorage.setItem(storageKey, token)

/** Takes the token out of the address, if there is one: true if so. */
export const takeTokenOfAddress = (): boolean => {
  const token = tokenOfFragment(location.hash)
  if (token === undefined) return false
  storeToken(token)
  history.replaceState(null, "", "#/")
  return true
}
