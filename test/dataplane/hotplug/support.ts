/** What tests of devices that come and go share: a plane with disks in files, and what becomes of them. */
import { it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { Command } from "../../../src/domain/Command.ts"
import { detachedBdevsOf, findBdev } from "../../../src/domain/State.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import type { Session } from "../../support/initiator/Session.ts"
import { Folder } from "../bdev/aio-support.ts"
import { attempt, createBdev, type Plane, recordsOf, until } from "../plane.ts"

export const withFolder = (name: string, run: (folder: Folder) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () =>
    Effect.flatMap(
      Effect.acquireRelease(
        Effect.sync(() => new Folder()),
        (folder) => Effect.sync(() => folder[Symbol.dispose]())
      ),
      run
    )
  )

export const aio = (name: string, filename: string): Command =>
  createBdev(name, { _tag: "Aio", filename, blockSize: 512, readOnly: false })

export const delay = (name: string, base: string): Command =>
  createBdev(name, {
    _tag: "Delay",
    base,
    averageReadMicros: 0,
    p99ReadMicros: 0,
    averageWriteMicros: 0,
    p99WriteMicros: 0
  })

export const outcome = (session: Session, lun: number, command: Buffer): Effect.Effect<string, unknown> =>
  Effect.map(
    attempt(() => session.command({ lun, cdb: command })),
    outcomeText
  )

export const statusOf = (plane: Plane) =>
  Effect.map(plane.dataPlane.status, ({ bdevs }) => bdevs.map(({ name, state }) => `${name} ${state}`))

export const isThere = (plane: Plane, name: string) => findBdev(plane.controlPlane.state(), name) !== undefined

/** The data plane has followed all that is recorded. */
const applied = ({ dataPlane, log }: Plane) => Effect.suspend(() => dataPlane.awaitApplied(log.durable().controlSeq))

/** The bdev is gone, in the data plane too, and waits for its device. */
export const untilDetached = (plane: Plane, name: string) =>
  Effect.andThen(
    until(Effect.map(statusOf(plane), (status) => !isThere(plane, name) && status.includes(`${name} detached`))),
    applied(plane)
  )

/** It is back with all that it had. */
export const untilBack = (plane: Plane, name: string) =>
  Effect.andThen(
    until(
      Effect.map(
        statusOf(plane),
        (status) => status.includes(`${name} up`) && detachedBdevsOf(plane.controlPlane.state()).length === 0
      )
    ),
    applied(plane)
  )

export const sourcesOf = (plane: Plane, type: string) =>
  Effect.map(recordsOf(plane, type), (records) => records.map(({ cause }) => cause.source))
