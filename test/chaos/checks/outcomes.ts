/** How a command may end, and what that says of its blocks. */
import type { History, IoDone } from "../History.ts"
import { type BdevLife, type Lives, type LunLife, wasThere } from "../model/Lives.ts"

/** What a command that changes blocks has done to them: nothing, all, or nobody knows; if so, it may still come. */
export type Effect = "none" | "done" | "maybe" | "late"

/** The outcome of a command to a LUN that is not there. */
export const lunNotSupported = "5/25/00"

/** How a command ended says whether its blocks are changed. */
export const effectOf = (outcome: string, mayHaveBegun: boolean): Effect => {
  if (outcome === "GOOD") return "done"
  // Nobody is told when these end, if they do.
  if (/^(lost|no answer)/.test(outcome)) return "late"
  // Given up, it may still come; but until it is back its blocks are kept from others, so none comes before it.
  if (/^(b\/|status 40h)/.test(outcome)) return "maybe"
  // A RAM disk takes blocks as they come, until its LUN goes.
  if (outcome === lunNotSupported) return mayHaveBegun ? "maybe" : "none"
  if (/^(6\/|5\/|e\/1d|7\/27\/00|2\/|status)/.test(outcome)) return "none"
  return "maybe"
}

/** What a command has met. */
export interface Met {
  readonly io: IoDone
  /** LUNs that it may have met; one, nearly always. */
  readonly luns: ReadonlyArray<LunLife>
  /** The bdevs of these. */
  readonly stacks: ReadonlyArray<ReadonlyArray<BdevLife>>
  /** There was one LUN, all the time. */
  readonly isCertain: boolean
}

/** Finds that out. */
export const metBy = (io: IoDone, lives: Lives): Met => {
  const luns = lives.lunsOf(io.target, io.lun, io)
  const [only] = luns
  const isCertain = only !== undefined && luns.length === 1 && wasThere(only, io).allTheTime
  return { io, luns, stacks: luns.map(({ bdev }) => lives.stackOf(bdev)), isCertain }
}

const bdevFaults = ({ stacks, io }: Met, history: History): ReadonlyArray<string> =>
  history.faults.flatMap((fault) =>
    fault.of === "bdev" && fault.begin < io.end && stacks.flat().some(({ name }) => name === fault.name)
      ? [fault.kind]
      : []
  )

const fileFaults = ({ stacks, io }: Met, history: History): ReadonlyArray<string> =>
  history.faults.flatMap((fault) =>
    fault.of === "file" &&
    fault.begin < io.end &&
    stacks.flat().some(({ filename }) => filename?.endsWith(`/${fault.name}`))
      ? [fault.kind]
      : []
  )

const isAway = ({ io, stacks }: Met, history: History): boolean =>
  stacks.flat().some(({ kind }) => kind === "Nbd") &&
  history.faults.some(({ begin, of }) => of === "nbd" && begin < io.end)

const mayBeToldOfLostSync = ({ io, stacks }: Met, lives: Lives): boolean =>
  io.outcome === "3/0c/00" &&
  (io.kind === "flush" || io.fua) &&
  [...lives.lostSyncs].some((name) => stacks.flat().some(({ filename }) => filename?.endsWith(`/${name}`)))

const isBeyondTheEnd = ({ stacks, io }: Met): boolean =>
  stacks.some((stack) => stack.some(({ sizes }) => sizes.some(({ blocks }) => io.block + io.blocks > blocks)))

const isGoing = ({ io, luns }: Met): boolean => luns.some(({ goes }) => goes !== undefined && goes.begin < io.end)

const wasManaged = ({ io }: Met, history: History): boolean =>
  history.manages.some(({ begin, target }) => target === io.target && begin < io.end)

const wasReserved = ({ io, luns }: Met, history: History, lives: Lives): boolean => {
  const bdevs = luns.map(({ bdev }) => bdev)
  return (
    history.reserved.some(({ lun, target }) =>
      lives.luns.some((life) => life.target === target && life.lun === lun && bdevs.includes(life.bdev))
    ) && io.kind !== "reportLuns"
  )
}

/** Outcomes that need a reason, and whether there is one. The first that fits counts. */
const reasons: ReadonlyArray<
  readonly [outcome: RegExp, hasReason: (met: Met, history: History, lives: Lives) => boolean]
> = [
  [/^(GOOD|lost|6\/.*|status 08h|status 28h)$/, () => true],
  [/^2\/04\//, isAway],
  [/^5\/25\/00$/, ({ isCertain }) => !isCertain],
  [
    /^(3|4)\//,
    (met, history, lives) => {
      if (mayBeToldOfLostSync(met, lives)) return true
      const found = [...bdevFaults(met, history), ...fileFaults(met, history)]
      return isAway(met, history) || found.some((kind) => !["pending", "nomem", "slow"].includes(kind))
    }
  ],
  [/^7\/27\/00$/, ({ stacks }) => stacks.flat().some(({ isReadOnly }) => isReadOnly)],
  [/^7\/27\/07$/, (met, history) => fileFaults(met, history).includes("ENOSPC")],
  [/^5\/21\/00$/, isBeyondTheEnd],
  [/^5\/20\/00$/, ({ io, stacks }) => io.kind === "unmap" && stacks.some((stack) => stack.at(-1)?.kind === "Aio")],
  [/^e\/1d\/00$/, ({ io }) => io.kind === "compareAndWrite"],
  [/^(b\/00\/00|status 40h)$/, (met, history) => isGoing(met) || wasManaged(met, history)],
  // The log has turned it down, keys do not fit, or somebody else has the disk.
  [/^(5\/26\/.*|5\/24\/00|status 18h)$/, ({ io }) => io.kind === "reserve"],
  [/^no answer$/, wasManaged],
  [/^status 18h$/, wasReserved]
]

/** A command in words. */
export const ioText = ({ block, blocks, id, index, kind, lun, outcome, session, target }: IoDone): string =>
  `action ${id}.${index}: ${kind} of ${blocks} blocks at ${block} of LUN ${lun} of ${target} by ${session}, ${outcome}`

/** What is wrong with how a command ended. */
export const checkOutcome = (met: Met, history: History, lives: Lives): ReadonlyArray<string> => {
  const { io, isCertain, luns } = met
  const { outcome } = io
  if (io.kind === "reportLuns") return outcome === "GOOD" || outcome === "lost" ? [] : [ioText(io)]
  if (luns.length === 0 && !/^(5\/25\/00|lost)$/.test(outcome)) {
    return [`${ioText(io)}: there is no such LUN`]
  }
  const rule = reasons.find(([pattern]) => pattern.test(outcome))
  if (rule?.[1](met, history, lives) === true) return []
  return [
    `${ioText(io)}: ${isCertain ? "the LUN was there all the time" : "the LUN may have gone"}, no reason for that`
  ]
}
