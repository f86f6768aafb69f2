/** `lunlog_get_incidents` and `lunlog_get_incident_file`: what the target has kept of what went wrong. */
import { Effect, Schema } from "effect"
import { IncidentStore } from "../incident/IncidentStore.ts"
import { optional, SafeUint64, text } from "../param.ts"
import { errnoError, rpcError } from "../RpcError.ts"
import { anyState, defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"

/** Bytes of a file in one answer, where they are base64. */
const partBytes = 3 * 1024 * 1024

/** Oldest first. */
const lunlogGetIncidents = defineMethodWithoutParams({
  name: "lunlog_get_incidents",
  states: anyState,
  kind: "query",
  handler: () =>
    Effect.gen(function* () {
      const all = yield* (yield* IncidentStore).all
      return { incidents: all.map(({ files, incident }) => ({ ...incident, files })) }
    })
})

/** Unless it is said that there is none. */
const mayHaveContent = (seq: number): Effect.Effect<boolean, never, IncidentStore> =>
  Effect.gen(function* () {
    const all = yield* (yield* IncidentStore).all
    return all.some(({ incident }) => incident.seq === seq && incident.capture?.content !== false)
  })

/** `offset` goes on after the bytes of an answer before; `bytes` is of the whole file. */
const lunlogGetIncidentFile = defineMethod({
  name: "lunlog_get_incident_file",
  states: anyState,
  kind: "query",
  params: Schema.Struct({ seq: SafeUint64, file: text(64), offset: optional(SafeUint64) }),
  handler: ({ file, offset = 0, seq }, { caller }) =>
    Effect.gen(function* () {
      if (caller.isRemote && file.endsWith(".pcapng") && (yield* mayHaveContent(seq))) {
        const reason = `${file} has content of disks (--record-data), which is not shown over HTTP`
        const hint = "lunlog incident bundle, on the target's machine, has all files"
        return yield* rpcError(errnoError("EPERM"), { reason, object: `incident ${seq}`, hint })
      }
      const found = yield* (yield* IncidentStore).read(seq, file, offset, partBytes)
      if (found === undefined) {
        const reason = `no file ${JSON.stringify(file)} is kept of an incident ${seq}`
        const hint = "lunlog incident list shows what is kept; the oldest goes first"
        return yield* rpcError(errnoError("ENOENT"), { reason, object: `incident ${seq}`, hint })
      }
      return { seq, file, bytes: found.bytes, offset, chunk: Buffer.from(found.part).toString("base64") }
    })
})

/** This file's methods. */
export const incidentMethods: ReadonlyArray<RpcMethod<IncidentStore>> = [lunlogGetIncidents, lunlogGetIncidentFile]
