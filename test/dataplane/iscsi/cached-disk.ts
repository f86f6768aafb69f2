/** A target whose disk is a file with a write cache: what is done to the file before each answer is written down. */
import { setImmediate as turn } from "node:timers/promises"
import type { Bdev } from "../../../src/dataplane/bdev/Bdev.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { aioSpec, type Begun, type Folder, HeldFiles, openDisk } from "../bdev/aio-support.ts"
import { addTarget, cdb10, loggedIn, statusOf, TestNode, type TestPeer, write10 } from "./fixture.ts"

/** How a command ended, and what the file had to do for it. */
export interface Answered {
  readonly status: string
  readonly data: Buffer
  /** Names of the operations that had ended when the answer was sent, in their order. */
  readonly operations: ReadonlyArray<Begun["operation"]>
}

/** F and R or W of a command's flags. */
export const CommandFlags = { none: 0x81, read: 0xc1, write: 0xa1 } as const

/** One target with a file as LUN 0, or what is stacked on it. */
export const cachedDisk = async (folder: Folder, stacked: (disk: Bdev) => Bdev = (disk) => disk) => {
  const files = new HeldFiles()
  const holes = typeof files.systemCalls() === "string" ? {} : ({ fallocate: true } as const)
  const disk = await openDisk(aioSpec(folder.file("disk", 64 * 512), holes), new OpenFiles(files, 64))
  files.isOpen = true
  const node = new TestNode()
  const target = addTarget(node, { 0: stacked(disk) })
  let fails = false
  const operations: Array<Begun["operation"]> = []
  /** Lets operations go, one per turn, until there is an answer. */
  const answer = async (peer: TestPeer): Promise<Answered> => {
    for (let turns = 0; turns < 100_000; turns++) {
      const [pdu] = peer.received()
      if (pdu !== undefined) return { status: statusOf(pdu), data: pdu.data, operations: operations.splice(0) }
      const [begun] = files.begun.splice(0, 1)
      if (begun !== undefined) {
        operations.push(begun.operation)
        if (begun.operation === "fdatasync" && fails) begun.fail("EIO")
        else begun.go()
      }
      await turn()
    }
    throw new Error("no answer")
  }
  const send = (peer: TestPeer, flags: number, cdb: Buffer, data: Buffer | number = 0): Promise<Answered> => {
    if (typeof data === "number") peer.command(flags, cdb, data)
    else peer.command(flags, cdb, data.length, data)
    return answer(peer)
  }
  return {
    files,
    target,
    answer,
    send,
    logIn: (isid: string) => loggedIn(node, { isid }),
    write: (peer: TestPeer, fua = false) => {
      const cdb = write10(0, 1)
      if (fua) cdb[1] = 0x08
      return send(peer, CommandFlags.write, cdb, Buffer.alloc(512, 7))
    },
    flush: (peer: TestPeer) => send(peer, CommandFlags.none, cdb10(0x35, 0, 0)),
    /** Syncs fail meanwhile. */
    failing: async <A>(work: () => Promise<A>): Promise<A> => {
      fails = true
      const result = await work()
      fails = false
      return result
    }
  }
}
