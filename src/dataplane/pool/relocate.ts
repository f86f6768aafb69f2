/**
 * Moves targets with their bdevs from one home to another: who is logged in is asked to come back, what is open there
 * is closed, and here it is opened again. Commands about it wait meanwhile, and so do logins.
 */

import type { BdevPage } from "./BdevPage.ts"
import { targetKey } from "./Book.ts"
import { bringUp } from "./bring-up.ts"
import type { Member, PoolRequest } from "./Member.ts"
import type { HomeIndex, Node } from "./Placement.ts"
import { memberAt, type PoolState } from "./PoolState.ts"

/** What sessions have to log out before they are cut, in milliseconds: they come back at once. */
const logoutLimitMillis = 5_000

/** What is to move, and where. */
export interface Relocation {
  readonly nodes: ReadonlySet<Node>
  readonly from: HomeIndex
  readonly to: HomeIndex
}

/** How it went. */
export interface Relocated {
  /** Sessions that were asked to log out, and have; and that were cut. */
  readonly closed: number
  readonly cut: number
}

const asked = (member: Member, request: PoolRequest, node: Node) =>
  new Promise<{ readonly closed: number; readonly cut: number }>((resolve) => {
    member.request(request, [node], (answer) => resolve(answer._tag === "SessionsClosed" ? answer : noSessions))
  })

const noSessions = { closed: 0, cut: 0 }

const closeSessions = async ({ book }: PoolState, member: Member, nodes: ReadonlySet<Node>): Promise<Relocated> => {
  const closings = [...nodes].flatMap((node) => {
    const spec = typeof node === "string" ? book.target(node)?.spec : undefined
    if (spec === undefined) return []
    const { incarnation, name } = spec
    return [asked(member, { _tag: "CloseSessions", name, incarnation, moving: { logoutLimitMillis } }, node)]
  })
  const all = await Promise.all(closings)
  return all.reduce((sum, { closed, cut }) => ({ closed: sum.closed + closed, cut: sum.cut + cut }), noSessions)
}

const takeDown = async ({ book }: PoolState, member: Member, nodes: ReadonlySet<Node>): Promise<void> => {
  for (const node of nodes) {
    const page = typeof node === "string" ? book.target(node) : undefined
    if (page === undefined) continue
    const { incarnation, name } = page.spec
    for (const line of page.luns.values()) {
      member.send({ _tag: "UnmapLun", target: name, lun: line.lun, incarnation: line.incarnation })
    }
    member.send({ _tag: "DeleteTarget", name, incarnation })
  }
  const pages: ReadonlyArray<BdevPage> = [...book.bdevs()].filter(({ bdev }) => nodes.has(bdev))
  // What is stacked goes before what it is stacked on.
  const closings = pages.toReversed().map(
    ({ bdev }) =>
      new Promise<void>((resolve) => {
        member.request({ _tag: "CloseBdev", bdev }, [bdev], () => resolve())
      })
  )
  await Promise.all(closings)
}

const tellAllGone = ({ book, emit }: PoolState, nodes: ReadonlySet<Node>, why: string): void => {
  for (const page of [...book.bdevs()].filter(({ bdev, isGone }) => nodes.has(bdev) && !isGone)) {
    page.isGone = true
    emit({ _tag: "BdevTold", bdev: page.bdev, news: { _tag: "Gone", detail: why } })
  }
}

/** Resolves when all is at its new home, or told as gone. Its nodes are `moving`: nothing else begins with them. */
export const relocate = async (pool: PoolState, { from, nodes, to }: Relocation): Promise<Relocated> => {
  const { changes, placement } = pool
  const leaving = memberAt(pool, from)
  const coming = memberAt(pool, to)
  await changes.when(() => !leaving.isAskedAbout(nodes))
  const sessions = await closeSessions(pool, leaving, nodes)
  await changes.when(() => leaving.state !== "down")
  // Before it is closed there: if that reactor fails now, it does not bring it up again.
  for (const node of nodes) placement.place(node, to)
  await takeDown(pool, leaving, nodes)
  for (;;) {
    // It may have failed again between the news of it and this.
    while (coming.state === "down") await changes.when(() => coming.state !== "down")
    if (coming.state === "failed") {
      tellAllGone(pool, nodes, `reactor ${to}, where it was to go, has failed too often`)
      return sessions
    }
    if (await bringUp(pool, coming, nodes, "moved")) return sessions
  }
}

/** Names of targets among nodes, for people. */
export const targetNames = ({ book }: Pick<PoolState, "book">, nodes: Iterable<Node>): ReadonlyArray<string> =>
  [...nodes].flatMap((node) => {
    const name = typeof node === "string" ? book.target(targetKey(node))?.spec.name : undefined
    return name === undefined ? [] : [name]
  })
