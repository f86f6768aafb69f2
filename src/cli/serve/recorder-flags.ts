/** What a server's command line says of what is recorded of each connection. */
import { Flag } from "effect/cli"
import { boundedInt } from "./server-flags.ts"

/** How much is recorded: PDUs of each connection, and bytes at the beginning of their data. */
export interface RecorderPlan {
  readonly pdus: number
  readonly dataBytes: number
}

/** Unless the command line says otherwise: as in the data plane. */
export const recorderPlanDefault: RecorderPlan = { pdus: 512, dataBytes: 0 }

/** The most that may be asked for. */
export const recorderPlanMax: RecorderPlan = { pdus: 16_384, dataBytes: 4_096 }

const { dataBytes, pdus } = recorderPlanDefault

/** Flags of `serve`. */
export const recorderFlags = {
  recordPdus: boundedInt("record-pdus", 0, recorderPlanMax.pdus).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(
      `How many of its last PDUs are kept of each connection (default ${pdus}, 0: none), for lunlog incident capture`
    ),
    Flag.withDefault(pdus)
  ),
  recordData: boundedInt("record-data", 0, recorderPlanMax.dataBytes).pipe(
    Flag.withMetavar("BYTES"),
    Flag.withDescription(
      `Keep so many bytes at the beginning of their data, too (default ${dataBytes}): content of disks`
    ),
    Flag.withDefault(dataBytes)
  )
}

/** The plan. */
export const recorderPlanOf = (input: { readonly recordPdus: number; readonly recordData: number }): RecorderPlan => ({
  pdus: input.recordPdus,
  dataBytes: input.recordData
})
