/** All LUNs of all targets. The filter is in the address. */
import { Empty } from "../parts/Empty.tsx"
import { Page } from "../parts/Page.tsx"
import type { Route } from "../route.ts"
import { replaceQuery } from "../router.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { LunTable } from "./LunTable.tsx"

/** The page. */
export const LunsPage = ({ route }: { readonly route: Route }) => {
  const { objects } = useStore()
  return (
    <Page title="LUNs">
      <section class="card" aria-label="LUNs of all targets">
        {objects.targets.value === undefined ? (
          <p class="muted">Asking…</p>
        ) : (
          <LunTable
            luns={objects.index.value.luns}
            filter={route.query.get("filter") ?? ""}
            onFilter={(filter) => replaceQuery(filter === "" ? {} : { filter })}
            empty={<Empty command="lunlog lun add TARGET BDEV">No target has a LUN. Add one:</Empty>}
          />
        )}
      </section>
    </Page>
  )
}
