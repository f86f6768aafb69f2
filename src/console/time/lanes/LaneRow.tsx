/** One lane: its name, and its life as a bar with marks. */
import type { TargetedPointerEvent } from "preact"
import type { Lane } from "../../rpc/history-methods.ts"
import { type Bar, barsOf, laneText, type Sign, signsOf } from "../model/lane-picture.ts"
import { momentOf, type TimeRange } from "../model/TimeScale.ts"

/** In percent of the width, as SVG takes it. */
const percent = (part: number): string => `${(part * 100).toFixed(3)}%`

/** Height of a lane in pixels, as the style sheet has it. */
const laneHeight = 22
const middle = laneHeight / 2

const signPaths: Readonly<Record<string, string>> = {
  error: "M-4-4 4 4M-4 4 4-4",
  warning: "M0-5 5 4-5 4Z",
  note: "M-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0Z"
}

const BarShape = ({ bar }: { readonly bar: Bar }) => (
  <rect class="bar" data-phase={bar.phase} x={percent(bar.from)} width={percent(bar.width)} y={5} height={12} rx={2}>
    <title>{bar.title}</title>
  </rect>
)

const SignShape = ({ sign }: { readonly sign: Sign }) => (
  <svg class="sign" data-severity={sign.severity} x={percent(sign.at)} y={middle} overflow="visible" aria-hidden="true">
    <path class="halo" d={signPaths[sign.severity] ?? signPaths["note"]} />
    <path d={signPaths[sign.severity] ?? signPaths["note"]}>
      <title>{sign.title}</title>
    </path>
  </svg>
)

/** `cursor` is where the moment stands, from 0 to 1. What is seen here is told in words to those who do not see it. */
export const LaneRow = (props: {
  readonly lane: Lane
  readonly range: TimeRange
  readonly cursor: number | undefined
  readonly onPick: (at: number) => void
}) => {
  const { cursor, lane, onPick, range } = props
  const pick = (event: TargetedPointerEvent<SVGSVGElement>) => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    if (event.button === 0 && width > 0) onPick(momentOf(range, (event.clientX - left) / width))
  }
  return (
    <li class="lane" data-kind={lane.kind} aria-label={laneText(lane)}>
      <span class="lane-name" title={lane.title.trim()} aria-hidden="true">
        <bdi dir="ltr">{lane.title.trim()}</bdi>
      </span>
      <svg class="lane-plot" height={laneHeight} aria-hidden="true" onPointerUp={pick}>
        {barsOf(lane, range).map((bar) => (
          <BarShape key={`${bar.from} ${bar.phase}`} bar={bar} />
        ))}
        {signsOf(lane, range).map((sign) => (
          <SignShape key={`${sign.seq} ${sign.at}`} sign={sign} />
        ))}
        {cursor === undefined ? null : (
          <line class="cursor" x1={percent(cursor)} x2={percent(cursor)} y1={0} y2={laneHeight} />
        )}
      </svg>
    </li>
  )
}
