/** Portal groups and initiator groups, each on a page of its own. */
import type { ComponentChildren } from "preact"
import { Badge } from "../parts/Badge.tsx"
import { Empty } from "../parts/Empty.tsx"
import { Card, Page } from "../parts/Page.tsx"
import { linkTo } from "../route.ts"
import type { Target } from "../rpc/methods.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { ObjectEvents } from "./RecordList.tsx"

const Targets = (props: { readonly title: string; readonly uses: (map: Target["pg_ig_maps"][number]) => boolean }) => {
  const targets = (useStore().objects.targets.value ?? []).filter(({ pg_ig_maps }) => pg_ig_maps.some(props.uses))
  return (
    <Card title={props.title}>
      {targets.length === 0 ? <Empty>None.</Empty> : null}
      <ul>
        {targets.map(({ name }) => (
          <li key={name} class="anywhere">
            <a href={linkTo.target(name)}>{name}</a>
          </li>
        ))}
      </ul>
    </Card>
  )
}

const trailTo = (tab: string, title: string): ComponentChildren => (
  <>
    <a href={linkTo.topology()}>Topology</a> / <a href={linkTo.topology(tab)}>{title}</a>
  </>
)

/** Where is listened, and what is reached there. */
export const PortalGroupPage = ({ tag }: { readonly tag: number }) => {
  const { objects } = useStore()
  const group = objects.portalGroups.value?.find((one) => one.tag === tag)
  const portals = objects.status.value?.portals.filter((portal) => portal.tag === tag) ?? []
  return (
    <Page title={`Portal group ${group?.name ?? tag}`} trail={trailTo("portals", "Portal groups")}>
      {objects.portalGroups.value !== undefined && group === undefined ? (
        <Empty>There is no portal group {tag} now.</Empty>
      ) : null}
      <Card title="Portals">
        <ul>
          {portals.map(({ code, host, port, state }) => (
            <li key={`${host}:${port}`}>
              {host}:{port} <Badge tone={state === "listening" ? "good" : "bad"}>{state}</Badge> {code ?? ""}
            </li>
          ))}
        </ul>
      </Card>
      <Targets title="Targets that are reached here" uses={({ pg_tag }) => pg_tag === tag} />
      <ObjectEvents object={`portal-group:${tag}`} />
    </Page>
  )
}

/** Who is in it, and who lets them in. */
export const InitiatorGroupPage = ({ tag }: { readonly tag: number }) => {
  const { objects } = useStore()
  const group = objects.initiatorGroups.value?.find((one) => one.tag === tag)
  const list = (title: string, items: ReadonlyArray<string>) => (
    <Card title={title}>
      <ul>
        {items.map((item) => (
          <li key={item} class="anywhere">
            <code>{item}</code>
          </li>
        ))}
      </ul>
    </Card>
  )
  return (
    <Page title={`Initiator group ${group?.name ?? tag}`} trail={trailTo("initiators", "Initiator groups")}>
      {objects.initiatorGroups.value !== undefined && group === undefined ? (
        <Empty>There is no initiator group {tag} now.</Empty>
      ) : null}
      <div class="grid">
        {list("Names, the first that fits decides", group?.initiators ?? [])}
        {list("Netmasks", group?.netmasks ?? [])}
      </div>
      <Targets title="Targets that let them in" uses={({ ig_tag }) => ig_tag === tag} />
      <ObjectEvents object={`initiator-group:${tag}`} />
    </Page>
  )
}
