/**
 * A run against the committed result: ratios, because they hold on a busy machine and mostly on another one, and values
 * of steady tables, which hold everywhere. Says what got slower; judges nothing.
 */
import type { BenchResult, Spread, Table } from "./BenchResult.ts"
import { numberText } from "./tables.ts"

/** A change that is no larger is not reported: CPU per IO of the same code differs by so much from run to run. */
export const tolerance = 0.15

interface Compared extends Spread {
  readonly better: "more" | "less"
}

/** Everything in a result that can be compared, by a name that another run gives it too. */
const comparable = (result: BenchResult): ReadonlyMap<string, Compared> =>
  new Map(result.tables.flatMap((table) => [...ratiosOf(table), ...steadyOf(table)]))

const ratiosOf = (table: Table): ReadonlyArray<readonly [string, Compared]> =>
  table.rows.flatMap((row) => row.ratios.map((ratio) => [`${row.name}, ${ratio.name}`, ratio] as const))

const steadyOf = ({ rows, steady, unit }: Table): ReadonlyArray<readonly [string, Compared]> =>
  steady === undefined
    ? []
    : rows.flatMap(({ name, values }) =>
        Object.entries(values).map(
          ([label, spread]) => [`${name}, ${label} (${unit})`, { ...spread, better: steady }] as const
        )
      )

/** How many times worse `now` is; below 1 when it is better. */
const worseBy = (now: Compared, was: Spread): number =>
  now.better === "more" ? was.median / now.median : now.median / was.median

const changeText = (name: string, now: Compared, was: Spread): string | undefined => {
  const worse = worseBy(now, was)
  const [factor, word] = worse >= 1 ? [worse, "worse"] : [1 / worse, "better"]
  if (!(factor > 1 + tolerance)) return undefined
  const overlap = now.low <= was.high && was.low <= now.high ? ", though the rounds overlap" : ""
  const percent = Math.round((factor - 1) * 100)
  return `${name}: ${numberText(now.median)}, was ${numberText(was.median)}: ${word} by ${percent}%${overlap}`
}

/** Lines for people, the changes for the worse first. */
export const compareResults = (now: BenchResult, was: BenchResult): ReadonlyArray<string> => {
  const before = comparable(was)
  const changes = [...comparable(now)].flatMap(([name, value]) => {
    const old = before.get(name)
    const text = old === undefined ? undefined : changeText(name, value, old)
    return old === undefined || text === undefined ? [] : [{ text, worse: worseBy(value, old) }]
  })
  const percent = Math.round(tolerance * 100)
  const head = `Compared with the result of ${was.date.slice(0, 10)} (commit ${was.commit}), changes above ${percent}%:`
  const same = now.machine.cpu === was.machine.cpu && now.machine.cores === was.machine.cores
  const other = [
    ...(same ? [] : [`That was another machine: ${was.machine.cores} x ${was.machine.cpu}.`]),
    ...(now.command === was.command ? [] : [`That was another command: ${was.command}`])
  ]
  const lines = changes.toSorted((a, b) => b.worse - a.worse).map(({ text }) => `  ${text}`)
  return [head, ...other, ...(lines.length === 0 ? ["  none"] : lines)]
}
