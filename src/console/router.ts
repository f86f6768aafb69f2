/** Where the page is, as the address bar has it. */
import { type ReadonlySignal, signal } from "@preact/signals"
import { hrefOf, parseHash, type Query, type Route } from "./route.ts"

export { linkTo, type Route } from "./route.ts"

const current = signal<Route>(parseHash(""))

/** The view that is shown. */
export const route: ReadonlySignal<Route> = current

/** Follows the address bar. */
export const followAddress = (): void => {
  const follow = () => {
    current.value = parseHash(location.hash)
  }
  addEventListener("hashchange", follow)
  follow()
}

/** Puts another query in the address without a step in the history: what filters do. */
export const replaceQuery = (query: Query): void => {
  history.replaceState(null, "", hrefOf(current.value.segments, query))
  current.value = parseHash(location.hash)
}
