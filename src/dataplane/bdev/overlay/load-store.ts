/** From an open file to the store in it: its head is checked, its maps are read. No file can make it throw. */
import { type Bdev, IoStatus } from "../Bdev.ts"
import { FileStore, type StoreDevice } from "./FileStore.ts"
import { type GranuleMap, granulesPerSegment } from "./GranuleMap.ts"
import { OverlayLayout } from "./OverlayLayout.ts"
import { headOf, labelOf, type OverlayHead, PageKind, type PageLabel, pageBytes, statesOf } from "./overlay-pages.ts"

/** A sentence about the file, as the predicate of its name. */
export interface Unusable {
  readonly code: string
  readonly why: string
}

const mapsBytes = 4 * pageBytes

const unreadable: Unusable = { code: "EIO", why: "cannot be read" }

/** Fills as much as the file has; the rest is zeros. */
const readAt = (device: Bdev, at: number, byteLength: number): Promise<Buffer | undefined> => {
  const buffer = Buffer.alloc(byteLength)
  const there = Math.min(byteLength, Math.max(0, device.blockCount * device.blockSize - at))
  if (there === 0) return Promise.resolve(buffer)
  return new Promise((resolve) => {
    device.read(at, buffer, 0, there, {
      ioDone: (status) => resolve(status === IoStatus.ok ? buffer : undefined)
    })
  })
}

interface Found {
  readonly page: Buffer
  readonly label: PageLabel
}

const pageOf = (pages: Buffer, index: number): Buffer => pages.subarray(index * pageBytes, (index + 1) * pageBytes)

/** The newest of some places that is whole and of this overlay. */
const newest = (
  pages: Buffer,
  places: ReadonlyArray<number>,
  isOurs: (label: PageLabel) => boolean
): Found | undefined =>
  places
    .flatMap((place): ReadonlyArray<Found> => {
      const page = pageOf(pages, place)
      const label = labelOf(page)
      return label === undefined || label === "newer" || !isOurs(label) ? [] : [{ page, label }]
    })
    .toSorted((a, b) => b.label.sequence - a.label.sequence)[0]

const loadSegment = (map: GranuleMap, store: FileStore, segment: number, pages: Buffer, identity: PageLabel): void => {
  const isOurs = (kind: PageKind) => (label: PageLabel) =>
    label.kind === kind && label.segment === segment && label.id.equals(identity.id)
  const medium = newest(pages, [2, 3], isOurs(PageKind.mediumMap))
  // Of another boot: its sequence goes on, its content may be ahead of what is on the medium.
  const anyBoot = newest(pages, [0, 1], isOurs(PageKind.bootMap))
  const isThisBoot = anyBoot?.label.boot.equals(identity.boot) === true
  const counts = isThisBoot ? anyBoot : medium
  if (counts !== undefined) map.load(segment, statesOf(counts.page))
  const sequences = { boot: anyBoot?.label.sequence ?? 0, medium: medium?.label.sequence ?? 0 }
  store.maps.found(segment, sequences, isThisBoot)
}

/** `bytes` of a block of the base; `boot` is of the machine, 16 bytes. */
export const loadStore = async (
  device: StoreDevice,
  blockSize: number,
  boot: Buffer
): Promise<{ readonly store: FileStore; readonly head: OverlayHead } | Unusable> => {
  const pages = await readAt(device, 0, 2 * pageBytes)
  if (pages === undefined) return unreadable
  const label = [0, 1].map((place) => labelOf(pageOf(pages, place)))
  if (label.includes("newer")) return { code: "EINVAL", why: "was made by a later version of lunlog; use that one" }
  const found = newest(pages, [0, 1], ({ kind }) => kind === PageKind.head)
  const head = found === undefined ? undefined : headOf(found.page)
  if (found === undefined || head === undefined) {
    return { code: "EEXIST", why: "is there, and is no overlay; name a file that is not there yet" }
  }
  if (head.blockSize !== blockSize) {
    const why = `is an overlay of blocks of ${head.blockSize} bytes, and its base has blocks of ${blockSize}`
    return { code: "EINVAL", why: `${why}; use the base that it was made for, or another file` }
  }
  const identity = { ...found.label, boot }
  const start = { head, headSequence: found.label.sequence, identity: { id: identity.id, boot } }
  const store = new FileStore(device, start)
  const layout = new OverlayLayout(head.granuleBytes)
  const fileBytes = device.blockCount * device.blockSize
  const diskSegments = Math.ceil((head.blockCount * blockSize) / (head.granuleBytes * granulesPerSegment))
  const segments = Math.min(layout.segmentsIn(fileBytes), diskSegments)
  for (let segment = 0; segment < segments; segment++) {
    const maps = await readAt(device, layout.mapsAt(segment), mapsBytes)
    if (maps === undefined) return unreadable
    loadSegment(store.map, store, segment, maps, identity)
  }
  return { store, head }
}
