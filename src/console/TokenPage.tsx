/** Asks for the token: there is none, or the target has been started again since. */
import { useId, useState } from "preact/hooks"
import { storedToken, storeToken } from "./rpc/token.ts"
import { useStore } from "./store/ConsoleStore.ts"

/** In place of everything else. */
export const TokenPage = () => {
  const store = useStore()
  const id = useId()
  const [text, setText] = useState("")
  const [wasRefused] = useState(storedToken() !== undefined)
  return (
    <main class="token-page card">
      <h1>{wasRefused ? "This token is not valid" : "A token is needed"}</h1>
      <p class="muted">
        The target prints the address of this console with its token when it starts, and makes a new one each time. Open
        that address, or enter what follows <code>#token=</code> in it.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (text.trim() === "") return
          storeToken(text.trim())
          store.connection.begin()
          store.refreshNow()
        }}
      >
        <label for={id}>Token</label>
        <input
          id={id}
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          Connect
        </button>
      </form>
    </main>
  )
}
