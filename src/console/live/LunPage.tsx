/** A LUN: its load, what it is made of, who uses it, what happened to it; and while it goes, how far that is. */
import { Empty } from "../parts/Empty.tsx"
import { Card, Page } from "../parts/Page.tsx"
import { linkTo } from "../route.ts"
import { removeLun } from "../rpc/methods.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { lunKey } from "../store/LiveRates.ts"
import { Action, ReadOnlyNote } from "./Action.tsx"
import { DrainList } from "./DrainList.tsx"
import { RateCharts } from "./RateCharts.tsx"
import { ObjectEvents } from "./RecordList.tsx"
import { Reservations } from "./Reservations.tsx"
import { SessionTable } from "./SessionTable.tsx"
import { Stack } from "./Stack.tsx"
import { useHistory } from "./use-history.ts"

const RemoveAction = ({ lun, target }: { readonly target: string; readonly lun: number }) => {
  const { client } = useStore()
  return (
    <Action title="Remove LUN" run={() => client.call(removeLun, { name: target, lun_id: lun })}>
      <p>
        Initiators lose LUN {lun} of <span class="anywhere">{target}</span> at once. Commands that run may end until the
        removal deadline, and are aborted then. The disk and its data stay.
      </p>
    </Action>
  )
}

/** The page of a LUN, also of one that is gone. */
export const LunPage = ({ lun, target }: { readonly target: string; readonly lun: number }) => {
  const { objects } = useStore()
  const key = lunKey(target, lun)
  const history = useHistory(key)
  const index = objects.index.value
  const found = index.lunByKey.get(key)
  const drain = objects.drains.value.find((one) => one.target === target && one.lun_id === lun)
  const isGone = objects.targets.value !== undefined && found === undefined
  const bdev = found?.bdev
  const trail = (
    <>
      <a href={linkTo.luns()}>LUNs</a> / <a href={linkTo.target(target)}>{target}</a>
    </>
  )
  return (
    <Page
      title={`LUN ${lun}`}
      trail={trail}
      actions={bdev === undefined ? undefined : <RemoveAction target={target} lun={lun} />}
    >
      {bdev === undefined ? null : <ReadOnlyNote />}
      {drain === undefined ? null : (
        <Card title="Drain in progress">
          <DrainList drains={[drain]} />
        </Card>
      )}
      {isGone ? <Empty command={`lunlog lun add ${target} BDEV`}>This LUN is not there now. Add one:</Empty> : null}
      {found === undefined ? null : <RateCharts history={history} />}
      {bdev === undefined ? null : (
        <>
          <div class="grid wide">
            <Card title="Disk">
              <Stack name={bdev} />
            </Card>
            <Reservations bdev={bdev} />
          </div>
          <Card title="Sessions of the target">
            <SessionTable
              sessions={index.sessionsByTarget.get(target) ?? []}
              empty={<Empty>No initiator is logged in.</Empty>}
            />
          </Card>
        </>
      )}
      <ObjectEvents object={`lun:${target}:${lun}`} />
    </Page>
  )
}
