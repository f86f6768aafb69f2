/**
 * The kinds of LUN that `iscsi-test-cu` is run on: some of its tests want a removable medium, some a write-protected
 * LUN, and all have to hold with other block sizes.
 */
import type { RpcParams } from "../support/rpc-client.ts"

/** A disk and how its target shows it. */
export interface LunKind {
  readonly name: string
  /** Parameters of `bdev_malloc_create` beside `name`. */
  readonly disk: RpcParams
  readonly readOnly: boolean
  /** Whether the tool's suite of that name makes sense here. */
  readonly suits: (suite: string) => boolean
}

/** Suites that write nothing, or expect to be refused. */
const withoutWrites =
  /^(GetLBAStatus|Inquiry|Mandatory|ModeSense6|Prefetch|Prin|Read|ReceiveCopy|ReportSupported|TestUnit)/u

/** Small enough for every test: READ(6) must reach the end. */
const diskBytes = 64 * 1024 * 1024

const kind = (name: string, blockBytes: number, changes: { disk?: RpcParams; readOnly?: boolean } = {}): LunKind => ({
  name,
  disk: { num_blocks: diskBytes / blockBytes, block_size: blockBytes, ...changes.disk },
  readOnly: changes.readOnly ?? false,
  suits: (suite) => changes.readOnly !== true || withoutWrites.test(suite)
})

/** All kinds; `fixed` first: what holds there need not be tried elsewhere in a short run. */
export const lunKinds: ReadonlyArray<LunKind> = [
  kind("fixed", 512),
  kind("removable", 512, { disk: { removable: true } }),
  kind("read-only", 512, { readOnly: true }),
  kind("4096", 4096),
  kind("512e", 512, { disk: { physical_block_size: 4096 } })
]

/** The kind of that name. */
export const lunKindOf = (name: string): LunKind => {
  const found = lunKinds.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no kind of LUN is named ${name}`)
  return found
}
