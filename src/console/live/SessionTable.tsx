/** Sessions with their live rates. */
import type { ComponentChildren } from "preact"
import { useMemo } from "preact/hooks"
import { EndShown } from "../parts/EndShown.tsx"
import { type Column, Table } from "../parts/Table.tsx"
import { linkTo } from "../route.ts"
import type { Session } from "../rpc/methods.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { sessionKey } from "../store/LiveRates.ts"
import { rateColumns } from "./rate-columns.tsx"

const keyOf = ({ id }: Session): string => sessionKey(id)
const textOf = (session: Session): string =>
  `${session.initiator_name} ${session.initiator_addr} ${session.target_name} ${session.tsih}`

const columnsOf: ReadonlyArray<Column<Session>> = [
  {
    name: "initiator",
    title: "Initiator",
    share: 2,
    sorting: { by: (session) => session.initiator_name },
    cell: (session) => (
      <a class="start-cut" href={linkTo.session(session.id)} title={session.initiator_name}>
        <EndShown>
          {session.initiator_name === "" ? `(logging in, ${session.initiator_addr})` : session.initiator_name}
        </EndShown>
      </a>
    )
  },
  {
    name: "address",
    title: "Address",
    from: 700,
    sorting: { by: (session) => session.initiator_addr },
    cell: (session) => session.initiator_addr
  },
  {
    name: "target",
    title: "Target",
    share: 2,
    from: 560,
    sorting: { by: (session) => session.target_name },
    cell: ({ target_name }) =>
      target_name === "" ? (
        <span class="muted">discovery</span>
      ) : (
        <a class="start-cut" href={linkTo.target(target_name)} title={target_name}>
          <EndShown>{target_name}</EndShown>
        </a>
      )
  }
]

/** Of the whole target, or of one target node. */
export const SessionTable = (props: {
  readonly sessions: ReadonlyArray<Session>
  readonly empty: ComponentChildren
}) => {
  const now = useStore().rates.now.value
  const columns = useMemo(() => [...columnsOf, ...rateColumns(now.sessions, keyOf)], [now])
  return (
    <Table
      label="Sessions"
      noun="session"
      columns={columns}
      rows={props.sessions}
      keyOf={keyOf}
      textOf={textOf}
      empty={props.empty}
    />
  )
}
