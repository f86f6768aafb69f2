/** What the recorders of PDUs have, as the control side asks for it. */
import { Clock, Effect } from "effect"
import type { CaptureSelection, ConnectionCapture } from "../domain/capture/ConnectionCapture.ts"
import { captureEntries } from "../domain/capture/capture-entry.ts"
import type { Recording } from "./iscsi/recorder/Recordings.ts"
import type { PduRecords } from "./PduRecords.ts"
import type { ReactorClient } from "./ReactorClient.ts"

/** With times of day in place of times before `nowMillis`, and the records that its PDUs have led to. */
const captureOf = (recording: Recording, nowMillis: number, led: PduRecords): ConnectionCapture => {
  const [first] = captureEntries(recording.entries)
  const { closedMillisAgo, openedMillisAgo, ...rest } = recording
  const micros = (millisAgo: number): number => Math.round((nowMillis - millisAgo) * 1000)
  return {
    ...rest,
    openedAt: micros(openedMillisAgo),
    ...(closedMillisAgo === undefined ? {} : { closedAt: micros(closedMillisAgo) }),
    records: first === undefined ? [] : led.of(recording.connection, first.ordinal)
  }
}

/** Asks the reactor; when it has stopped there is nothing. */
export const captureFrom =
  (client: Pick<ReactorClient, "request">, led: PduRecords) =>
  (selection: CaptureSelection): Effect.Effect<ReadonlyArray<ConnectionCapture>> =>
    Effect.gen(function* () {
      const answer = yield* client.request({ _tag: "Capture", selection })
      const now = yield* Clock.currentTimeMillis
      return answer._tag === "Captured" ? answer.recordings.map((recording) => captureOf(recording, now, led)) : []
    })
