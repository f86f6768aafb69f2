/**
 * The bearer token of this tab. It comes with the URL that the target has printed, as a fragment, which no browser
 * sends anywhere; from there it moves into the tab's own storage, and out of the address bar and the history.
 */
import { tokenOfFragment } from "./token-of-fragment.ts"

const storageKey = "lunlog-token"

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
