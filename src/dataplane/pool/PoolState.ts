/** What the parts of a pool share. */
import type { ReactorFact } from "../reactor/protocol.ts"
import type { Book } from "./Book.ts"
import type { Changes } from "./Changes.ts"
import type { Member } from "./Member.ts"
import type { HomeIndex, Node, Placement } from "./Placement.ts"

/** One per pool. */
export interface PoolState {
  readonly book: Book
  readonly placement: Placement
  /** By their index: the front, then the homes. */
  readonly members: ReadonlyArray<Member>
  /** What is between two homes: whoever moves it looks after it, whatever becomes of either. */
  readonly moving: Set<Node>
  readonly changes: Changes
  readonly emit: (fact: ReactorFact) => void
  /** From a failure to the new start, in milliseconds; doubled with each failure of a minute. */
  readonly backoffMillis: number
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
}

/** The reactor of an index. */
export const memberAt = ({ members }: Pick<PoolState, "members">, index: HomeIndex): Member => {
  const member = members[index]
  if (member === undefined)
    throw new RangeError(`a pool of ${members.length} reactors has none with the index ${index}`)
  return member
}
