/** Time as a picture, with the slider through it and the moment that it is at. */
import { useEffect, useMemo } from "preact/hooks"
import { counted } from "../format.ts"
import { Card } from "../parts/Page.tsx"
import { Problem } from "../parts/Problem.tsx"
import type { Timeline } from "../rpc/history-methods.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { Lanes } from "./lanes/Lanes.tsx"
import { Troubles } from "./lanes/Troubles.tsx"
import { moved, partOf, rangeOf, type TimeRange, zoomed } from "./model/TimeScale.ts"
import { type Stretch, spans, stretchName, stretchTitle, type TimeView } from "./model/TimeView.ts"
import { lengthText, localText } from "./model/time-text.ts"
import { MomentPanel } from "./moment/MomentPanel.tsx"
import { MomentSlider } from "./moment/MomentSlider.tsx"
import { TimelineSource } from "./store/TimelineSource.ts"
import { TimeMachine } from "./store/TimeMachine.ts"

interface TimeCardProps {
  readonly view: TimeView
  readonly objects: ReadonlyArray<string>
  readonly onView: (change: Partial<TimeView>) => void
}

/** Nothing is older than 1970, nothing is looked at that is still to come. */
const boundsOf = (timeline: Timeline): TimeRange => rangeOf(0, timeline.to.at)

const fixed = ({ from, to }: TimeRange): Stretch => ({ _tag: "Fixed", from, to })

const RangeTools = (props: {
  readonly stretch: Stretch
  readonly range: TimeRange | undefined
  readonly around: number | undefined
  readonly bounds: TimeRange | undefined
  readonly onStretch: (stretch: Stretch) => void
}) => {
  const { around, bounds, onStretch, range, stretch } = props
  const choices: ReadonlyArray<Stretch> = [
    ...spans.map(([name, seconds]): Stretch => ({ _tag: "Recent", name, seconds })),
    { _tag: "All" },
    ...(stretch._tag === "Fixed" ? [stretch] : [])
  ]
  const isReady = range !== undefined && bounds !== undefined
  const zoom = (factor: number) => isReady && onStretch(fixed(zoomed(range, around ?? range.to, factor, bounds)))
  const move = (part: number) => isReady && onStretch(fixed(moved(range, part, bounds)))
  return (
    <div class="range-tools">
      <select
        aria-label="Stretch of time"
        value={stretchName(stretch)}
        onChange={(event) => {
          const found = choices.find((choice) => stretchName(choice) === event.currentTarget.value)
          if (found !== undefined) onStretch(found)
        }}
      >
        {choices.map((choice) => (
          <option key={stretchName(choice)} value={stretchName(choice)}>
            {stretchTitle(choice)}
          </option>
        ))}
      </select>
      <button type="button" aria-label="Zoom in" onClick={() => zoom(0.5)}>
        +
      </button>
      <button type="button" aria-label="Zoom out" onClick={() => zoom(2)}>
        −
      </button>
      <button type="button" aria-label="Earlier" onClick={() => move(-0.5)}>
        ←
      </button>
      <button type="button" aria-label="Later" onClick={() => move(0.5)}>
        →
      </button>
    </div>
  )
}

const MomentTools = ({ machine }: { readonly machine: TimeMachine }) => (
  <div class="moment-tools">
    <button type="button" onClick={() => machine.step(-1)}>
      Previous change
    </button>
    <button type="button" disabled={machine.place.value === undefined} onClick={() => machine.step(1)}>
      Next change
    </button>
    <button
      type="button"
      class={machine.place.value === undefined ? "" : "primary"}
      disabled={machine.place.value === undefined}
      onClick={() => machine.goTo(undefined)}
    >
      Back to now
    </button>
  </div>
)

/** The machine and the picture of this card; both end with it. */
const useTime = ({ objects, onView, view }: TimeCardProps) => {
  const { client, log } = useStore()
  const machine = useMemo(() => new TimeMachine(client, (seq) => onView({ moment: seq })), [client])
  const source = useMemo(() => new TimelineSource(client), [client])
  const { moment } = view
  useEffect(() => {
    const forget = log.listen((records) => {
      if (records.length > 0) source.noteNews()
      if (records.some(({ kind }) => kind === "control")) machine.noteChange()
    })
    return () => {
      forget()
      machine.stop()
      source.stop()
    }
  }, [log, machine, source])
  useEffect(() => source.show(view.stretch, objects), [source, stretchName(view.stretch), objects.join("\n")])
  useEffect(() => machine.compareWith(view.against), [machine, view.against])
  // From the address: a link, or a step in the browser's history.
  useEffect(() => {
    if (moment === machine.past.value?.seq) return
    machine.goTo(moment === undefined ? undefined : { _tag: "Seq", seq: moment })
  }, [machine, moment])
  return { machine, source }
}

const momentAt = (machine: TimeMachine): number | undefined => {
  const place = machine.place.value
  if (place === undefined) return undefined
  return place._tag === "Time" ? place.at : machine.past.value?.record?.at
}

/** The card. */
export const TimeCard = (props: TimeCardProps) => {
  const { onView, view } = props
  const { machine, source } = useTime(props)
  const timeline = source.timeline.value
  const at = momentAt(machine)
  const place = machine.place.value
  const range = timeline === undefined ? undefined : rangeOf(timeline.from.at, timeline.to.at)
  const onStretch = (stretch: Stretch) => onView({ stretch })
  const toTime = (time: number | undefined) => machine.goTo(time === undefined ? undefined : { _tag: "Time", at: time })
  useEffect(() => source.keepStill(place !== undefined), [source, place])
  useEffect(() => {
    if (place?._tag !== "Seq" || at === undefined || range === undefined || timeline === undefined) return
    const part = partOf(range, at)
    if (part >= 0 && part <= 1) return
    const half = (range.to - range.from) / 2
    onStretch({ _tag: "Fixed", from: Math.max(0, Math.round(at - half)), to: Math.round(at + half) })
  }, [place, at])
  return (
    <Card
      title="Time"
      aside={
        <RangeTools
          stretch={view.stretch}
          range={range}
          around={at}
          bounds={timeline === undefined ? undefined : boundsOf(timeline)}
          onStretch={onStretch}
        />
      }
    >
      {source.problem.value === undefined ? null : <Problem problem={source.problem.value} />}
      {timeline === undefined || range === undefined ? (
        <p class="muted">Loading …</p>
      ) : (
        <div aria-busy={source.isLoading.value}>
          <p class="muted">
            {localText(range.from)} to {localText(range.to)}, {lengthText(range.to - range.from)},{" "}
            {counted(timeline.records, "record")}
          </p>
          <Lanes
            timeline={timeline}
            range={range}
            cursor={at === undefined ? undefined : partOf(range, at)}
            onPick={toTime}
          />
          <MomentSlider
            range={range}
            at={at}
            seq={place?._tag === "Seq" ? place.seq : machine.past.value?.seq}
            isNow={place === undefined}
            isToNow={view.stretch._tag !== "Fixed"}
            onTime={toTime}
            onStep={(by) => machine.step(by)}
          />
          <MomentTools machine={machine} />
          <Troubles lanes={timeline.lanes} />
        </div>
      )}
      <MomentPanel against={view.against} machine={machine} onAgainst={(against) => onView({ against })} />
    </Card>
  )
}
