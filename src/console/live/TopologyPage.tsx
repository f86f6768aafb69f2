/** Targets, portal groups and initiator groups as trees. */
import { useEffect, useMemo, useState } from "preact/hooks"
import { Empty } from "../parts/Empty.tsx"
import { Page } from "../parts/Page.tsx"
import { type Tab, Tabs } from "../parts/Tabs.tsx"
import { Tree } from "../parts/Tree.tsx"
import { filteredRows } from "../parts/table-rows.ts"
import type { TreeNode } from "../parts/tree-nodes.ts"
import type { Route } from "../route.ts"
import { replaceQuery } from "../router.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { initiatorGroupNodes, portalGroupNodes, type Topology, targetNodes } from "./topology-nodes.ts"

/** Trees of so few roots begin open. */
const openUpTo = 8

const textOf = ({ detail, label }: TreeNode): string => `${label} ${detail ?? ""}`

const FilteredTree = (props: {
  readonly label: string
  readonly nodes: ReadonlyArray<TreeNode>
  readonly command: string
}) => {
  const { command, label, nodes } = props
  const [filter, setFilter] = useState("")
  const shown = useMemo(() => filteredRows(nodes, filter, textOf), [nodes, filter])
  if (nodes.length === 0) return <Empty command={command}>There are no {label.toLowerCase()}. Add one:</Empty>
  return (
    <>
      <div class="table-tools">
        <input
          type="search"
          placeholder="Filter"
          aria-label={`Filter ${label.toLowerCase()}`}
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <span class="count" role="status">
          {shown.length === nodes.length ? nodes.length : `${shown.length} of ${nodes.length}`}
        </span>
      </div>
      {shown.length === 0 ? (
        <p class="empty">Nothing fits the filter.</p>
      ) : (
        <Tree
          label={label}
          roots={shown}
          initiallyOpen={new Set(nodes.length > openUpTo ? [] : nodes.map(({ key }) => key))}
        />
      )}
    </>
  )
}

const useTopology = (): Topology => {
  const { objects } = useStore()
  const index = objects.index.value
  const targets = objects.targets.value
  const portalGroups = objects.portalGroups.value
  const initiatorGroups = objects.initiatorGroups.value
  const portals = objects.portals.value
  return useMemo(
    () => ({
      index,
      targets: targets ?? [],
      portalGroups: portalGroups ?? [],
      initiatorGroups: initiatorGroups ?? [],
      portals
    }),
    [index, targets, portalGroups, initiatorGroups, portals]
  )
}

/** The page. Which tree is shown is in the address. */
export const TopologyPage = ({ route }: { readonly route: Route }) => {
  const { objects } = useStore()
  useEffect(() => objects.watchBdevs(), [objects])
  const topology = useTopology()
  const nodes = useMemo(
    () => ({
      targets: targetNodes(topology),
      portals: portalGroupNodes(topology),
      initiators: initiatorGroupNodes(topology)
    }),
    [topology]
  )
  const tree = (label: string, roots: ReadonlyArray<TreeNode>, command: string) => () => (
    <FilteredTree key={label} label={label} nodes={roots} command={command} />
  )
  const tabs: ReadonlyArray<Tab> = [
    { name: "targets", title: "Targets", view: tree("Targets", nodes.targets, "lunlog target create NAME --lun BDEV") },
    {
      name: "portals",
      title: "Portal groups",
      view: tree("Portal groups", nodes.portals, "lunlog portal add 127.0.0.1")
    },
    {
      name: "initiators",
      title: "Initiator groups",
      view: tree("Initiator groups", nodes.initiators, "lunlog initiator create ANY --netmask ANY")
    }
  ]
  return (
    <Page title="Topology">
      <section class="card" aria-label="Topology">
        {objects.targets.value === undefined ? (
          <p class="muted">Asking…</p>
        ) : (
          <Tabs
            label="Trees"
            tabs={tabs}
            selected={route.query.get("tab") ?? "targets"}
            onSelect={(tab) => replaceQuery({ tab })}
          />
        )}
      </section>
    </Page>
  )
}
