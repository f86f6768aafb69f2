/** Opening any bdev: some are there at once, a file is when the file system has answered. */
import type { Bdev } from "./Bdev.ts"
import type { TellNews } from "./BdevNews.ts"
import type { BdevDefinition, BdevSpec, NbdSpec, OverlaySpec } from "./BdevSpec.ts"
import { type BdevSurroundings, baseIsMissing, createBdev } from "./create-bdev.ts"
import type { OpenFiles } from "./file/OpenFiles.ts"
import { type IoFailed, openAioBdev } from "./file/open-aio-bdev.ts"
import { openKeptMalloc } from "./memory/open-kept-malloc.ts"
import { openNbdBdev } from "./nbd/open-nbd-bdev.ts"
import { openNvmeBdev } from "./nvme/open-nvme-bdev.ts"
import type { OpenedBdev } from "./OpenedBdev.ts"
import { openOverlay } from "./overlay/open-overlay.ts"

/** What opening any bdev needs. */
export interface OpeningSurroundings extends BdevSurroundings {
  readonly openFiles: OpenFiles
  readonly ioFailed: IoFailed
  /** What the driver finds out while the bdev is open. */
  readonly tell: TellNews
}

/** Closes a bdev that nobody is going to have: a file that was made for it goes with it. */
export const discardBdev = (bdev: Bdev): Promise<void> => {
  bdev.close()
  return bdev.discard?.() ?? Promise.resolve()
}

const openOverlayFile = async (
  name: string,
  spec: OverlaySpec,
  surroundings: OpeningSurroundings,
  signal: AbortSignal
): Promise<OpenedBdev> => {
  const base = surroundings.openBase(spec.base)
  return base === undefined ? baseIsMissing(name, spec.base) : openOverlay(name, spec, base, surroundings, signal)
}

const openingOf = (
  name: string,
  spec: Exclude<BdevSpec, NbdSpec>,
  surroundings: OpeningSurroundings,
  signal: AbortSignal
): OpenedBdev | Promise<OpenedBdev> => {
  if (spec._tag === "Aio") return openAioBdev(name, spec, surroundings, signal)
  if (spec._tag === "Nvme") return openNvmeBdev(name, spec, surroundings, signal)
  if (spec._tag === "Overlay" && spec.filename !== undefined) return openOverlayFile(name, spec, surroundings, signal)
  if (spec._tag !== "Malloc" || spec.filename === undefined) return createBdev({ name, spec }, surroundings)
  const { filename } = spec
  return openKeptMalloc(name, { ...spec, filename }, surroundings, signal)
}

/** Calls `done` once, perhaps at once; not at all after `signal` was aborted, and then nothing stays open. */
export const openBdev = (
  { name, spec }: BdevDefinition,
  surroundings: OpeningSurroundings,
  signal: AbortSignal,
  done: (result: OpenedBdev) => void
): void => {
  if (spec._tag === "Nbd") {
    const { ioFailed: failed, openFiles, tell } = surroundings
    return openNbdBdev(name, spec, { openFiles, tell, failed }, signal, done)
  }
  const opening = openingOf(name, spec, surroundings, signal)
  if ("_tag" in opening) return done(opening)
  void opening.then((result) => {
    if (!signal.aborted) done(result)
    else if (result._tag === "BdevOpened") discardBdev(result.bdev)
  })
}
