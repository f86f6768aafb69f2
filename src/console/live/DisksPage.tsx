/** All bdevs, with what uses them. */
import { useEffect, useMemo } from "preact/hooks"
import { counted, sizeText } from "../format.ts"
import { Badge } from "../parts/Badge.tsx"
import { Empty } from "../parts/Empty.tsx"
import { Page } from "../parts/Page.tsx"
import { type Column, Table } from "../parts/Table.tsx"
import { linkTo } from "../route.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { baseOf, type ObjectIndex } from "../store/ObjectIndex.ts"
import { bdevBadge } from "./topology-nodes.ts"

interface Row {
  readonly name: string
  readonly type: string
  readonly bytes: number
  readonly base: string | undefined
  readonly uses: string
  readonly state: string
}

const usesOf = ({ above, lunsByBdev }: ObjectIndex, name: string): string => {
  const luns = lunsByBdev.get(name)?.length ?? 0
  const stacked = above.get(name)?.length ?? 0
  const parts = [luns > 0 ? counted(luns, "LUN") : "", stacked > 0 ? counted(stacked, "disk") : ""]
  return parts.filter((part) => part !== "").join(", ")
}

/** With those whose device is away, which are in no list but that of states. */
const rowsOf = (index: ObjectIndex): ReadonlyArray<Row> => {
  const present = [...index.bdevByName.values()].map((bdev) => ({
    name: bdev.name,
    type: bdev.product_name,
    bytes: bdev.block_size * bdev.num_blocks,
    base: baseOf(bdev),
    uses: usesOf(index, bdev.name),
    state: index.bdevStateByName.get(bdev.name)?.state ?? ""
  }))
  const away = [...index.bdevStateByName.values()].filter(({ name }) => !index.bdevByName.has(name))
  return [
    ...away.map(({ name, state }) => ({ name, type: "", bytes: 0, base: undefined, uses: "", state })),
    ...present
  ]
}

const columnsFor = (index: ObjectIndex): ReadonlyArray<Column<Row>> => [
  {
    name: "name",
    title: "Disk",
    share: 1.5,
    sorting: { by: ({ name }) => name },
    cell: ({ name }) => <a href={linkTo.disk(name)}>{name}</a>
  },
  { name: "type", title: "Type", from: 480, sorting: { by: ({ type }) => type }, cell: ({ type }) => type },
  {
    name: "size",
    title: "Size",
    isNumber: true,
    sorting: { by: ({ bytes }) => bytes, descends: true },
    cell: ({ bytes }) => (bytes === 0 ? "–" : sizeText(bytes))
  },
  {
    name: "base",
    title: "On",
    from: 760,
    sorting: { by: ({ base = "" }) => base },
    cell: ({ base }) => (base === undefined ? "" : <a href={linkTo.disk(base)}>{base}</a>)
  },
  { name: "uses", title: "Used by", from: 620, sorting: { by: ({ uses }) => uses }, cell: ({ uses }) => uses },
  {
    name: "state",
    title: "State",
    sorting: { by: ({ state }) => state },
    cell: ({ name, state }) => <Badge tone={bdevBadge(index, name)?.tone ?? "good"}>{state}</Badge>
  }
]

/** The page. */
export const DisksPage = () => {
  const { objects } = useStore()
  useEffect(() => objects.watchBdevs(), [objects])
  const index = objects.index.value
  const rows = useMemo(() => rowsOf(index), [index])
  const columns = useMemo(() => columnsFor(index), [index])
  return (
    <Page title="Disks">
      <section class="card" aria-label="All disks">
        {objects.bdevs.value === undefined ? (
          <p class="muted">Asking…</p>
        ) : (
          <Table
            label="Disks"
            noun="disk"
            columns={columns}
            rows={rows}
            keyOf={({ name }) => name}
            textOf={textOf}
            empty={
              <Empty command="lunlog bdev create malloc 64MiB --name NAME">There is no disk. Make one in memory:</Empty>
            }
          />
        )}
      </section>
    </Page>
  )
}

const textOf = ({ base, name, state, type }: Row): string => `${name} ${type} ${base ?? ""} ${state}`
