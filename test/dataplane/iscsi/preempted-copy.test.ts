/** PREEMPT AND ABORT, and copies of the preempted that come from another LUN. */
import { assert, describe, it } from "vitest"
import { abortTasksOf } from "../../../src/dataplane/iscsi/abort-tasks.ts"
import { LunMapping } from "../../../src/dataplane/iscsi/Target.ts"
import { LogicalUnit } from "../../../src/dataplane/scsi/LogicalUnit.ts"
import { copyList, extendedCopyCdb } from "../../support/initiator/copy-list.ts"
import { addTarget, hangingDisk, loggedIn, ramDisk, statusOf, TestNode, turn } from "./fixture.ts"

const options = { name: "Malloc1", uuid: "2f7b6f0e-9a5c-4a63-8d0e-0123456789ac", contentLost: false } as const

describe("PREEMPT AND ABORT", () => {
  it("waits for what a copy of the preempted from another LUN has at the disk, and ends that copy", async () => {
    const node = new TestNode()
    const source = ramDisk()
    source.memory?.fill(0x5a)
    const target = addTarget(node, { 0: source })
    const disk = hangingDisk()
    const unit = new LogicalUnit(disk, { ...options, identityStyle: "uuid" })
    target.luns[1] = new LunMapping(1, 2, unit)
    const peer = loggedIn(node, {}, [0, 1])
    const cscds = [target.luns[0]?.unit, unit].map((one) => {
      assert(one !== undefined)
      return { designator: one.identity.naa, blockLength: 512 }
    })
    const segment = { source: 0, destination: 1, blocks: 8, sourceLba: 0, destinationLba: 0 }
    const list = copyList(cscds, [segment, { ...segment, destinationLba: 8 }])
    peer.command(0xa1, extendedCopyCdb(list.length), list.length, list)
    assert.strictEqual(disk.pendingCount, 1)

    const registrants = unit.registrants()
    const holder = { initiator: "iqn.2024-01.test.lunlog:other", isid: "800000000009", target: "t", relativePort: 1 }
    unit.reservations.put({ generation: 2, persistent: false, registrations: [], reservation: { type: 1, holder } })
    let done = 0
    const isPreempted = ({ registrant }: { readonly registrant: unknown }): boolean =>
      registrants.some((one) => JSON.stringify(one) === JSON.stringify(registrant))
    abortTasksOf(node, unit, isPreempted, undefined, () => done++)
    await turn()
    assert.strictEqual(done, 0, "the disk has a write of the copy")
    disk.inject({ ioType: "clear", errorType: "failure", count: 0, queueDepth: 0, corruptOffset: 0, corruptValue: 0 })
    disk.resumePending()
    await turn()
    await turn()
    assert.strictEqual(done, 1)
    assert.strictEqual(statusOf(peer.one()), "a/0d/01")
    const content = Buffer.alloc(512)
    disk.base.read(8 * 512, content, 0, 512, { ioDone: () => {} })
    assert.isTrue(content.equals(Buffer.alloc(512)), "the copy has not gone on")
  })
})
