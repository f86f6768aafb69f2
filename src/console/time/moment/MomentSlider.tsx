/**
 * The slider through time. It is dragged over time; its arrow keys go from change to change, Page Up and Page Down by a
 * tenth of what is shown, Home to the begin, End to now.
 */
import type { TargetedKeyboardEvent } from "preact"
import { momentOf, partOf, type TimeRange } from "../model/TimeScale.ts"
import { localText } from "../model/time-text.ts"

/** Steps of the slider over the whole range: finer than pixels. */
const steps = 100_000
const tenth = 0.1

interface MomentSliderProps {
  readonly range: TimeRange
  /** Microseconds since 1970; undefined: now. */
  readonly at: number | undefined
  readonly seq: number | undefined
  /** It stands at now, and not at a moment whose time is not known yet. */
  readonly isNow: boolean
  /** The range ends with now: so does the slider. */
  readonly isToNow: boolean
  readonly onTime: (at: number | undefined) => void
  readonly onStep: (by: 1 | -1) => void
}

const arrows: ReadonlyMap<string, 1 | -1> = new Map<string, 1 | -1>([
  ["ArrowLeft", -1],
  ["ArrowDown", -1],
  ["ArrowRight", 1],
  ["ArrowUp", 1]
])

/** Where Page Up, Page Down and Home lead, as a part of the range; End leads to now, wherever the range ends. */
const jumpOf = (key: string, part: number): number | undefined => {
  switch (key) {
    case "PageUp":
      return part + tenth
    case "PageDown":
      return part - tenth
    case "Home":
      return 0
    case "End":
      return 1
    default:
      return undefined
  }
}

/** In the column of the lanes, under them. */
export const MomentSlider = ({ at, isNow, isToNow, onStep, onTime, range, seq }: MomentSliderProps) => {
  const part = at === undefined ? Number(isNow) : Math.min(1, Math.max(0, partOf(range, at)))
  const goTo = (to: number) => onTime(to >= 1 && isToNow ? undefined : momentOf(range, to))
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLInputElement>) => {
    const step = arrows.get(event.key)
    const jump = jumpOf(event.key, part)
    if (step === undefined && jump === undefined) return
    event.preventDefault()
    if (event.key === "End") onTime(undefined)
    else if (step !== undefined) onStep(step)
    else if (jump !== undefined) goTo(jump)
  }
  const record = seq === undefined ? "" : `record ${seq}`
  const words = isNow ? "now" : [at === undefined ? "" : localText(at), record].filter((text) => text !== "").join(", ")
  return (
    <div class="slider">
      <span class="lane-name" aria-hidden="true">
        <bdi dir="ltr">Moment</bdi>
      </span>
      <div class="slider-plot">
        <input
          type="range"
          aria-label="Moment"
          aria-valuetext={words}
          min={0}
          max={steps}
          step={1}
          value={Math.round(part * steps)}
          onInput={(event) => goTo(Number(event.currentTarget.value) / steps)}
          onKeyDown={onKeyDown}
        />
      </div>
    </div>
  )
}
