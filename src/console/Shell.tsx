/** The frame of the page: header, navigation, what is shown, and what stands in its way. */
import "./shell.css"
import { useEffect, useRef } from "preact/hooks"
import { BrandIcon, ThemeIcon } from "./icons.tsx"
import { navigation, pageOf } from "./pages.tsx"
import { Badge } from "./parts/Badge.tsx"
import { linkTo } from "./route.ts"
import { route } from "./router.ts"
import { problemText } from "./rpc/RpcProblem.ts"
import { useStore } from "./store/ConsoleStore.ts"
import { TokenPage } from "./TokenPage.tsx"
import { switchTheme, theme } from "./theme.ts"

const stateNames = {
  Connecting: "Connecting",
  Connected: "Connected",
  Away: "Not connected",
  Unauthorized: "No valid token"
} as const

const themeNames = { auto: "as the system", light: "light", dark: "dark" } as const

const Header = () => {
  const { connection, objects } = useStore()
  const state = connection.state.value
  const status = objects.status.value
  return (
    <header class="header">
      <a class="brand" href={linkTo.overview()}>
        <BrandIcon />
        lunlog
      </a>
      <span class="instance muted" title={status?.instance_id}>
        {status === undefined ? "" : `${status.version} · ${location.host}`}
      </span>
      {status?.fork === undefined ? null : <Badge tone="accent">Fork</Badge>}
      <span class="state" role="status" data-state={state._tag}>
        {stateNames[state._tag]}
      </span>
      <button
        type="button"
        class="plain"
        aria-label={`Theme: ${themeNames[theme.value]}; switch`}
        title={`Theme: ${themeNames[theme.value]}`}
        onClick={switchTheme}
      >
        <ThemeIcon />
      </button>
    </header>
  )
}

const Navigation = () => {
  const name = route.value.segments[0] ?? ""
  return (
    <nav class="navigation" aria-label="Pages">
      <ul>
        {navigation.map(({ href, icon: Icon, names, title }) => (
          <li key={href}>
            <a href={href} {...(names.includes(name) ? { "aria-current": "page" as const } : {})}>
              <Icon />
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}

/** Says that what is shown may be old, and that it is tried again. */
const Banner = () => {
  const { connection, retry } = useStore()
  const state = connection.state.value
  if (state._tag !== "Away") return null
  return (
    <div class="banner" role="alert">
      <strong>Not connected.</strong> {problemText(state.problem)} What you see may be old; it is tried again.
      <button type="button" onClick={retry}>
        Try now
      </button>
    </div>
  )
}

/** Who reads by ear begins at the heading of the new page. */
const useFocusOnPage = (path: string) => {
  const isFirst = useRef(true)
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false
      return
    }
    scrollTo(0, 0)
    document.getElementById("page-title")?.focus({ preventScroll: true })
  }, [path])
}

const Content = () => {
  const path = route.value.segments.join("/")
  useFocusOnPage(path)
  return (
    <main class="content" id="content">
      {pageOf(route.value)}
    </main>
  )
}

/** The whole page. */
export const Shell = () => {
  const { connection } = useStore()
  const isLockedOut = connection.state.value._tag === "Unauthorized"
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("page-title")?.focus()}>
        Skip to content
      </button>
      <Header />
      {isLockedOut ? (
        <TokenPage />
      ) : (
        <>
          <Banner />
          <div class="frame">
            <Navigation />
            <Content />
          </div>
        </>
      )}
    </>
  )
}
