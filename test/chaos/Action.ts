/**
 * What a chaos run does, one action at a time: plain values, a line of the journal each. An action says all that it
 * needs (names, sizes, the seed of its data), so that any of them can be left out and the rest played again.
 */
import { readFileSync } from "node:fs"
import type { Cut } from "../support/initiator/Wire.ts"
import type { RpcParams } from "../support/rpc-client.ts"

/** What becomes of operations on a disk's file from now on; `none` ends it. */
export type FileFault = "none" | "ENOSPC" | "EIO" | "sync" | "slow" | "short"

/** Ways of using a LUN: blocks that many write, large transfers, all kinds of commands, mostly flushes. */
export type IoStyle = "hot" | "large" | "mixed" | "durable"

/** One thing that somebody does. */
export type Action =
  /** A request on a connection of its own. */
  | { readonly do: "rpc"; readonly method: string; readonly params: RpcParams }
  /** Uploads and applies a configuration. */
  | { readonly do: "config"; readonly document: unknown }
  | {
      readonly do: "login"
      readonly session: string
      /** Index of the initiator: its name, and its ISID. */
      readonly initiator: number
      readonly target: string
      readonly digests: boolean
      /** Data goes in small pieces, all of it solicited. */
      readonly smallPieces: boolean
      readonly ignorePings: boolean
    }
  | { readonly do: "logout"; readonly session: string }
  | { readonly do: "drop"; readonly session: string }
  /** The connection ends after so many more bytes. */
  | { readonly do: "cut"; readonly session: string; readonly bytes: number; readonly how: Cut }
  /** The initiator reads nothing for a while. */
  | { readonly do: "stall"; readonly session: string; readonly millis: number }
  | {
      readonly do: "io"
      readonly session: string
      readonly lun: number
      readonly seed: number
      readonly commands: number
      readonly depth: number
      readonly style: IoStyle
    }
  /** A task management function for a LUN, or for one of the commands under way. */
  | { readonly do: "manage"; readonly session: string; readonly lun: number; readonly function: number }
  | { readonly do: "reportLuns"; readonly session: string }
  | {
      readonly do: "reserve"
      readonly session: string
      readonly lun: number
      readonly action: number
      readonly key: number
      readonly type: number
    }
  /** Connections that send what no initiator would. */
  | { readonly do: "hostile"; readonly seed: number; readonly connections: number }
  | { readonly do: "fault"; readonly file: string; readonly fault: FileFault }
  /** The NBD server is killed, and started again so much later. */
  | { readonly do: "killNbd"; readonly millis: number }
  | { readonly do: "pause"; readonly millis: number }
  /** SIGKILL, so long after the round has begun; or SIGTERM. Ends the life of the server. */
  | { readonly do: "kill"; readonly millis: number }
  | { readonly do: "stop" }

/** An action in its place: lives follow one another, and so do rounds; the lanes of a round run side by side. */
export interface Step {
  readonly id: number
  readonly life: number
  readonly round: number
  readonly lane: number
  readonly action: Action
}

/** One line for people. */
export const stepText = ({ action, id, lane, life, round }: Step): string => {
  const { do: what, ...rest } = action
  return `action ${id} (life ${life}, round ${round}, lane ${lane}): ${what} ${JSON.stringify(rest)}`
}

/** A journal's text, and back. */
export const journalText = (steps: ReadonlyArray<Step>): string =>
  steps.map((step) => `${JSON.stringify(step)}\n`).join("")

/** Reads a journal that `journalText` has made. */
export const readJournal = (file: string): ReadonlyArray<Step> =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Step => JSON.parse(line))

/** Steps by a number of theirs, in order. */
export const grouped = <A extends { readonly id: number }>(
  steps: ReadonlyArray<A>,
  key: (step: A) => number
): ReadonlyArray<readonly [number, ReadonlyArray<A>]> => [...Map.groupBy(steps, key)].toSorted(([a], [b]) => a - b)
