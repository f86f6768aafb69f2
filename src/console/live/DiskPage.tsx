/** A bdev: what it is made of, what is made of it, who sees it as a LUN, what happened to it. */
import { useEffect } from "preact/hooks"
import { countText, sizeText } from "../format.ts"
import { Badge } from "../parts/Badge.tsx"
import { Empty } from "../parts/Empty.tsx"
import { Card, Facts, Page } from "../parts/Page.tsx"
import { linkTo } from "../route.ts"
import type { Bdev } from "../rpc/methods.ts"
import { useStore } from "../store/ConsoleStore.ts"
import type { BdevState } from "../store/ObjectIndex.ts"
import { LunTable } from "./LunTable.tsx"
import { ObjectEvents } from "./RecordList.tsx"
import { Reservations } from "./Reservations.tsx"
import { Stack, useBdev } from "./Stack.tsx"
import { bdevBadge } from "./topology-nodes.ts"

const limitsText = (limits: Bdev["assigned_rate_limits"]): string | undefined => {
  if (limits === undefined) return undefined
  const parts = [
    limits.rw_ios_per_sec > 0 ? `${countText(limits.rw_ios_per_sec)} IO/s` : "",
    limits.rw_mbytes_per_sec > 0 ? `${countText(limits.rw_mbytes_per_sec)} MiB/s` : "",
    limits.r_mbytes_per_sec > 0 ? `${countText(limits.r_mbytes_per_sec)} MiB/s read` : "",
    limits.w_mbytes_per_sec > 0 ? `${countText(limits.w_mbytes_per_sec)} MiB/s written` : ""
  ].filter((part) => part !== "")
  return parts.length === 0 ? undefined : parts.join(", ")
}

const StateNote = ({ state }: { readonly state: BdevState | undefined }) => {
  if (state === undefined || state.state === "up") return null
  return (
    <div class="note" data-tone={state.state === "degraded" ? "warn" : "bad"} role="status">
      <p>
        This disk is <strong>{state.state}</strong>
        {state.detail === undefined ? "" : `: ${state.detail}`}
      </p>
    </div>
  )
}

const Present = ({ bdev, state }: { readonly bdev: Bdev; readonly state: BdevState | undefined }) => {
  const index = useStore().objects.index.value
  const { watchBdevs } = useStore().objects
  // What is above is only told by the list of all.
  useEffect(() => (bdev.claimed ? watchBdevs() : undefined), [bdev.claimed, watchBdevs])
  const above = index.above.get(bdev.name) ?? []
  const tone = bdevBadge(index, bdev.name)?.tone ?? (state === undefined ? "none" : "good")
  const waiting = state?.limited?.waiting_ios
  return (
    <>
      <div class="grid wide">
        <Card title="Disk">
          <Facts
            of={[
              ["Type", bdev.product_name],
              ["Size", sizeText(bdev.block_size * bdev.num_blocks)],
              ["Blocks", `${countText(bdev.num_blocks)} of ${countText(bdev.block_size)} B`],
              ["UUID", <code key="uuid">{bdev.uuid}</code>],
              [
                "State",
                <Badge key="state" tone={tone}>
                  {state?.state ?? "unknown"}
                </Badge>
              ],
              ["Limits", limitsText(bdev.assigned_rate_limits)],
              ["Waiting for limits", waiting === undefined ? undefined : `${countText(waiting)} IOs`]
            ]}
          />
        </Card>
        <Card title="Stack">
          <Stack name={bdev.name} />
          <ul>
            {above.map((name) => (
              <li key={name}>
                <a href={linkTo.disk(name)}>{name}</a> is stacked on it
              </li>
            ))}
          </ul>
        </Card>
        <Reservations bdev={bdev.name} />
      </div>
      <Card title="LUNs">
        <LunTable
          luns={index.lunsByBdev.get(bdev.name) ?? []}
          empty={<Empty command={`lunlog lun add TARGET ${bdev.name}`}>No target shows it. Make it a LUN:</Empty>}
        />
      </Card>
    </>
  )
}

/** The page of a bdev, also of one that is gone or whose device is away. */
export const DiskPage = ({ name }: { readonly name: string }) => {
  const { objects } = useStore()
  const index = objects.index.value
  const answer = useBdev(name)
  const bdev = answer?._tag === "Answer" ? answer.value[0] : undefined
  const state = index.bdevStateByName.get(name)
  const isGone = answer?._tag === "Failed" && answer.problem._tag === "Refused" && state === undefined
  return (
    <Page title={name} trail={<a href={linkTo.disks()}>Disks</a>}>
      <StateNote state={state} />
      {isGone ? <Empty>There is no disk of this name now.</Empty> : null}
      {bdev === undefined ? null : <Present bdev={bdev} state={state} />}
      <ObjectEvents object={`bdev:${name}`} />
    </Page>
  )
}
