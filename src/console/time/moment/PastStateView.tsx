/** All objects as they were at a record, to be looked at and not to be changed. */
import { useMemo, useState } from "preact/hooks"
import { Badge } from "../../parts/Badge.tsx"
import { Empty } from "../../parts/Empty.tsx"
import { Facts } from "../../parts/Page.tsx"
import { Problem } from "../../parts/Problem.tsx"
import { type Column, Table } from "../../parts/Table.tsx"
import { Tabs } from "../../parts/Tabs.tsx"
import { stateAt } from "../../rpc/history-methods.ts"
import { useAnswer } from "../../store/use-answer.ts"
import { fieldText, type PastObject, pastObjects } from "../model/past-objects.ts"
import { ObjectLinks } from "../ObjectLinks.tsx"

const PhaseBadge = ({ phase }: { readonly phase: string }) =>
  phase === "" ? null : <Badge tone={phase === "Active" ? "good" : "warn"}>{phase.toLowerCase()}</Badge>

const columnsOf = (onSelect: (one: PastObject) => void): ReadonlyArray<Column<PastObject>> => [
  {
    name: "title",
    title: "Object",
    share: 3,
    sorting: { by: ({ title }) => title },
    cell: (one) => (
      <button type="button" class="link" title={one.title} onClick={() => onSelect(one)}>
        {one.title}
      </button>
    )
  },
  {
    name: "summary",
    title: "What",
    share: 2,
    sorting: { by: ({ summary }) => summary },
    cell: ({ summary }) => summary
  },
  { name: "phase", title: "State", from: 420, cell: ({ phase }) => <PhaseBadge phase={phase} /> }
]

const Details = ({ one, onClose }: { readonly one: PastObject; readonly onClose: () => void }) => (
  <section class="past-details" aria-label={`${one.title} as it was`}>
    <div class="card-head">
      <h3 class="anywhere">{one.title}</h3>
      <ObjectLinks about={one.about} />
      <button type="button" onClick={onClose}>
        Close
      </button>
    </div>
    <Facts of={Object.entries(one.fields).map(([name, value]) => [name, fieldText(value)] as const)} />
  </section>
)

const Objects = (props: {
  readonly rows: ReadonlyArray<PastObject>
  readonly label: string
  readonly noun: string
}) => {
  const { label, noun, rows } = props
  const [selected, setSelected] = useState<PastObject | undefined>(undefined)
  const columns = useMemo(() => columnsOf(setSelected), [])
  const shown = rows.find(({ about }) => about === selected?.about)
  return (
    <>
      {shown === undefined ? null : <Details one={shown} onClose={() => setSelected(undefined)} />}
      <Table
        label={label}
        columns={columns}
        rows={rows}
        keyOf={({ about }) => about}
        textOf={({ summary, title }) => `${title} ${summary}`}
        noun={noun}
        empty={<Empty>There were none.</Empty>}
      />
    </>
  )
}

/** `seq` is the record whose state is shown. */
export const PastStateView = ({ seq }: { readonly seq: number }) => {
  const [tab, setTab] = useState("luns")
  const outcome = useAnswer(stateAt, { at: seq, raw: true })
  const text = outcome?._tag === "Answer" ? outcome.value.text : undefined
  const past = useMemo(() => (text === undefined ? undefined : pastObjects(text)), [text])
  if (outcome?._tag === "Failed") return <Problem problem={outcome.problem} />
  if (past === undefined) return <p class="muted">Loading …</p>
  const { bdevs, groups, luns, settings, targets } = past
  return (
    <Tabs
      label="Objects as they were"
      selected={tab}
      onSelect={setTab}
      tabs={[
        {
          name: "luns",
          title: `LUNs ${luns.length}`,
          view: () => <Objects rows={luns} label="LUNs then" noun="LUN" />
        },
        {
          name: "targets",
          title: `Targets ${targets.length}`,
          view: () => <Objects rows={targets} label="Targets then" noun="target" />
        },
        {
          name: "disks",
          title: `Disks ${bdevs.length}`,
          view: () => <Objects rows={bdevs} label="Disks then" noun="disk" />
        },
        {
          name: "groups",
          title: `Groups ${groups.length}`,
          view: () => <Objects rows={groups} label="Groups then" noun="group" />
        },
        { name: "settings", title: "Settings", view: () => <Facts of={settings} /> }
      ]}
    />
  )
}
