/** The bdevs that a reactor has open, and the logical units over them: opened, changed and closed as it is told. */

import { type Bdev, isResizable } from "../bdev/Bdev.ts"
import { DiskMemory, type MemorySource } from "../bdev/DiskMemory.ts"
import { OpenFiles } from "../bdev/file/OpenFiles.ts"
import type { IoFailed } from "../bdev/file/open-aio-bdev.ts"
import { openBdev } from "../bdev/open-bdev.ts"
import { firstOverlayAbove, OverlayBdev } from "../bdev/overlay/OverlayBdev.ts"
import { CountingBdev } from "../bdev/wrapper/CountingBdev.ts"
import { DelayBdev } from "../bdev/wrapper/DelayBdev.ts"
import { ErrorBdev } from "../bdev/wrapper/ErrorBdev.ts"
import { isStackedOn, mediumOf } from "../bdev/wrapper/WrapperBdev.ts"
import { LogicalUnit } from "../scsi/LogicalUnit.ts"
import { SenseCode } from "../scsi/sense-codes.ts"
import { TaskSet } from "../scsi/TaskSet.ts"
import { BdevLimits } from "./BdevLimits.ts"
import { DiskContent } from "./DiskContent.ts"
import { measureFile, whenDeviceClosed } from "./file-commands.ts"
import { NewsDesk } from "./NewsDesk.ts"
import type { BdevId, ReactorAnswer, ReactorCommandOf, ReactorFact, ReactorObservation, RequestId } from "./protocol.ts"

/** What it is told. */
export type BdevCommand = ReactorCommandOf<
  | "OpenBdev"
  | "NameBdev"
  | "CloseBdev"
  | "DumpBdev"
  | "LoadBdev"
  | "CancelCopies"
  | "MeasureBdev"
  | "ResizeBdev"
  | "SetLatencies"
  | "SetRateLimits"
  | "InjectFault"
  | "ResumePending"
  | "ResetOverlay"
>

/** One per reactor. */
export class ReactorBdevs {
  readonly #emit: (fact: ReactorFact) => void
  readonly #tell: (fact: ReactorObservation) => void
  readonly #bdevs = new Map<BdevId, Bdev>()
  /** Files that are being opened. */
  readonly #opening = new Map<BdevId, { readonly request: RequestId; readonly controller: AbortController }>()
  readonly #openFiles: OpenFiles
  readonly #memory: MemorySource
  /** What each has of it. */
  readonly #memoryOf = new Map<BdevId, DiskMemory>()
  readonly #units = new Map<BdevId, LogicalUnit>()
  readonly #content: DiskContent
  readonly #news = new NewsDesk((bdev, news) => this.#emit({ _tag: "BdevTold", bdev, news }))
  /** By the medium that their commands use. */
  readonly #taskSets = new WeakMap<Bdev, TaskSet>()
  /** Where IO waits for its turn. */
  readonly limits = new BdevLimits(this.#bdevs, this.#units)

  /** Answers go to `emit`, what is observed to `tell`; disks have their content in `memory`. */
  constructor(
    emit: (fact: ReactorFact) => void,
    memory: MemorySource,
    openFiles = new OpenFiles(),
    tell: (fact: ReactorObservation) => void = emit
  ) {
    this.#emit = emit
    this.#tell = tell
    this.#memory = memory
    this.#openFiles = openFiles
    this.#content = new DiskContent(openFiles)
  }

  /** The units over bdevs that are open and named. */
  get units(): ReadonlyMap<BdevId, LogicalUnit> {
    return this.#units
  }

  /** Carries out a command. */
  handle(command: BdevCommand): void {
    switch (command._tag) {
      case "OpenBdev":
        return this.#open(command)
      case "NameBdev":
        return this.#name(command)
      case "CloseBdev":
        return this.#close(command)
      case "DumpBdev":
        return this.#content.dump(this.#bdevs.get(command.bdev), command.file, this.#answering(command))
      case "LoadBdev":
        return this.#content.load(this.#bdevs.get(command.bdev), command.file, this.#answering(command))
      case "CancelCopies":
        return this.#content.cancel(this.#bdevs.get(command.bdev), command.file)
      case "MeasureBdev":
        return measureFile(this.#bdevs.get(command.bdev), (answer) => this.#answer(command.request, answer))
      case "ResizeBdev":
        return this.#resize(command)
      case "SetLatencies":
        return this.#setLatencies(command)
      case "SetRateLimits":
        return this.limits.set(command.bdev, command.limits)
      case "InjectFault":
        return this.#withErrorBdev(command.bdev, (bdev) => bdev.inject(command.fault))
      case "ResumePending":
        return this.#withErrorBdev(command.bdev, (bdev) => bdev.resumePending())
      case "ResetOverlay":
        return this.#resetOverlay(command)
    }
  }

  /** The reactor shuts down: everything is closed. `done` is called when it is, or when something hangs. */
  closeAll(done: () => void): void {
    for (const id of this.#opening.keys()) this.#giveUpOpening(id)
    this.limits.forgetAll()
    for (const unit of this.#units.values()) unit.close()
    const closing = [...this.#bdevs.values()]
    for (const bdev of closing) bdev.close()
    this.#bdevs.clear()
    this.#units.clear()
    let open = closing.length
    if (open === 0) return done()
    for (const bdev of closing) {
      whenDeviceClosed(bdev, () => {
        open -= 1
        if (open === 0) done()
      })
    }
  }

  #answering({ request }: { readonly request: RequestId }): (answer: ReactorAnswer) => void {
    return (answer) => this.#answer(request, answer)
  }

  #answer(request: RequestId, answer: ReactorAnswer): void {
    this.#emit({ _tag: "Answer", request, answer })
  }

  #open(command: ReactorCommandOf<"OpenBdev">): void {
    const { base, bdev, definition, memory: slab, request } = command
    const memory = new DiskMemory(this.#memory)
    this.#memoryOf.set(bdev, memory)
    const surroundings = {
      openBase: () => (base === undefined ? undefined : this.#baseOf(base)),
      random: Math.random,
      memory,
      slab,
      openFiles: this.#openFiles,
      ioFailed: this.#ioFailed(definition.name),
      tell: this.#news.open(bdev)
    }
    const controller = new AbortController()
    this.#opening.set(bdev, { request, controller })
    openBdev(definition, surroundings, controller.signal, (result) => {
      this.#opening.delete(bdev)
      if (result._tag === "BdevFailure") {
        this.#news.forget(bdev)
        this.#giveMemoryBack(bdev)
        return this.#answer(request, { _tag: "Failed", code: result.code, detail: result.detail })
      }
      this.#bdevs.set(bdev, result.bdev)
      const { blockCount, blockSize, identity } = result.bdev
      const nvme = result.nvme === undefined ? {} : { nvme: result.nvme }
      const known = identity === undefined ? {} : { identity }
      const keys = this.#openFiles.keysOf(definition.name)
      const writes = keys.length === 0 ? {} : { writes: keys }
      this.#answer(request, { _tag: "BdevOpened", blockCount, blockSize, ...known, ...nvme, ...writes })
    })
  }

  /** What is stacked on a bdev uses it as initiators do: it counts. */
  #baseOf(id: BdevId): Bdev | undefined {
    const device = this.limits.deviceOf(id)
    const unit = this.#units.get(id)
    if (device === undefined || unit === undefined) return device
    return new CountingBdev(device, unit.statistics, () => performance.now())
  }

  #ioFailed(bdev: string): IoFailed {
    return (operation, code, byteOffset) => this.#tell({ _tag: "BdevIoFailed", bdev, operation, code, byteOffset })
  }

  #giveUpOpening(id: BdevId): void {
    const opening = this.#opening.get(id)
    this.#opening.delete(id)
    if (opening === undefined) return
    opening.controller.abort()
    this.#giveMemoryBack(id)
    this.#answer(opening.request, { _tag: "Failed", code: "ECANCELED", detail: "it was given up" })
  }

  #name(command: ReactorCommandOf<"NameBdev">): void {
    const bdev = this.limits.deviceOf(command.bdev)
    if (bdev === undefined) return
    const medium = mediumOf(bdev)
    const taskSet = this.#taskSets.get(medium) ?? new TaskSet()
    this.#taskSets.set(medium, taskSet)
    this.#units.set(command.bdev, new LogicalUnit(bdev, command, taskSet))
    this.#news.named(command.bdev)
  }

