/** A target: its LUNs, its sessions, whom it lets in, what happened to it. */
import { Badge } from "../parts/Badge.tsx"
import { Empty } from "../parts/Empty.tsx"
import { Card, Facts, Page } from "../parts/Page.tsx"
import { linkTo } from "../route.ts"
import type { Target } from "../rpc/methods.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { DrainList } from "./DrainList.tsx"
import { LunTable } from "./LunTable.tsx"
import { ObjectEvents } from "./RecordList.tsx"
import { SessionTable } from "./SessionTable.tsx"

/** Back to the list that a target is in. */
const Trail = () => <a href={linkTo.luns()}>LUNs</a>

const chapText = ({ disable_chap, mutual_chap, require_chap }: Target): string => {
  if (disable_chap) return "none is asked for"
  if (!require_chap) return "CHAP, if the initiator offers it"
  return mutual_chap ? "mutual CHAP" : "CHAP"
}

const Access = ({ target }: { readonly target: Target }) => {
  const { objects } = useStore()
  const portals = new Map(objects.portalGroups.value?.map(({ name, tag }) => [tag, name]))
  const initiators = new Map(objects.initiatorGroups.value?.map(({ name, tag }) => [tag, name]))
  return (
    <Card title="Access">
      {target.pg_ig_maps.length === 0 ? (
        <Empty command={`lunlog target map ${target.name} PORTAL-GROUP:INITIATOR-GROUP`}>
          Nobody is let in. Map a portal group to an initiator group:
        </Empty>
      ) : (
        <ul>
          {target.pg_ig_maps.map(({ ig_tag, luns, pg_tag, read_only }) => (
            <li key={`${pg_tag} ${ig_tag}`}>
              <a href={linkTo.portalGroup(pg_tag)}>Portal group {portals.get(pg_tag) ?? pg_tag}</a> lets in{" "}
              <a href={linkTo.initiatorGroup(ig_tag)}>initiator group {initiators.get(ig_tag) ?? ig_tag}</a>
              {luns === undefined ? "" : `, with LUNs ${luns.join(", ")}`} {read_only ? <Badge>read-only</Badge> : null}
            </li>
          ))}
        </ul>
      )}
      <Facts
        of={[
          ["Authentication", chapText(target)],
          ["Queue depth", target.queue_depth],
          ["Header digest", target.header_digest ? "required" : "as negotiated"],
          ["Data digest", target.data_digest ? "required" : "as negotiated"]
        ]}
      />
    </Card>
  )
}

const Present = ({ target }: { readonly target: Target }) => {
  const { objects } = useStore()
  const index = objects.index.value
  return (
    <>
      <Card title="LUNs">
        <LunTable
          luns={index.lunsByTarget.get(target.name) ?? []}
          ofOneTarget
          empty={<Empty command={`lunlog lun add ${target.name} BDEV`}>This target has no LUN. Add one:</Empty>}
        />
      </Card>
      <Card title="Sessions">
        <SessionTable
          sessions={index.sessionsByTarget.get(target.name) ?? []}
          empty={<Empty>No initiator is logged in.</Empty>}
        />
      </Card>
      <Access target={target} />
    </>
  )
}

/** The page of a target, also of one that is gone. */
export const TargetPage = ({ name }: { readonly name: string }) => {
  const { objects } = useStore()
  const target = objects.index.value.targetByName.get(name)
  const drains = objects.drains.value.filter((drain) => drain.target === name)
  const isKnown = objects.targets.value !== undefined
  return (
    <Page title={name} trail={<Trail />}>
      {target?.alias_name === undefined ? null : <p class="muted">{target.alias_name}</p>}
      {drains.length === 0 ? null : (
        <Card title="Drains in progress">
          <DrainList drains={drains} />
        </Card>
      )}
      {isKnown && target === undefined ? (
        <Empty>{drains.length === 0 ? "There is no target of this name now." : "This target is being deleted."}</Empty>
      ) : null}
      {target === undefined ? null : <Present target={target} />}
      <ObjectEvents object={`target:${name}`} />
    </Page>
  )
}
