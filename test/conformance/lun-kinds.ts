/**
 * The kinds of LUN that `iscsi-test-cu` is run on: some of its tests want a removable medium, some a write-protected
 * LUN, and all have to hold with other block sizes.
 */
import type { RpcParams } from "../support/rpc-client.ts"

/** A disk and how its target shows it. */
export interface LunKind {
  readonly name: string
  /** Parameters of `bdev_malloc_create` beside `name`, or of `bdev_aio_create` beside `name` and `filename`. */
  readonly disk: RpcParams
  /** The disk is a file of `diskBytes`, not memory. */
  readonly inFile: boolean
  readonly readOnly: boolean
  /** Whether a test (`Suite.Test`) makes sense here, with that login. */
  readonly suits: (test: string, login?: LoginName) => boolean
}

/** How the initiator logs in. */
export type LoginName = "plain" | "chap" | "header-digest"

/** A test that asks for more than a kind of LUN says it can, or that the tool can't do: it is not run there. */
export interface Unsuited {
  readonly test: string
  /** Every kind, if it is not named. */
  readonly kind?: string
  /** Every login, if it is not named. */
  readonly login?: LoginName
  readonly reason: string
}

/** All such, beside the suites that write to the read-only LUN. */
export const unsuited: ReadonlyArray<Unsuited> = [
  {
    test: "ExtendedCopy.Simple",
    kind: "4096",
    reason: "it writes 2048 blocks (8 MiB) in one command, whatever MAXIMUM TRANSFER LENGTH says"
  },
  {
    test: "GetLBAStatus.UnmapSingle",
    kind: "512e",
    reason: "it asks for the status of one block, and expects a descriptor that begins 7 blocks later"
  },
  {
    test: "iSCSITMF.LUNResetSimpleAsync",
    login: "chap",
    reason: "the tool itself crashes at its logout, by the same PDUs that it takes without CHAP"
  },
  { test: "GetLBAStatus.UnmapSingle", kind: "read-only", reason: "it writes" },
  {
    test: "iSCSITMF.LUNResetSimpleAsync",
    kind: "file",
    reason: "whether its second run finds the answer that it does not wait for depends on how fast the disk is"
  },
  { test: "ReceiveCopyResults.CopyStatus", kind: "read-only", reason: "it writes" }
]

/** Suites that write nothing, or expect to be refused. */
const withoutWrites =
  /^(GetLBAStatus|Inquiry|Mandatory|ModeSense6|Prefetch|Prin|Read|ReceiveCopy|ReportSupported|TestUnit)/u

/** Small enough for every test: READ(6) must reach the end. */
export const diskBytes = 64 * 1024 * 1024

interface Changes {
  readonly disk?: RpcParams
  readonly inFile?: true
  readonly readOnly?: true
}

const kind = (name: string, blockBytes: number, changes: Changes = {}): LunKind => ({
  name,
  disk: { ...(changes.inFile ? {} : { num_blocks: diskBytes / blockBytes }), block_size: blockBytes, ...changes.disk },
  inFile: changes.inFile ?? false,
  readOnly: changes.readOnly ?? false,
  suits: (test, login = "plain") =>
    (changes.readOnly !== true || withoutWrites.test(test)) &&
    !unsuited.some((one) => one.test === test && (one.kind ?? name) === name && (one.login ?? login) === login)
})

/** All kinds; `fixed` first: what holds there need not be tried elsewhere in a short run. */
export const lunKinds: ReadonlyArray<LunKind> = [
  kind("fixed", 512),
  kind("removable", 512, { disk: { removable: true } }),
  kind("read-only", 512, { readOnly: true }),
  kind("4096", 4096),
  kind("512e", 512, { disk: { physical_block_size: 4096 } }),
  kind("file", 512, { inFile: true, disk: { fallocate: true } })
]

/** The kind of that name. */
export const lunKindOf = (name: string): LunKind => {
  const found = lunKinds.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no kind of LUN is named ${name}`)
  return found
}
