/** The records of a query, with what holds up the news, and what to do where nothing is found. */
import { useEffect, useMemo, useState } from "preact/hooks"
import { counted, countText } from "../format.ts"
import { Empty } from "../parts/Empty.tsx"
import { Problem } from "../parts/Problem.tsx"
import { useStore } from "../store/ConsoleStore.ts"
import { type LogQuery, searchOf, tailCommand } from "./model/LogQuery.ts"
import { RecordTable } from "./RecordTable.tsx"
import { LogBrowser } from "./store/LogBrowser.ts"

const useBrowser = (query: LogQuery): LogBrowser => {
  const { client, log } = useStore()
  const name = searchOf(query).toString()
  const browser = useMemo(() => new LogBrowser(client, query), [client, name])
  useEffect(() => {
    browser.start(log)
    return () => browser.stop()
  }, [browser, log])
  return browser
}

const Status = ({ browser }: { readonly browser: LogBrowser }) => {
  const [busy, window] = [browser.busy.value, browser.window.value]
  if (busy === "searching") return <>Searching back from record {countText(window?.earlier ?? 0)} …</>
  if (window === undefined) return browser.problem.value === undefined ? <>Loading …</> : null
  const more = window.earlier === undefined ? "" : ", more below"
  return (
    <>
      {counted(window.records.length, "record")}
      {more}
    </>
  )
}

const News = ({ browser, onShow }: { readonly browser: LogBrowser; readonly onShow: () => void }) => {
  const { length } = browser.held.value
  if (browser.window.value?.isCut === true) {
    return (
      <button type="button" onClick={() => void browser.toNewest()}>
        To the newest
      </button>
    )
  }
  if (length === 0) return null
  return (
    <button type="button" class="primary" onClick={onShow}>
      {length >= 1000 ? "1000 or more new records" : counted(length, "new record")}
    </button>
  )
}

const Nothing = ({ browser }: { readonly browser: LogBrowser }) => {
  const earlier = browser.window.value?.earlier
  if (earlier === undefined) return <Empty command="lunlog log tail --help">No record fits.</Empty>
  return (
    <p>
      Nothing found back to record {countText(earlier)}.{" "}
      <button type="button" onClick={() => void browser.older()}>
        Search further
      </button>
    </p>
  )
}

/** The list. */
export const RecordList = ({ query }: { readonly query: LogQuery }) => {
  const browser = useBrowser(query)
  const [isPaused, setPaused] = useState(false)
  const [isAway, setAway] = useState(false)
  useEffect(() => browser.hold(isPaused || isAway), [browser, isPaused, isAway])
  const [problem, window] = [browser.problem.value, browser.window.value]
  const showNews = () => {
    setPaused(false)
    setAway(false)
    document.querySelector(".record-table")?.scrollTo({ top: 0 })
  }
  return (
    <>
      <div class="list-tools">
        {query.until === undefined ? (
          <button type="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
            {isPaused ? "Resume" : "Pause"}
          </button>
        ) : null}
        <News browser={browser} onShow={showNews} />
        <span class="count muted" role="status">
          <Status browser={browser} />
        </span>
      </div>
      {problem === undefined ? null : <Problem problem={problem} />}
      {window === undefined || window.records.length === 0 ? (
        window === undefined || browser.busy.value !== "no" ? null : (
          <Nothing browser={browser} />
        )
      ) : (
        <RecordTable
          records={window.records}
          onNearEnd={() => void browser.older()}
          onNearBegin={() => {
            if (window.isCut) void browser.newer()
          }}
          onScrolled={setAway}
        />
      )}
      <p class="command muted">
        The same in a terminal: <code>{tailCommand(query)}</code>
      </p>
    </>
  )
}
