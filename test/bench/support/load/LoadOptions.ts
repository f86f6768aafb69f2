/** What a load generator is told at its start. */
import type { EchoSizes } from "./EchoLanes.ts"

/** A load on a target: `sessions` connections that read or write at a queue depth. */
export interface LoadOptions {
  readonly host: string
  readonly port: number
  readonly sessions: number
  /** Commands at a time in each session; 0: the sessions idle, and answer the target's pings. */
  readonly queueDepth: number
  /** Names; the sessions are dealt out over them in turns. */
  readonly targets: ReadonlyArray<string>
  /** LUNs of each target; a session's commands go to them in turns. Default: 0. */
  readonly luns?: ReadonlyArray<number>
  readonly kind: "read" | "write"
  /** Bytes of a command, a multiple of 512. */
  readonly bytes: number
  /** Bytes of each LUN that commands go to. */
  readonly unitBytes: number
  readonly order: "random" | "sequential"
  /** Header and data digests. */
  readonly digests?: boolean
  /** Addresses to connect from, in turns: targets limit the connections of each address. */
  readonly localAddresses?: ReadonlyArray<string>
  /** Logins at a time. Default: 16. */
  readonly loginsAtOnce?: number
  /** Operational keys beside those that the tests' initiator offers. */
  readonly keys?: Readonly<Record<string, string>>
  /** No target but an echo process: messages of these sizes in place of commands. */
  readonly echo?: EchoSizes
}
