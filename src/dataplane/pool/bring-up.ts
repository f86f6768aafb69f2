/** Makes a reactor what the book says of some targets and bdevs: it has never had them, or has lost them. */
import type { BdevId, ReactorAnswer } from "../reactor/protocol.ts"
import type { BdevPage, Reopening } from "./BdevPage.ts"
import type { Member } from "./Member.ts"
import type { Node } from "./Placement.ts"
import type { PoolState } from "./PoolState.ts"

/** How long a device may take to open again, in milliseconds; then it counts as gone. */
const deviceTimeoutMillis = 20_000
/** How long the others wait for those that take long, in milliseconds. */
const settleMillis = 2_000
/** How long a thread may take to come to its first command, in milliseconds: it has modules to load. */
const startMillis = 30_000

const tookTooLong: ReactorAnswer = {
  _tag: "Failed",
  code: "ETIMEDOUT",
  detail: `it has not answered within ${deviceTimeoutMillis} ms`
}

const within = async (limitMillis: number, work: Promise<unknown>): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, limitMillis)
  await Promise.race([work, promise])
  clearTimeout(timer)
}

const reopened = ({ changes }: PoolState, member: Member, page: BdevPage): Promise<ReactorAnswer> =>
  new Promise((resolve) => {
    const { bdev } = page
    const timer = setTimeout(() => {
      resolve(tookTooLong)
      member.request({ _tag: "CloseBdev", bdev }, [bdev], () => changes.tell())
    }, deviceTimeoutMillis)
    const { request: _, ...opening } = page.opening(0)
    member.ask(opening, [bdev], (answer) => {
      clearTimeout(timer)
      resolve(answer)
      // A move may have waited for it.
      changes.tell()
    })
  })

/** Resolves when it has answered something, or cannot any more. */
const running = (member: Member): Promise<void> =>
  new Promise((resolve) => member.ask({ _tag: "Query" }, [], () => resolve()))

/** What its control side does with a device that is pulled out, it does with this. */
const tellGone = ({ emit }: PoolState, page: BdevPage, why: string): void => {
  page.isGone = true
  const detail = `it could not be opened again by the reactor that has it now: ${why}`
  emit({ _tag: "BdevTold", bdev: page.bdev, news: { _tag: "Gone", detail } })
}

const tellSize = ({ emit }: PoolState, page: BdevPage, blockCount: number): void => {
  if (!page.isSizedByDevice || page.blockCount === blockCount) return
  page.blockCount = blockCount
  emit({ _tag: "BdevTold", bdev: page.bdev, news: { _tag: "Resized", blockCount } })
}

const openAgain = async (
  pool: PoolState,
  member: Member,
  page: BdevPage,
  base: Promise<boolean> | undefined,
  reopening: Reopening
): Promise<boolean> => {
  const { epoch } = member
  const isCurrent = (): boolean => member.epoch === epoch && pool.book.bdev(page.bdev) === page
  // Without its base, opening fails with that as the reason.
  await base
  if (!isCurrent()) return false
  const answer = await reopened(pool, member, page)
  if (!isCurrent()) return false
  if (answer._tag !== "BdevOpened") {
    tellGone(pool, page, answer._tag === "Failed" ? answer.detail : "it has not answered")
    return false
  }
  for (const setting of page.settings(reopening)) member.send(setting)
  const { bdev, samplePeriodMicros: periodMicros } = page
  if (periodMicros > 0) {
    const query = { _tag: "SampleQueueDepth", bdev, periodMicros } as const
    member.ask({ _tag: "Statistics", query }, [bdev], () => pool.changes.tell())
  }
  for (const mapping of pool.book.mappings(bdev)) member.send(mapping)
  tellSize(pool, page, answer.blockCount)
  return true
}

/**
 * Resolves when all that open soon are open, with whether the reactor has lived so long. What takes longer is mapped
 * when it is there; what cannot be opened is told as gone.
 */
export const bringUp = async (
  pool: PoolState,
  member: Member,
  nodes: Iterable<Node>,
  reopening: Reopening
): Promise<boolean> => {
  const { epoch } = member
  const bdevs = new Set<BdevId>()
  for (const node of nodes) {
    if (typeof node === "number") bdevs.add(node)
    const target = typeof node === "string" ? pool.book.target(node)?.spec : undefined
    if (target !== undefined) member.send({ _tag: "PutTarget", target })
  }
  const opening = new Map<BdevId, Promise<boolean>>()
  for (const page of pool.book.bdevs()) {
    if (!bdevs.has(page.bdev) || page.isGone) continue
    const base = page.base === undefined ? undefined : opening.get(page.base)
    opening.set(page.bdev, openAgain(pool, member, page, base, reopening))
  }
  await within(startMillis, running(member))
  await within(settleMillis, Promise.all(opening.values()))
  return member.epoch === epoch
}
