/** What was done in a round and how it was answered, by a logical clock: what the checks look at when all is quiet. */

import type { StoryRecord } from "../support/initiator/log-story.ts"
import type { RpcParams } from "../support/rpc-client.ts"
import type { FileFault } from "./Action.ts"
import type { Span } from "./model/BlockModel.ts"
import type { Content } from "./model/block-content.ts"

/** A request and its answer. */
export interface RpcDone extends Span {
  /** Of the action. */
  readonly id: number
  readonly method: string
  readonly params: RpcParams
  readonly outcome:
    | { readonly _tag: "Ok"; readonly result: unknown }
    | { readonly _tag: "Refused"; readonly code: number; readonly reason: string }
    | { readonly _tag: "Unanswered" }
}

/** Commands on blocks, and those that are not. */
export type IoKind =
  | "read"
  | "write"
  | "writeSame"
  | "unmap"
  | "compareAndWrite"
  | "flush"
  | "ready"
  | "reportLuns"
  | "reserve"

/** A SCSI command and its end. */
export interface IoDone extends Span {
  /** Of the action, and which of its commands it is. */
  readonly id: number
  readonly index: number
  readonly session: string
  /** When that session had logged in: a name comes again. */
  readonly since: number
  readonly target: string
  readonly lun: number
  readonly kind: IoKind
  /** Of the LUN. */
  readonly block: number
  readonly blocks: number
  readonly version: number
  readonly fua: boolean
  /** `GOOD`, sense as `6/29/00`, `status 08h`, `lost` (with its connection), `no answer`. */
  readonly outcome: string
  /** What a read has found, block by block. */
  readonly found: ReadonlyArray<Content>
  /** COMPARE AND WRITE: what the block was to hold. */
  readonly expected?: Content
  /** INFORMATION of the sense data. */
  readonly information?: number
}

/** A login and what came of it. */
export interface LoginDone extends Span {
  readonly id: number
  readonly session: string
  readonly initiator: number
  readonly target: string
  /** Class and detail; undefined if there was no answer. */
  readonly status: number | undefined
}

/** A session that was there in the round. */
export interface SessionSeen {
  readonly name: string
  readonly target: string
  /** When it had logged in. */
  readonly since: number
  /** Why its end is no surprise; undefined if it would be one. */
  readonly endedBy: string | undefined
  /** When that was begun. */
  readonly endedAt: number
  readonly isClosed: boolean
  /** Rules of RFC 7143 that the target broke. */
  readonly violations: ReadonlyArray<string>
  /** What it was sent to say why it ends: Reject reasons, asynchronous events. */
  readonly messages: ReadonlyArray<string>
}

/** A task management function and its response. */
export interface ManageDone extends Span {
  readonly session: string
  readonly target: string
  readonly lun: number
  readonly function: number
  readonly response: number | undefined
}

/** Something that was made to go wrong; it may go wrong from `begin` until the round is over. */
export type FaultDone =
  | {
      readonly begin: number
      readonly of: "bdev"
      readonly name: string
      readonly kind: string
      readonly offset: number
      readonly value: number
    }
  | { readonly begin: number; readonly of: "file"; readonly name: string; readonly kind: FileFault }
  | { readonly begin: number; readonly of: "nbd"; readonly name: string; readonly kind: "killed" }

/** All of a round. */
export class History {
  readonly rpcs: Array<RpcDone> = []
  readonly ios: Array<IoDone> = []
  readonly logins: Array<LoginDone> = []
  readonly manages: Array<ManageDone> = []
  readonly faults: Array<FaultDone> = []
  /** Initiators that have tried to reserve, by target and LUN. */
  readonly reserved: Array<{ readonly target: string; readonly lun: number; readonly begin: number }> = []
  sessions: ReadonlyArray<SessionSeen> = []
  /** Control records of the round, in order. */
  records: ReadonlyArray<ControlRecord> = []
  readonly begin: number
  end = Number.POSITIVE_INFINITY

  constructor(begin: number) {
    this.begin = begin
  }
}

/** A record of the log with who caused it. */
export interface ControlRecord extends StoryRecord {
  readonly kind: string
  /** The action, where it was one of the run's own. */
  readonly action: number | undefined
  readonly source: string
}

/** The name under which an action is known to the log. */
export const actorOf = (id: number): string => `chaos ${id}`

/** The run's logical clock: no two moments are the same. */
export class LogicalClock {
  #now = 0
  tick(): number {
    this.#now += 1
    return this.#now
  }
}
