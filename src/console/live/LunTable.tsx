/** LUNs with their live rates. */
import type { ComponentChildren } from "preact"
import { useMemo } from "preact/hooks"
import { Badge } from "../parts/Badge.tsx"
import { EndShown } from "../parts/EndShown.tsx"
import { type Column, Table } from "../parts/Table.tsx"
import { linkTo } from "../route.ts"
import { useStore } from "../store/ConsoleStore.ts"
import type { Lun } from "../store/ObjectIndex.ts"
import { rateColumns } from "./rate-columns.tsx"

const keyOf = ({ key }: Lun): string => key
const textOf = ({ alias, bdev, lun, target }: Lun): string => `${target} ${alias ?? ""} ${lun} ${bdev ?? "draining"}`

/** What tells targets apart is at the end of their names. */
const shortTarget = (name: string): string => name.slice(name.indexOf(":") + 1)

const lunColumn: Column<Lun> = {
  name: "lun",
  title: "LUN",
  share: 1.2,
  sorting: { by: ({ key }) => key },
  cell: ({ lun, target }) => (
    <a class="start-cut" href={linkTo.lun(target, lun)} title={target}>
      <EndShown>{`${shortTarget(target)} · ${lun}`}</EndShown>
    </a>
  )
}

const numberColumn: Column<Lun> = {
  name: "number",
  title: "LUN",
  share: 0.6,
  sorting: { by: ({ lun }) => lun },
  cell: ({ lun, target }) => (
    <a href={linkTo.lun(target, lun)} aria-label={`LUN ${lun}`}>
      {lun}
    </a>
  )
}

const bdevColumn: Column<Lun> = {
  name: "bdev",
  title: "Disk",
  sorting: { by: ({ bdev = "" }) => bdev },
  cell: ({ bdev }) =>
    bdev === undefined ? <Badge tone="warn">draining</Badge> : <a href={linkTo.disk(bdev)}>{bdev}</a>
}

/** Of all targets, or of one: then without its name. */
export const LunTable = (props: {
  readonly luns: ReadonlyArray<Lun>
  readonly ofOneTarget?: boolean
  readonly empty: ComponentChildren
  readonly filter?: string
  readonly onFilter?: (filter: string) => void
}) => {
  const now = useStore().rates.now.value
  const first = props.ofOneTarget === true ? numberColumn : lunColumn
  const columns = useMemo(() => [first, bdevColumn, ...rateColumns(now.luns, keyOf)], [first, now])
  return (
    <Table
      label="LUNs"
      noun="LUN"
      columns={columns}
      rows={props.luns}
      keyOf={keyOf}
      textOf={textOf}
      initialFilter={props.filter ?? ""}
      {...(props.onFilter === undefined ? {} : { onFilter: props.onFilter })}
      empty={props.empty}
    />
  )
}
