/** Mistakes put into the product on purpose: each is one that the chaos suite must find. */

/** One mistake: in `file`, `text` (which is there once) becomes `mistake`. */
export interface Mutation {
  readonly name: string
  readonly file: string
  readonly text: string
  readonly mistake: string
}

/** All of them. */
export const mutations: ReadonlyArray<Mutation> = [
  {
    name: "a flush is answered before anything is synced",
    file: "src/dataplane/bdev/file/FileAccess.ts",
    text: "this.#files.fdatasync(this.#descriptor, io.ended)",
    mistake: "setImmediate(() => io.ended(null))"
  },
  {
    name: "nobody is told of LUNs that come and go",
    file: "src/dataplane/iscsi/Session.ts",
    text: "if (this.#sees(lun)) this.#tell(SenseCode.reportedLunsDataHasChanged)",
    mistake: "if (lun < 0) this.#tell(SenseCode.reportedLunsDataHasChanged)"
  },
  {
    name: "a command that is cut off keeps its buffer",
    file: "src/dataplane/iscsi/IscsiTask.ts",
    text: "if (this.phase !== TaskPhase.Submitted) return this.#pool.give(this)",
    mistake: "if (this.phase !== TaskPhase.Submitted) return"
  },
  {
    name: "a write is put into the next block if others are under way",
    file: "src/dataplane/bdev/file/AioBdev.ts",
    text: "    io.byteOffset = byteOffset\n    io.buffer",
    mistake: '    io.byteOffset = byteOffset + (operation === "write" && this.operations > 2 ? 512 : 0)\n    io.buffer'
  },
  {
    name: "the last of several events is not recorded",
    file: "src/domain/control-core.ts",
    text: "events.map(encodeEvent)",
    mistake: "events.slice(0, Math.max(1, events.length - 1)).map(encodeEvent)"
  },
  {
    name: "a session that logs in again goes on beside itself",
    file: "src/dataplane/iscsi/LoginPhase.ts",
    text: 'other.close("the initiator logged in again: session reinstatement", "reinstated")',
    mistake: "void other"
  },
  {
    name: "the file of a bdev that is deleted stays open",
    file: "src/dataplane/bdev/file/FileAccess.ts",
    text: "this.#files.close(this.#descriptor, io.ended)",
    mistake: "setImmediate(() => io.ended(null))"
  },
  {
    name: "a disk on a RAM disk does not tell that a restart has emptied it",
    file: "src/domain/bdev/bdev-evolve.ts",
    text: "return bdev.contentLost || (below !== undefined && isContentLost(below, find))",
    mistake: "return bdev.contentLost || (below === undefined && base !== undefined)"
  },
  {
    name: "a write that was given up may come after a later one",
    file: "src/dataplane/iscsi/IscsiTask.ts",
    text: "mapping?.unit.taskSet.orphan(this, writes)",
    mistake: "mapping?.unit.taskSet.orphan(this, writes && mapping === undefined)"
  },
  {
    name: "blocks that are compared and written are not kept from others",
    file: "src/dataplane/scsi/TaskSet.ts",
    text: "if (!usesBlocks(scsi)) return false\n    const among",
    mistake: "if (before >= 0) return false\n    const among"
  }
]
