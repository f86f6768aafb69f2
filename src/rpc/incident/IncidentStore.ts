/**
 * The incidents that a target has kept: folders `SEQ` in `incidents` of its state directory, read by whoever asks. A
 * folder that cannot be read is no incident; one gets its name when all of it is there.
 */
import { open, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { Context, Effect, Layer, Result, Schema } from "effect"
import { incidentFiles, KeptIncident } from "../../history/incident/KeptIncident.ts"

/** A file of an incident. */
export interface IncidentFile {
  readonly name: string
  readonly bytes: number
}

/** An incident with its files. */
export interface StoredIncident {
  readonly incident: KeptIncident
  readonly files: ReadonlyArray<IncidentFile>
}

/** A part of a file, and how long the whole is. */
export interface FilePart {
  readonly bytes: number
  readonly part: Uint8Array
}

/** Folders that are looked at, and files in one: a target keeps fewer. */
const foldersMax = 1024
const filesMax = 16
/** Bytes of an `incident.json`. */
const aboutBytesMax = 1024 * 1024

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(KeptIncident))

/** Plain names: nothing that leads elsewhere. */
const isFileName = (name: string): boolean => /^[a-z][a-z0-9-]{0,40}\.(?:json|pcapng)$/u.test(name)

const readPart = async (path: string, offset: number, length: number): Promise<FilePart> => {
  const file = await open(path, "r")
  try {
    const { size } = await file.stat()
    const part = new Uint8Array(Math.max(0, Math.min(length, size - offset)))
    const { bytesRead } = await file.read(part, 0, part.length, offset)
    return { bytes: size, part: part.subarray(0, bytesRead) }
  } finally {
    await file.close()
  }
}

const filesOf = async (folder: string): Promise<ReadonlyArray<IncidentFile>> => {
  const names = (await readdir(folder)).filter(isFileName).toSorted().slice(0, filesMax)
  return await Promise.all(names.map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })))
}

const readIncident = async (folder: string, seq: number): Promise<StoredIncident | undefined> => {
  try {
    const { part } = await readPart(join(folder, incidentFiles.about), 0, aboutBytesMax)
    const incident = decode(new TextDecoder().decode(part))
    if (Result.isFailure(incident) || incident.success.seq !== seq) return undefined
    return { incident: incident.success, files: await filesOf(folder) }
  } catch {
    return undefined
  }
}

const readAll = async (directory: string): Promise<ReadonlyArray<StoredIncident>> => {
  const names = await readdir(directory).catch(() => [])
  const seqs = names.filter((name) => /^[1-9]\d{0,15}$/u.test(name)).map(Number)
  const newest = seqs.toSorted((a, b) => a - b).slice(-foldersMax)
  const found = await Promise.all(newest.map((seq) => readIncident(join(directory, String(seq)), seq)))
  return found.filter((one) => one !== undefined)
}

/** The service; nothing of it fails: what is not there is undefined, or no part of the list. */
export class IncidentStore extends Context.Service<
  IncidentStore,
  {
    /** Oldest first. */
    readonly all: Effect.Effect<ReadonlyArray<StoredIncident>>
    /** At most `length` bytes from `offset` on. */
    readonly read: (seq: number, file: string, offset: number, length: number) => Effect.Effect<FilePart | undefined>
  }
>()("lunlog/rpc/IncidentStore") {
  /** Of a directory, which need not be there. */
  static readonly at = (directory: string): IncidentStore["Service"] =>
    IncidentStore.of({
      all: Effect.promise(() => readAll(directory)),
      read: (seq, file, offset, length) =>
        isFileName(file)
          ? Effect.promise(() => readPart(join(directory, String(seq), file), offset, length).catch(() => undefined))
          : Effect.undefined
    })

  /** Of what keeps none. */
  static readonly none = Layer.succeed(IncidentStore, { all: Effect.succeed([]), read: () => Effect.undefined })
}

/** Where the incidents of a state directory are. */
export const incidentDirectoryOf = (stateDirectory: string): string => join(stateDirectory, "incidents")
