/** The recorded PDUs of a running target, as the command line reads them: all pages of `lunlog_capture_pdus`. */
import { Effect, Schema } from "effect"
import type { ConnectionCapture } from "../../domain/capture/ConnectionCapture.ts"
import { type CliFailure, unexpectedAnswer } from "../CliFailure.ts"

const CaptureView = Schema.Struct({
  id: Schema.Int,
  initiator: Schema.String,
  target: Schema.String,
  tsih: Schema.optionalKey(Schema.Int),
  cid: Schema.Int,
  pg_tag: Schema.Int,
  initiator_addr: Schema.String,
  initiator_port: Schema.Int,
  target_addr: Schema.String,
  target_port: Schema.Int,
  opened_at: Schema.Finite,
  closed_at: Schema.optionalKey(Schema.Finite),
  close_reason: Schema.optionalKey(Schema.String),
  pdus: Schema.Int,
  entries: Schema.String,
  records: Schema.Array(
    Schema.Struct({ ordinal: Schema.Int, seq: Schema.Int, text: Schema.optionalKey(Schema.String) })
  )
})

/** A connection, as the method answers. */
export type CaptureView = typeof CaptureView.Type

const decodePage = Schema.decodeUnknownEffect(
  Schema.Struct({ connections: Schema.Array(CaptureView), next: Schema.optionalKey(Schema.Int) })
)

/** Which connections, as the method's parameters. */
export interface CaptureParams {
  readonly target?: string
  readonly initiator?: string
  readonly tsih?: number
  readonly id?: number
}

/** What a target has recorded of these connections: all, or as many as have about `bytesMax` of base64 together. */
export const readCaptures = (
  call: (method: string, params: unknown) => Effect.Effect<unknown, CliFailure>,
  params: CaptureParams,
  bytesMax = Number.POSITIVE_INFINITY
): Effect.Effect<ReadonlyArray<CaptureView>, CliFailure> =>
  Effect.gen(function* () {
    const captures: Array<CaptureView> = []
    let from: number | undefined = 0
    let bytes = 0
    while (from !== undefined && bytes < bytesMax) {
      const answer = yield* call("lunlog_capture_pdus", { ...params, from })
      const page: { readonly connections: ReadonlyArray<CaptureView>; readonly next?: number } = yield* Effect.mapError(
        decodePage(answer),
        unexpectedAnswer
      )
      captures.push(...page.connections)
      bytes += page.connections.reduce((sum, { entries }) => sum + entries.length, 0)
      from = page.next
    }
    return captures
  })

/** As the domain has it. */
export const captureOfView = (view: CaptureView): ConnectionCapture => ({
  connection: view.id,
  initiatorName: view.initiator,
  targetName: view.target,
  ...(view.tsih === undefined ? {} : { tsih: view.tsih }),
  cid: view.cid,
  portalGroupTag: view.pg_tag,
  initiatorAddress: view.initiator_addr,
  initiatorPort: view.initiator_port,
  targetAddress: view.target_addr,
  targetPort: view.target_port,
  openedAt: view.opened_at,
  ...(view.closed_at === undefined ? {} : { closedAt: view.closed_at }),
  ...(view.close_reason === undefined ? {} : { closeReason: view.close_reason }),
  pduCount: view.pdus,
  entries: Uint8Array.from(Buffer.from(view.entries, "base64")),
  records: view.records
})
