/** The sections that make bdevs, as far as lunlog has their drivers. */
import { BDEVS_MAX } from "../../../domain/bdev/Bdev.ts"
import { SPLIT_PARTS_MAX } from "../../../domain/bdev/BdevSpec.ts"
import type { IniKey } from "../../ini.ts"
import { pathRemark } from "../file-disks.ts"
import type { SectionReader } from "./SectionReader.ts"

const mib = (count: number): string => `${count}MiB`

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,12}$/u.test(text) ? Number(text) : undefined

/** `[Malloc]`: Malloc0, Malloc1 ... of one size. */
export const readMalloc = (reader: SectionReader): void => {
  const count = reader.number("NumberOfLuns") ?? 0
  const megabytes = reader.number("LunSizeInMB")
  const blockSize = reader.number("BlockSize")
  reader.ignore("Comment")
  if (count === 0) return
  if (count > BDEVS_MAX || megabytes === undefined) {
    const why = megabytes === undefined ? "has no LunSizeInMB" : `has more than ${BDEVS_MAX} disks`
    reader.warn(undefined, `${why} and is left out`)
    return
  }
  for (let number = 0; number < count; number++) {
    const size = mib(megabytes)
    const section = { type: "malloc" as const, name: `Malloc${number}`, size }
    reader.draft.bdev({ ...section, ...(blockSize === undefined ? {} : { blockSize }) }, reader.place())
  }
}

const readNullLine = (reader: SectionReader, key: IniKey): void => {
  const [name, megabytes, block, ...more] = key.values
  const count = wholeNumber(megabytes)
  const blockSize = block === undefined ? undefined : wholeNumber(block)
  if (name === undefined || count === undefined || (block !== undefined && blockSize === undefined)) {
    reader.warn(key, "is left out; write Dev NAME MEGABYTES [BLOCKSIZE]")
    return
  }
  if (more.length > 0) reader.warn(key, "metadata is left out: lunlog has none")
  const section = { type: "null" as const, name, size: mib(count) }
  reader.draft.bdev({ ...section, ...(blockSize === undefined ? {} : { blockSize }) }, reader.place(key))
}

/** `[Null]`: `Dev <name> <MB> [<block size>]`. */
export const readNull = (reader: SectionReader): void => {
  for (const key of reader.all("Dev")) readNullLine(reader, key)
  reader.ignore("Comment")
}

const readAioLine = (reader: SectionReader, key: IniKey): void => {
  const [file, name, block, ...more] = key.values
  const blockSize = block === undefined ? undefined : wholeNumber(block)
  if (file === undefined || name === undefined || (block !== undefined && blockSize === undefined) || more.length > 0) {
    reader.warn(key, "is left out; write AIO FILE NAME [BLOCKSIZE]")
    return
  }
  const remark = pathRemark(file)
  if (remark !== undefined) reader.warn(key, remark)
  const section = { type: "aio" as const, name, file }
  reader.draft.bdev({ ...section, ...(blockSize === undefined ? {} : { blockSize }) }, reader.place(key))
}

/** `[AIO]`: `AIO <file> <name> [<block size>]`. */
export const readAio = (reader: SectionReader): void => {
  for (const key of reader.all("AIO")) readAioLine(reader, key)
  reader.ignore("Comment")
}

/** `[BdevError]`: `BdevError <base>`. */
export const readBdevError = (reader: SectionReader): void => {
  for (const key of reader.all("BdevError")) {
    const [base] = key.values
    if (base === undefined) reader.warn(key, "is left out; write BdevError BASE")
    else reader.draft.bdev({ type: "error", base }, reader.place(key))
  }
  reader.ignore("Comment")
}

/** `[Passthru]`: `PT <base> <name>`. */
export const readPassthru = (reader: SectionReader): void => {
  for (const key of reader.all("PT")) {
    const [base, name, ...more] = key.values
    if (base === undefined || name === undefined || more.length > 0) {
      reader.warn(key, "is left out; write PT BASE NAME")
    } else reader.draft.bdev({ type: "passthru", name, base }, reader.place(key))
  }
  reader.ignore("Comment")
}

const readSplitLine = (reader: SectionReader, key: IniKey): void => {
  const [base, count, megabytes, ...more] = key.values
  const parts = wholeNumber(count) ?? 0
  const size = megabytes === undefined ? undefined : wholeNumber(megabytes)
  const isSize = megabytes === undefined || (size !== undefined && size > 0)
  if (base === undefined || parts < 1 || parts > SPLIT_PARTS_MAX || !isSize || more.length > 0) {
    reader.warn(key, `is left out; write Split BASE COUNT [MEGABYTES], with 1 to ${SPLIT_PARTS_MAX} parts`)
    return
  }
  const partSize = size === undefined ? {} : { partSize: mib(size) }
  for (let part = 0; part < parts; part++) {
    reader.draft.bdev({ type: "split", base, part, parts, ...partSize }, reader.place(key))
  }
}

/** `[Split]`: `Split <base> <count> [<MB>]`. A part that does not fit is told when the file is applied. */
export const readSplit = (reader: SectionReader): void => {
  for (const key of reader.all("Split")) readSplitLine(reader, key)
  reader.ignore("Comment")
}
