/** What there was when: an axis of time, a lane for each object, and what the bars and signs mean. */
import "./lanes.css"
import { useRef, useState } from "preact/hooks"
import { counted } from "../../format.ts"
import { useVirtual } from "../../parts/use-virtual.ts"
import { useWidth } from "../../parts/use-width.ts"
import type { Lane, Timeline } from "../../rpc/history-methods.ts"
import { hasTrouble, phasesKnown, phaseWords } from "../model/lane-picture.ts"
import { partOf, type TimeRange, ticksOf } from "../model/TimeScale.ts"
import { dayText, offsetMicros, tickText } from "../model/time-text.ts"
import { LaneRow } from "./LaneRow.tsx"

/** Height of a lane in pixels, as the style sheet has it. */
const lanePixels = 22
/** Room that a label of the axis takes. */
const labelPixels = 90
/** What the widest one fills of it; one that would be cut off at the end is left out. */
const labelTextPixels = 80

const Axis = ({ range }: { readonly range: TimeRange }) => {
  const plot = useRef<HTMLDivElement>(null)
  const width = useWidth(plot)
  const { at, detail } = ticksOf(range, Math.max(2, Math.floor(width / labelPixels)), offsetMicros(range.from))
  const labelled = at.filter((tick) => (1 - partOf(range, tick)) * width >= labelTextPixels)
  return (
    <div class="axis" aria-hidden="true">
      <span class="lane-name muted">
        <bdi dir="ltr">{dayText(range.from)}</bdi>
      </span>
      <div class="axis-plot" ref={plot}>
        {labelled.map((tick) => (
          <span key={tick} class="tick muted numbers" style={{ left: `${partOf(range, tick) * 100}%` }}>
            {tickText(tick, detail)}
          </span>
        ))}
      </div>
    </div>
  )
}

const Legend = () => (
  <ul class="legend muted" aria-label="What the bars and signs mean">
    {phasesKnown.map((phase) => (
      <li key={phase}>
        <svg width="22" height="12" aria-hidden="true">
          <rect class="bar" data-phase={phase} x="1" width="20" y="1" height="10" rx="2" />
        </svg>
        {phaseWords(phase)}
      </li>
    ))}
    <li>
      <b class="severity-error">✖</b> error
    </li>
    <li>
      <b class="severity-warning">▲</b> warning
    </li>
  </ul>
)

interface LanesProps {
  readonly timeline: Timeline
  readonly range: TimeRange
  readonly cursor: number | undefined
  readonly onPick: (at: number) => void
}

const Rows = ({
  cursor,
  lanes,
  onPick,
  range
}: Omit<LanesProps, "timeline"> & { readonly lanes: ReadonlyArray<Lane> }) => {
  const scroller = useRef<HTMLDivElement>(null)
  const { after, before, indexes } = useVirtual(scroller, lanes.length, lanePixels)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class="lanes-scroll" ref={scroller} tabIndex={0} aria-label="Lives of objects">
      <ul style={{ paddingTop: `${before}px`, paddingBottom: `${after}px` }}>
        {indexes.map((index) => {
          const lane = lanes[index]
          return lane === undefined ? null : (
            <LaneRow key={`${index} ${lane.title}`} lane={lane} range={range} cursor={cursor} onPick={onPick} />
          )
        })}
      </ul>
    </section>
  )
}

/** The picture; a click on it picks the moment. */
export const Lanes = ({ cursor, onPick, range, timeline }: LanesProps) => {
  const [isTroubleOnly, setTroubleOnly] = useState(false)
  const lanes = isTroubleOnly ? timeline.lanes.filter(hasTrouble) : timeline.lanes
  return (
    <div class="lanes">
      <Axis range={range} />
      <Rows lanes={lanes} range={range} cursor={cursor} onPick={onPick} />
      <div class="lanes-foot">
        <Legend />
        <label class="check">
          <input
            type="checkbox"
            checked={isTroubleOnly}
            onChange={(event) => setTroubleOnly(event.currentTarget.checked)}
          />
          Only lanes with trouble
        </label>
        {timeline.lanes_hidden === 0 ? null : (
          <span class="muted">
            {counted(timeline.lanes_hidden, "object")} without a lane: filter by an object to see its own.
          </span>
        )}
      </div>
    </div>
  )
}
