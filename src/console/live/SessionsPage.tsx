/** Who is logged in. */
import { Empty } from "../parts/Empty.tsx"
import { Page } from "../parts/Page.tsx"
import { useStore } from "../store/ConsoleStore.ts"
import { SessionTable } from "./SessionTable.tsx"

/** The page. */
export const SessionsPage = () => {
  const { objects } = useStore()
  const sessions = objects.sessions.value
  return (
    <Page title="Sessions">
      <section class="card" aria-label="Sessions of all targets">
        {sessions === undefined ? (
          <p class="muted">Asking…</p>
        ) : (
          <SessionTable
            sessions={sessions}
            empty={
              <Empty command="iscsi-ls -s iscsi://ADDRESS:PORT">
                No initiator is logged in. See what one would find:
              </Empty>
            }
          />
        )}
      </section>
    </Page>
  )
}
