/** Bdevs in the words of `iscsi.conf`, which knows few of them and gives memory disks their names itself. */
import type { Bdev } from "../../../domain/bdev/Bdev.ts"
import type { BdevSpec } from "../../../domain/bdev/BdevSpec.ts"
import { partNameOf } from "../../../domain/bdev/split-parts.ts"
import { deviceFolder } from "../../native/commands.ts"
import type { IniLine } from "./IniWriter.ts"
import { limitKeys } from "./qos-section.ts"

const mib = 1024 * 1024

/** Sections, and the names of the bdevs that they make. */
export interface BdevLines {
  readonly sections: ReadonlyArray<readonly [section: string, lines: ReadonlyArray<IniLine>]>
  readonly written: ReadonlySet<string>
}

type Warn = (object: string, why: string) => void

const megabytes = ({ spec }: Bdev): number =>
  "blockCount" in spec ? (spec.blockCount * spec.blockSize) / mib : Number.NaN

/** Malloc0 to Malloc<N>, alike in size and block size: as many as there are in a row. */
const mallocRun = (bdevs: ReadonlyArray<Bdev>): ReadonlyArray<Bdev> => {
  const byName = new Map<string, Bdev>(bdevs.map((bdev) => [bdev.name, bdev]))
  const first = byName.get("Malloc0")
  const run: Array<Bdev> = []
  for (let bdev = first; bdev !== undefined; bdev = byName.get(`Malloc${run.length}`)) {
    if (first?.spec._tag !== "Malloc" || bdev.spec._tag !== "Malloc") break
    if (bdev.spec.blockSize !== first.spec.blockSize || bdev.spec.blockCount !== first.spec.blockCount) break
    run.push(bdev)
  }
  return first !== undefined && Number.isInteger(megabytes(first)) ? run : []
}

const mallocLines = (run: ReadonlyArray<Bdev>): ReadonlyArray<IniLine> => {
  const [first] = run
  if (first === undefined || first.spec._tag !== "Malloc") return []
  return [
    ["NumberOfLuns", String(run.length)],
    ["LunSizeInMB", String(megabytes(first))],
    ["BlockSize", String(first.spec.blockSize)]
  ]
}

type FileSpec = Extract<BdevSpec, { readonly _tag: "Aio" }>

/** Options of files. What a file was made with is in the file. */
const fileLosses = (spec: FileSpec): ReadonlyArray<string> => [
  ...(["fallocate", "nowait", "direct", "dsync", "uring"] as const)
    .filter((key) => spec[key] === true)
    .map((key) => `${key} has no key`),
  ...(spec.ownBlockSize === true && !hasOwnBlockSize(spec)
    ? [`only of paths in ${deviceFolder} is the block size the device's own: it stays ${spec.blockSize}`]
    : [])
]

/** Read back, the block size is the device's: the line has none, and the path tells that it is a device. */
const hasOwnBlockSize = ({ filename, ownBlockSize }: FileSpec): boolean =>
  ownBlockSize === true && filename.startsWith(deviceFolder)

/** What a line leaves out of a bdev that it makes. */
const losses = ({ histogram, spec, uuidExplicit }: Bdev): ReadonlyArray<string> => [
  ...(histogram === undefined ? [] : ["its histogram has no key"]),
  ...(uuidExplicit ? ["the UUID has no key: the disk gets another identity"] : []),
  ...("physicalBlockSize" in spec && spec.physicalBlockSize !== spec.blockSize ? ["physicalBlockSize has no key"] : []),
  ...(spec._tag === "Malloc" && spec.optimalIoBoundary !== 0 ? ["optimalIoBoundary has no key"] : []),
  ...(spec._tag === "Malloc" && spec.filename !== undefined ? ["file has no key"] : []),
  ...("removable" in spec ? ["removable has no key"] : []),
  ...(spec._tag === "Aio" ? fileLosses(spec) : [])
]

/** Without a block size it is the device's, if its path tells that it is one. */
const aioLine = (name: string, spec: FileSpec): IniLine =>
  hasOwnBlockSize(spec) ? ["AIO", spec.filename, name] : ["AIO", spec.filename, name, String(spec.blockSize)]

/** The line that makes a bdev; undefined if there is none, and the bdev is left out. */
const lineOf = (bdev: Bdev, written: ReadonlySet<string>): readonly [string, IniLine] | undefined => {
  const { name, spec } = bdev
  if (spec._tag === "Null" && Number.isInteger(megabytes(bdev))) {
    return ["Null", ["Dev", name, String(megabytes(bdev)), String(spec.blockSize)]]
  }
  // What may only be read must not become writable.
  if (spec._tag === "Aio" && !spec.readOnly) return ["AIO", aioLine(name, spec)]
  if (spec._tag === "Error" && written.has(spec.base.name)) return ["BdevError", ["BdevError", spec.base.name]]
  if (!("base" in spec) || !written.has(spec.base.name)) return undefined
  if (spec._tag === "Passthru") return ["Passthru", ["PT", spec.base.name, name]]
  if (spec._tag !== "Split" || spec.part !== 0) return undefined
  const size = spec.partMebibytes === 0 ? [] : [String(spec.partMebibytes)]
  return ["Split", ["Split", spec.base.name, String(spec.parts), ...size]]
}

/** The line of the first part makes the others, too. */
const isLaterPart = ({ spec }: Bdev, written: ReadonlySet<string>): boolean =>
  spec._tag === "Split" && spec.part > 0 && written.has(partNameOf(spec.base.name, 0))

const limitLines = ({ name, qos }: Bdev): ReadonlyArray<IniLine> =>
  qos === undefined
    ? []
    : Object.entries(limitKeys).flatMap(
        ([key, limit]): ReadonlyArray<IniLine> => (qos[limit] === 0 ? [] : [[key, name, String(qos[limit])]])
      )

const kindOrder = ["Null", "Aio", "Error", "Passthru", "Split"]

/** Always in one order, whatever was created first. */
const sectionOrder = ["Malloc", "Null", "AIO", "BdevError", "Passthru", "Split", "QoS"]

/** In the order of their creation: a base comes before what is stacked on it. */
export const bdevLines = (bdevs: ReadonlyArray<Bdev>, warn: Warn): BdevLines => {
  const run = mallocRun(bdevs)
  const inRun = new Set(run)
  const written = new Set<string>()
  const lines = new Map<string, Array<IniLine>>([["Malloc", [...mallocLines(run)]]])
  for (const bdev of bdevs) {
    const isMade = inRun.has(bdev) || isLaterPart(bdev, written)
    const found = isMade ? undefined : lineOf(bdev, written)
    if (found === undefined && !isMade) {
      warn(`bdev ${bdev.name}`, "is left out: no key can make it")
      continue
    }
    if (found !== undefined) lines.set(found[0], [...(lines.get(found[0]) ?? []), found[1]])
    for (const why of losses(bdev)) warn(`bdev ${bdev.name}`, why)
    written.add(bdev.name)
  }
  const others = bdevs
    .filter((bdev) => written.has(bdev.name) && !inRun.has(bdev))
    .toSorted((a, b) => kindOrder.indexOf(a.spec._tag) - kindOrder.indexOf(b.spec._tag))
  lines.set("QoS", [...run, ...others].flatMap(limitLines))
  const sections = sectionOrder.map((section) => [section, lines.get(section) ?? []] as const)
  return { sections: sections.filter(([, each]) => each.length > 0), written }
}
