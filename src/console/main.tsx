/** The web console: puts the page together. */
import "./console.css"
import "./parts/parts.css"
import { render } from "preact"
import { followAddress } from "./router.ts"
import { postToOrigin } from "./rpc/RpcClient.ts"
import { storedToken, takeTokenOfAddress } from "./rpc/token.ts"
import { Shell } from "./Shell.tsx"
import { ConsoleStore, followVisibility, StoreProvider } from "./store/ConsoleStore.ts"
import { followTheme } from "./theme.ts"

takeTokenOfAddress()
followTheme()
const store = new ConsoleStore({ post: postToOrigin, token: storedToken })
// A new address with a token in a tab that is open already: the token is out of it before a page is looked for.
addEventListener("hashchange", () => {
  if (!takeTokenOfAddress()) return
  store.connection.begin()
  store.refreshNow()
})
followAddress()
followVisibility(store)
const place = document.getElementById("console")
if (place !== null) {
  render(
    <StoreProvider value={store}>
      <Shell />
    </StoreProvider>,
    place
  )
}
