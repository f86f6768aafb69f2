/** The event log: time with a slider through it, and the records. Filters and moment are in the address. */
import { useCallback } from "preact/hooks"
import { Card, Page } from "../parts/Page.tsx"
import { replaceQuery, route } from "../router.ts"
import { FilterBar } from "./FilterBar.tsx"
import { type LogQuery, queryOf, searchOf } from "./model/LogQuery.ts"
import { addTimeView, type TimeView, timeViewOf } from "./model/TimeView.ts"
import { RecordList } from "./RecordList.tsx"
import { TimeCard } from "./TimeCard.tsx"
import { WhyCard } from "./WhyCard.tsx"

/** What the address says now; it may have changed since the page was drawn. */
const current = () => ({ query: queryOf(route.value.query), view: timeViewOf(route.value.query) })

const show = (query: LogQuery, view: TimeView): void => replaceQuery(addTimeView(searchOf(query), view))

/** `#/log`. */
export const LogPage = () => {
  const { query, view } = current()
  const onView = useCallback((change: Partial<TimeView>) => {
    const now = current()
    show(now.query, { ...now.view, ...change })
  }, [])
  const onQuery = useCallback((next: LogQuery) => show(next, current().view), [])
  const [object, ...others] = query.object
  return (
    <Page title="Event log">
      <TimeCard view={view} objects={query.object} onView={onView} />
      {object !== undefined && others.length === 0 ? <WhyCard object={object} at={view.moment} /> : null}
      <Card title="Records">
        <FilterBar query={query} onQuery={onQuery} />
        <RecordList query={query} />
      </Card>
    </Page>
  )
}
