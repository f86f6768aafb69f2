/**
 * What the recorders of a reactor have: of connections that are there, and of the last that have ended, so that what
 * led to their end can be looked at. Who only tries to log in does not drive out those that have had a session.
 */
import {
  type CaptureSelection,
  type ConnectionCapture,
  captureBytesDefault
} from "../../../domain/capture/ConnectionCapture.ts"
import type { MemoryAccount } from "../../MemoryBudget.ts"
import type { Connection } from "../Connection.ts"
import type { IoClock } from "../IoClock.ts"
import { PduRecorder, type RecorderSettings } from "./PduRecorder.ts"

/** What is recorded of a connection, with times in milliseconds before now, and without what the main thread adds. */
export interface Recording extends Omit<ConnectionCapture, "openedAt" | "closedAt" | "records"> {
  readonly openedMillisAgo: number
  readonly closedMillisAgo?: number
}

/** Ended connections that are kept of each kind: those with a session, and those without. */
const endedMax = 16
/** Their rings together, of each kind, in bytes. */
const endedBytesMax = 4 * 1024 * 1024

interface Ended {
  readonly recorder: PduRecorder
  readonly closedAt: number
  readonly about: About
}

type About = Omit<Recording, "openedMillisAgo" | "closedMillisAgo" | "pduCount" | "entries">

const aboutOf = ({ cid, id, login, origin, recorder }: Connection): About => {
  const { claimed, purpose } = login
  const { tsih } = recorder
  return {
    connection: id,
    initiatorName: purpose?.initiatorName ?? claimed.initiatorName,
    targetName: purpose?._tag === "Normal" ? purpose.target.spec.name : claimed.targetName,
    ...(tsih === undefined ? {} : { tsih }),
    cid,
    ...origin
  }
}

const isSelected = (
  { connection, initiatorName, targetName, tsih }: About,
  { connections, from = 0, ...wanted }: CaptureSelection
): boolean =>
  connection >= from &&
  connections?.includes(connection) !== false &&
  (wanted.tsih ?? tsih) === tsih &&
  (isSameName(wanted.target, targetName) || isSameName(wanted.target, afterColon(targetName))) &&
  isSameName(wanted.initiatorName, initiatorName)

/** A target is also named by what follows the first colon, as `iscsi_get_connections` shows it. */
const afterColon = (name: string): string => name.slice(name.indexOf(":") + 1)

const isSameName = (wanted: string | undefined, name: string): boolean =>
  wanted === undefined || wanted.toLowerCase() === name.toLowerCase()

/** The first, in their order, until they have the bytes that a selection is for. */
export const firstOf = <A>(
  sorted: ReadonlyArray<A>,
  { maxBytes = captureBytesDefault }: CaptureSelection,
  take: (one: A) => Recording
): ReadonlyArray<Recording> => {
  const taken: Array<Recording> = []
  let bytes = 0
  for (const one of sorted) {
    if (bytes >= maxBytes) break
    const recording = take(one)
    bytes += recording.entries.length
    taken.push(recording)
  }
  return taken
}

/** One per reactor. */
export class Recordings {
  readonly #settings: RecorderSettings
  readonly #clock: IoClock
  readonly #memory: MemoryAccount
  readonly #withSession: Array<Ended> = []
  readonly #withoutSession: Array<Ended> = []

  constructor(settings: RecorderSettings, clock: IoClock, memory: MemoryAccount) {
    this.#settings = settings
    this.#clock = clock
    this.#memory = memory
  }

  /** The recorder of a new connection. */
  begin(): PduRecorder {
    return new PduRecorder(this.#settings, this.#clock, this.#memory)
  }

  /** A connection has ended: what was recorded of it stays for a while. */
  end(connection: Connection, closeReason: string): void {
    const { recorder } = connection
    if (recorder.bytes === 0) return
    const kept = recorder.tsih === undefined ? this.#withoutSession : this.#withSession
    kept.push({ recorder, closedAt: this.#clock.read(), about: { ...aboutOf(connection), closeReason } })
    let bytes = kept.reduce((sum, ended) => sum + ended.recorder.bytes, 0)
    while (kept.length > endedMax || bytes > endedBytesMax) {
      const oldest = kept.shift()
      bytes -= oldest?.recorder.bytes ?? 0
      oldest?.recorder.drop()
    }
  }

  /** Others need the memory: nothing of ended connections is kept any longer. */
  drop(): void {
    for (const kept of [this.#withSession, this.#withoutSession]) {
      for (const { recorder } of kept.splice(0)) recorder.drop()
    }
  }

  /** What is recorded of those that are there, and of those that have ended, by their numbers. */
  take(connections: Iterable<Connection>, selection: CaptureSelection): ReadonlyArray<Recording> {
    const now = this.#clock.read()
    const ended = [...this.#withSession, ...this.#withoutSession].map((one) => ({ ...one, millis: now - one.closedAt }))
    const open = [...connections].map((connection) => ({
      recorder: connection.recorder,
      about: aboutOf(connection),
      millis: undefined
    }))
    const wanted = [...ended, ...open].filter(
      ({ about, recorder }) => recorder.bytes > 0 && isSelected(about, selection)
    )
    const sorted = wanted.sort((a, b) => a.about.connection - b.about.connection)
    return firstOf(sorted, selection, ({ about, millis, recorder }): Recording => {
      const closed = millis === undefined ? {} : { closedMillisAgo: millis }
      const times = { openedMillisAgo: now - recorder.openedAt, ...closed }
      return { ...about, ...times, pduCount: recorder.count, entries: recorder.entries() }
    })
  }
}
