/**
 * `lunlog_capture_pdus`: what the recorder of PDUs has, connection by connection, in pages. `lunlog incident capture`
 * makes a file for Wireshark of it.
 */
import { Effect, Schema } from "effect"
import { LogArchive } from "../../../eventlog/LogArchive.ts"
import type { ConnectionCapture } from "../../domain/capture/ConnectionCapture.ts"
import { withoutContent } from "../../domain/capture/capture-content.ts"
import { DataPlane } from "../../domain/DataPlane.ts"
import { recordWords } from "../../history/capture/record-words.ts"
import { integerWithin, optional, SafeUint64, Text } from "../param.ts"
import { defineMethod, type RpcMethod } from "../RpcMethod.ts"

/** Times in microseconds since the epoch, entries in base64: see `src/domain/capture/capture-entry.ts`. */
const captureView = (capture: ConnectionCapture, words: ReadonlyMap<number, string>) => ({
  id: capture.connection,
  initiator: capture.initiatorName,
  target: capture.targetName,
  ...(capture.tsih === undefined ? {} : { tsih: capture.tsih }),
  cid: capture.cid,
  pg_tag: capture.portalGroupTag,
  initiator_addr: capture.initiatorAddress,
  initiator_port: capture.initiatorPort,
  target_addr: capture.targetAddress,
  target_port: capture.targetPort,
  opened_at: capture.openedAt,
  ...(capture.closedAt === undefined ? {} : { closed_at: capture.closedAt }),
  ...(capture.closeReason === undefined ? {} : { close_reason: capture.closeReason }),
  pdus: capture.pduCount,
  entries: Buffer.from(capture.entries.buffer, capture.entries.byteOffset, capture.entries.length).toString("base64"),
  records: capture.records.map(({ ordinal, seq }) => {
    const text = words.get(seq)
    return text === undefined ? { ordinal, seq } : { ordinal, seq, text }
  })
})

/** Over HTTP nobody reads disks. */
const withoutDisks = (capture: ConnectionCapture): ConnectionCapture => ({
  ...capture,
  entries: withoutContent(capture.entries)
})

const params = Schema.Struct({
  target: optional(Text),
  initiator: optional(Text),
  tsih: optional(integerWithin(1, 0xffff)),
  id: optional(SafeUint64),
  from: optional(SafeUint64)
})

/** `next`: the `from` of the next page; there may be nothing in it. */
const lunlogCapturePdus = defineMethod<typeof params.Type, DataPlane | LogArchive>({
  name: "lunlog_capture_pdus",
  kind: "query",
  paramsOptional: true,
  params,
  handler: ({ from, id, initiator, target, tsih }, { caller }) =>
    Effect.gen(function* () {
      const all = yield* (yield* DataPlane).capture({
        ...(target === undefined ? {} : { target }),
        ...(initiator === undefined ? {} : { initiatorName: initiator }),
        ...(tsih === undefined ? {} : { tsih }),
        ...(id === undefined ? {} : { connections: [id] }),
        ...(from === undefined ? {} : { from })
      })
      const captures = caller.isRemote ? all.map(withoutDisks) : all
      const words = yield* recordWords(yield* LogArchive, captures)
      const last = captures.at(-1)
      return {
        connections: captures.map((capture) => captureView(capture, words)),
        ...(last === undefined ? {} : { next: last.connection + 1 })
      }
    })
})

/** This file's methods. */
export const captureMethods: ReadonlyArray<RpcMethod<DataPlane | LogArchive>> = [lunlogCapturePdus]
