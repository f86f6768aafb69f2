/** Gives the disks of a fork their content: files before it starts, memory while it lets nobody in yet. */
import { statSync } from "node:fs"
import { unlink } from "node:fs/promises"
import { Console, Effect } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { DataPlane } from "../../domain/DataPlane.ts"
import { CliFailure, failureOf } from "../CliFailure.ts"
import { progressBar } from "../config/progress.ts"
import { printable } from "../printable.ts"
import { byteText } from "../table.ts"
import { copySparse, makeSparse } from "./copy-sparse.ts"
import type { DiskPlan } from "./disk-plan.ts"
import type { ForkSource } from "./fork-source.ts"

const mebibyte = 1024 * 1024
/** Files below this are copied before anybody could read of it. */
const shownBytes = 256 * mebibyte

/** Whether there is a regular file. */
export const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true

const failedWith = (what: string) => (error: unknown) =>
  new CliFailure({ message: `${what}: ${error instanceof Error ? error.message : String(error)}` })

/** Redraws one line of a terminal. */
const drawn = (name: string, total: number): ((done: number) => void) => {
  if (process.stderr.isTTY !== true || total < shownBytes) return () => undefined
  let last = -1
  return (done) => {
    const now = Math.floor(done / mebibyte)
    if (now < last + 64 && done < total) return
    last = now
    process.stderr.write(`\r${name}: ${progressBar(now, Math.ceil(total / mebibyte))} MiB`)
    if (done >= total) process.stderr.write("\r\u001b[K")
  }
}

/** The target that copies memory does not tell how far it is. */
const announced = ({ bytes, name }: DiskPlan): Effect.Effect<void> =>
  bytes < shownBytes ? Effect.void : Console.error(`copying ${printable(name)}, ${byteText(bytes)} of memory ...`)

const fileOf = ({ bytes, empty, file, name, source }: DiskPlan): Effect.Effect<void, CliFailure> =>
  Effect.tryPromise({
    try: (signal) =>
      empty === undefined && source !== undefined
        ? copySparse(source, file, bytes, signal, drawn(name, bytes))
        : makeSparse(file, bytes),
    catch: failedWith(`the disk ${name} (${byteText(bytes)}) cannot be ${empty === undefined ? "copied" : "made"}`)
  })

/** Disks that are files, and copies of the memory of those that are not. Two disks of one file share one here, too. */
export const makeDiskFiles = (
  plans: ReadonlyArray<DiskPlan>,
  source: Pick<ForkSource, "dump">
): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const largest = new Map<string, DiskPlan>()
    for (const plan of plans) {
      const known = largest.get(plan.file)
      if (plan.kind === "file" && (known === undefined || known.bytes < plan.bytes)) largest.set(plan.file, plan)
    }
    yield* Effect.forEach(largest.values(), fileOf, { discard: true })
    for (const plan of plans) {
      if (plan.kind !== "memory" || plan.empty !== undefined) continue
      yield* announced(plan)
      yield* source.dump(plan.name, plan.file)
    }
  })

/** Fills RAM disks from their copies, which are removed. For `ServerSettings.configure`. */
export const loadMemory = (plans: ReadonlyArray<DiskPlan>): Effect.Effect<void, CliFailure, ControlPlane | DataPlane> =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane
    const dataPlane = yield* DataPlane
    yield* dataPlane.awaitApplied(controlPlane.state().epoch?.startedAt ?? 0)
    for (const { empty, file, incarnation, kind, name } of plans) {
      if (kind !== "memory" || empty !== undefined) continue
      yield* Effect.mapError(dataPlane.loadBdev(name, incarnation, file), failureOf)
      const loaded = { _tag: "RecordBdevContentLoaded", name, incarnation } as const
      const cause = { source: "cli", actor: "local", method: "fork" } as const
      yield* Effect.mapError(controlPlane.dispatch(loaded, cause), failureOf)
      yield* Effect.promise(() => unlink(file))
    }
  })
