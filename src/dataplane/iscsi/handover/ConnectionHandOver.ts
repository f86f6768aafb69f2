/** A TCP connection on its way from the reactor that accepted it to the home of the target that it asks for. */
import type { ConnectionOrigin } from "../ConnectionOrigin.ts"

/** Plain values; whoever has it has the descriptor, and closes it or gives it on. */
export interface ConnectionHandOver {
  /** Unique over all reactors. */
  readonly connection: number
  /** The target's name, in lower case. */
  readonly target: string
  /** Of the socket, in this process; nobody else has it. */
  readonly descriptor: number
  readonly origin: ConnectionOrigin
  /** Of `Place.claims`: who closes the descriptor if a thread dies. */
  readonly slot: number
  /** Of `Place.sessions`: the address that it comes from. */
  readonly peer: number
  /** All that was read of it. */
  readonly received: Uint8Array
  /** Login responses that were sent: requests that go on (C bit) before their text is whole. */
  readonly answered: number
}
