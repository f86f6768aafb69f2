/**
 * What stays over all rounds of the removal matrix: a server, two targets with a LUN 0 each that is never touched by a
 * removal, and three sessions: a deep one that writes 1 MiB by R2T, one beside it that reads 1 MiB, and one over the
 * other target with many small commands.
 */
import { join } from "node:path"
import { FakeSysfs } from "../../fake-sysfs.ts"
import { makeDirectory, removeDirectory } from "../../target-process.ts"
import { type Load, startLoad } from "../load.ts"
import { readStory, type StoryRecord } from "../log-story.ts"
import { bringTogether, type Lunlog, nodeBase, startLunlog } from "../lunlog.ts"
import type { Random } from "../random.ts"
import type { Session } from "../Session.ts"

/** Milliseconds that a removal waits for commands before it aborts them. */
export const matrixDeadlineMillis = 500

/** Targets of the scene; a third one comes and goes in rounds that delete a target. */
export const matrixTargets = [`${nodeBase}:matrix-a`, `${nodeBase}:matrix-b`, `${nodeBase}:matrix-c`] as const
export const stableLun = 0
export const pulledLun = 1

const mebibyte = 1024 * 1024
/** 8 MiB are written, 4 MiB read, and a little for small commands. */
export const matrixDiskMebibytes = 16
const writerSlots = 8
const readerSlots = 4
const smallBytes = 4096
/** Of what a command may take before it counts as unanswered: a loaded machine, and a disk that is given up. */
const waitMillis = 45_000

const eagerKeys = { InitialR2T: "No", ImmediateData: "Yes", FirstBurstLength: "65536", MaxOutstandingR2T: "4" }
const solicitedKeys = { InitialR2T: "Yes", ImmediateData: "No", MaxBurstLength: "262144", FirstBurstLength: "512" }

/** The loads on the LUN that is pulled, and those on what stays. */
export interface MatrixLoads {
  readonly pulled: ReadonlyArray<Load>
  readonly stable: ReadonlyArray<Load>
}

/** A server for many rounds. */
export class MatrixScene implements AsyncDisposable {
  readonly lunlog: Lunlog
  readonly folder: string
  readonly tree: FakeSysfs
  readonly writer: Session
  readonly reader: Session
  readonly other: Session
  /** Rounds so far. */
  rounds = 0
  #nextSeq = 1

  private constructor(lunlog: Lunlog, folder: string, tree: FakeSysfs, sessions: readonly [Session, Session, Session]) {
    this.lunlog = lunlog
    this.folder = folder
    this.tree = tree
    ;[this.writer, this.reader, this.other] = sessions
  }

  static async start(args: ReadonlyArray<string> = []): Promise<MatrixScene> {
    const folder = makeDirectory("matrix")
    const tree = new FakeSysfs(join(folder))
    const removalDeadline = `${matrixDeadlineMillis}ms`
    const lunlog = await startLunlog({ directory: folder, removalDeadline, args: [...tree.flags, ...args] })
    const [first, second] = matrixTargets
    for (const [index, name] of [first, second].entries()) {
      await lunlog.createMalloc(`Stable${index}`, 1)
      await lunlog.createTarget({ name, luns: { [stableLun]: `Stable${index}` }, queueDepth: 64 })
    }
    await bringTogether(lunlog, [first, second], pulledLun)
    const writer = await lunlog.open(first, { keys: solicitedKeys })
    const reader = await lunlog.open(first, { keys: eagerKeys })
    return new MatrixScene(lunlog, folder, tree, [writer, reader, await lunlog.open(second, { keys: eagerKeys })])
  }

  get sessions(): ReadonlyArray<Session> {
    return [this.writer, this.reader, this.other]
  }

  /** The records since the last call. */
  async nextStory(): Promise<ReadonlyArray<StoryRecord>> {
    const story = await readStory(this.lunlog.process.rpc, this.#nextSeq)
    this.#nextSeq = (story.at(-1)?.seq ?? this.#nextSeq - 1) + 1
    return story
  }

  /** Loads on the pulled LUN at three queue depths, and light ones on what stays. */
  startLoads(random: Random, options: { readonly forgetful: boolean; readonly lateDataMillis?: number }): MatrixLoads {
    const { forgetful, ...late } = options
    const blocks = mebibyte / 512
    const common = { lun: pulledLun, random, waitMillis, verify: !forgetful }
    const writer = {
      ...{ session: this.writer, ioBytes: mebibyte, queueDepth: writerSlots, slots: writerSlots },
      ...{ reads: 0, refusalsMax: writerSlots },
      ...late
    }
    const reader = {
      ...{ session: this.reader, ioBytes: mebibyte, queueDepth: readerSlots, slots: readerSlots },
      ...{ reads: 1, firstBlock: writerSlots * blocks, refusalsMax: readerSlots }
    }
    const small = {
      ...{ session: this.other, ioBytes: smallBytes, queueDepth: 16, slots: 32, reads: 0.5, refusalsMax: 32 },
      firstBlock: (writerSlots + readerSlots) * blocks
    }
    const light = {
      ...{ lun: stableLun, random, ioBytes: smallBytes, queueDepth: 2, reads: 0.5, slots: 8, waitMillis },
      contents: "unknown" as const
    }
    return {
      pulled: [writer, reader, small].map((load) => startLoad({ ...common, ...load })),
      stable: [this.writer, this.other].map((session) => startLoad({ session, ...light }))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.drop()
    await this.lunlog[Symbol.asyncDispose]()
    removeDirectory(this.folder)
  }
}
