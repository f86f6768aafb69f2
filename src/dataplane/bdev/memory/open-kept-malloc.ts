/** Opens a RAM disk that a file keeps: with what the file holds, or with a new file of zeros. */
import { type Bdev, IoStatus } from "../Bdev.ts"
import type { AioSpec, MallocSpec } from "../BdevSpec.ts"
import { type BdevSurroundings, createMalloc } from "../create-bdev.ts"
import { type FileOpening, openAioBdev } from "../file/open-aio-bdev.ts"
import { type BdevFailure, failure, type OpenedBdev } from "../OpenedBdev.ts"
import { KeptMallocBdev } from "./KeptMallocBdev.ts"

/** One that a file keeps. */
export type KeptMallocSpec = MallocSpec & { readonly filename: string }

/** What opening needs. */
export type KeptMallocOpening = FileOpening & Pick<BdevSurroundings, "memory">

const bytesOf = ({ blockCount, blockSize }: MallocSpec): number => blockCount * blockSize

/** As a file of sectors: what a block is, is the RAM disk's. */
const storeSpec = (spec: KeptMallocSpec): AioSpec => ({
  _tag: "Aio",
  filename: spec.filename,
  blockSize: 512,
  readOnly: false,
  wholeBlocks: true,
  answersLater: true,
  ...(spec.makesFile === true ? { create: { byteLength: bytesOf(spec), mustBeNew: false } } : {})
})

const wrongSize = (name: string, spec: KeptMallocSpec, bytes: number): BdevFailure =>
  failure(
    "EINVAL",
    `${spec.filename} has ${bytes} bytes, and bdev ${name} ${bytesOf(spec)}: ` +
      "name a file of its size, one that does not exist yet, or give the bdev another size"
  )

/** The memory over its store, empty. */
const memoryOver = (
  name: string,
  spec: KeptMallocSpec,
  store: Bdev,
  memory: KeptMallocOpening["memory"]
): KeptMallocBdev | BdevFailure => {
  const bytes = store.blockCount * store.blockSize
  if (bytes !== bytesOf(spec)) return wrongSize(name, spec, bytes)
  const made = createMalloc(name, spec, memory, () => new KeptMallocBdev(spec, store))
  if (made._tag === "BdevFailure") return made
  return made.bdev instanceof KeptMallocBdev ? made.bdev : failure("EINVAL", `bdev ${name} is kept by nothing`)
}

/** What is unmapped becomes a hole where the file system has them, and zeros elsewhere. */
const openStore = async (
  name: string,
  spec: KeptMallocSpec,
  opening: KeptMallocOpening,
  signal: AbortSignal
): Promise<OpenedBdev> => {
  const withHoles = await openAioBdev(name, { ...storeSpec(spec), fallocate: true }, opening, signal)
  if (withHoles._tag === "BdevOpened" || withHoles.code !== "EOPNOTSUPP") return withHoles
  return openAioBdev(name, storeSpec(spec), opening, signal)
}

/** As `openAioBdev`. */
export const openKeptMalloc = async (
  name: string,
  spec: KeptMallocSpec,
  opening: KeptMallocOpening,
  signal: AbortSignal
): Promise<OpenedBdev> => {
  const opened = await openStore(name, spec, opening, signal)
  if (opened._tag === "BdevFailure") return opened
  const { bdev: store } = opened
  const memory = memoryOver(name, spec, store, opening.memory)
  if ("_tag" in memory) {
    store.close()
    await store.discard?.()
    return memory
  }
  const status = await new Promise<IoStatus>((resolve) => memory.load(resolve))
  if (status === IoStatus.ok) return { _tag: "BdevOpened", bdev: memory }
  memory.close()
  return failure("EIO", `${spec.filename} cannot be read, and bdev ${name} is not there without its content`)
}