  #close({ bdev: id, discard, request }: ReactorCommandOf<"CloseBdev">): void {
    this.#giveUpOpening(id)
    this.#news.forget(id)
    const bdev = this.#bdevs.get(id)
    this.limits.forget(id)
    this.#units.get(id)?.close()
    bdev?.close()
    // Nobody can let go any more what a fault holds: it ends here, and gives its buffers back.
    this.#withErrorBdev(id, (closed) => closed.resumePending())
    this.#bdevs.delete(id)
    this.#units.delete(id)
    const done = (): void => this.#answer(request, { _tag: "Done" })
    whenDeviceClosed(bdev, () => {
      this.#giveMemoryBack(id)
      if (discard === true && bdev?.discard !== undefined) void bdev.discard().finally(done)
      else done()
    })
  }

  #resize({ bdev: id, blockCount }: ReactorCommandOf<"ResizeBdev">): void {
    const bdev = this.#bdevs.get(id)
    if (bdev === undefined || !isResizable(bdev)) return
    bdev.resize(blockCount)
    this.#tellResized(bdev)
  }

  /** Everyone who uses it. What is stacked on an overlay is told when the overlay has the new size. */
  #tellResized(below: Bdev): void {
    const overlays = new Set<OverlayBdev>()
    for (const unit of this.#units.values()) {
      if (!isStackedOn(unit.bdev, below)) continue
      const overlay = firstOverlayAbove(unit.bdev, below)
      if (overlay === undefined) unit.establishUnitAttention(SenseCode.capacityDataHasChanged)
      else overlays.add(overlay)
    }
    for (const overlay of overlays) overlay.baseResized(() => this.#tellResized(overlay))
  }

  /** Hosts that have it in their caches are told that the medium is another: 28/00. */
  #resetOverlay({ bdev: id, request }: ReactorCommandOf<"ResetOverlay">): void {
    const bdev = this.#bdevs.get(id)
    if (!(bdev instanceof OverlayBdev)) {
      return this.#answer(request, { _tag: "Failed", code: "ENODEV", detail: "it is no overlay that is open" })
    }
    bdev.reset((failure) => {
      if (failure !== undefined) return this.#answer(request, { _tag: "Failed", ...failure })
      for (const unit of this.#units.values()) {
        if (isStackedOn(unit.bdev, bdev)) unit.establishUnitAttention(SenseCode.notReadyToReadyChange)
      }
      this.#answer(request, { _tag: "Done" })
    })
  }

  #setLatencies({ bdev: id, latencies }: ReactorCommandOf<"SetLatencies">): void {
    const bdev = this.#bdevs.get(id)
    if (bdev instanceof DelayBdev) bdev.latencies = latencies
  }

  #withErrorBdev(id: BdevId, use: (bdev: ErrorBdev) => void): void {
    const bdev = this.#bdevs.get(id)
    if (bdev instanceof ErrorBdev) use(bdev)
  }

  #giveMemoryBack(id: BdevId): void {
    this.#memoryOf.get(id)?.giveBack()
    this.#memoryOf.delete(id)
  }
}
