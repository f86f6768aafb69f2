/**
 * What becomes of a reactor that has failed. The others do not notice. Who was logged in there comes back; when its
 * thread has ended another one is started after a while, told what the book says, and has RAM disks with their content.
 */
import { bringUp } from "./bring-up.ts"
import { crashesMax, crashWindowMillis, type Member } from "./Member.ts"
import type { PoolState } from "./PoolState.ts"

/** Names that one record has. */
const namesMax = 20
/** Of a stack trace, which is for the log. */
const detailMax = 2_000

/** One failure. */
export interface Failure {
  readonly detail: string
  /** Connections that have ended with it. */
  readonly connections: number
  /** Whether it is to run again: not when all of them are being ended. */
  readonly isWanted: () => boolean
  /** It runs, or will not any more: what has waited for that can go on. */
  readonly settled: () => void
}

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** What a new reactor must be told, before targets and bdevs. */
const tellCommon = ({ book }: PoolState, member: Member): void => {
  for (const command of book.common()) member.send(command)
}

const startAgain = async (pool: PoolState, member: Member, backoffMillis: number, failure: Failure): Promise<void> => {
  const { book, moving, placement } = pool
  const { epoch } = member
  const since = pool.now()
  const isCurrent = (): boolean => member.epoch === epoch && failure.isWanted()
  // A file operation of the old thread that lands after the new one has read would undo what it writes.
  await member.ended()
  await pause(backoffMillis)
  if (!isCurrent()) return
  const nodes = placement.nodesAt(member.index).filter((node) => !moving.has(node))
  const lost = nodes.flatMap((node) => {
    const page = typeof node === "number" && book.isVolatile(node) ? book.bdev(node) : undefined
    return page === undefined ? [] : [page]
  })
  for (const page of lost) page.loseContent()
  member.restart()
  tellCommon(pool, member)
  const isUp = await bringUp(pool, member, nodes, "crashed")
  if (!(isUp && isCurrent())) return
  member.state = "up"
  const targets = nodes.filter((node) => typeof node === "string").length
  pool.emit({
    _tag: "ReactorRecovered",
    reactor: member.index,
    durationMillis: Math.round(pool.now() - since),
    targets,
    bdevs: nodes.length - targets,
    contentLost: lost.slice(0, namesMax).map(({ name }) => name)
  })
  failure.settled()
}

/** Says that it has failed, and starts another one, unless it fails all the time. */
export const recover = (pool: PoolState, member: Member, failure: Failure): void => {
  const { connections } = failure
  const reactor = member.index
  const backoffMillis = member.crashed(pool.now(), pool.backoffMillis)
  const detail = failure.detail.slice(0, detailMax)
  if (!failure.isWanted()) return
  if (backoffMillis !== undefined) {
    pool.emit({ _tag: "ReactorCrashed", detail, reactor, connections })
    void startAgain(pool, member, backoffMillis, failure)
    return
  }
  const often = `${detail} (${crashesMax} times in ${crashWindowMillis / 1000} s)`
  pool.emit({ _tag: "ReactorCrashed", detail: often, reactor, connections, forGood: true })
  pool.placement.closeHome(reactor)
  failure.settled()
}
