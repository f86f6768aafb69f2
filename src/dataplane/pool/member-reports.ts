/** What is to be known of each reactor of a pool. */
import type { MemberReport } from "../reactor/protocol.ts"
import type { MemberAnswer } from "./merge-answers.ts"
import type { PoolState } from "./PoolState.ts"

const threadOf = (answers: ReadonlyArray<MemberAnswer>, of: number): Pick<MemberReport, "thread"> => {
  const answer = answers.find(({ index }) => index === of)?.answer
  const thread = answer?._tag === "Report" ? answer.report.thread : undefined
  return thread === undefined ? {} : { thread }
}

/** By index; `connectionsOf` counts those that a target's home has. */
export const memberReports = (
  { book, members, placement }: PoolState,
  connectionsOf: (target: string) => number,
  answers: ReadonlyArray<MemberAnswer>
): ReadonlyArray<MemberReport> =>
  members.map(({ crashCount, index, state }) => {
    const nodes = index === 0 ? [] : placement.nodesAt(index)
    const targets = nodes.filter((node) => typeof node === "string")
    return {
      index,
      state,
      targets: targets.map((target) => book.target(target)?.spec.name ?? target).sort(),
      bdevCount: nodes.length - targets.length,
      connectionCount: targets.reduce((count, target) => count + connectionsOf(target), 0),
      crashCount,
      ...threadOf(answers, index)
    }
  })
