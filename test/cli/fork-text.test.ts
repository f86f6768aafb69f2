/** What a fork says of addresses that are taken after it was made, and of disks that it does not touch. */
import { assert, it } from "vitest"
import { serverLines, takenNotes } from "../../src/cli/fork/fork-text.ts"
import { createBdev, malloc, startEpoch } from "../domain/examples.ts"
import { nbdRequest } from "../domain/random-bdevs.ts"
import { historyOf } from "../domain/specification.ts"

it("tells the portals that a fork has lost to somebody else", () => {
  const portal = { host: "127.0.0.1", port: 13_260 }
  const failed = { ...portal, state: "failed" } as const
  assert.deepStrictEqual(takenNotes([{ ...portal, state: "listening" }]), [])
  assert.deepStrictEqual(takenNotes([{ ...failed, code: "EADDRNOTAVAIL" }]), [], "told when the fork was made")
  assert.deepStrictEqual(takenNotes([{ ...failed, code: "EADDRINUSE" }]), [
    "the fork does not listen on 127.0.0.1:13260 (EADDRINUSE) yet"
  ])
})

it("says where a fork waits for a server of its own", () => {
  const server = { path: "/fork/files/nbd-1.sock" }
  const { state } = historyOf(
    startEpoch(),
    createBdev("Remote0", { ...nbdRequest, server, connections: 4, blockCount: 8 }),
    createBdev("Malloc9", malloc)
  )
  assert.deepStrictEqual(serverLines(state), [
    "Disk Remote0: its source's NBD server is not touched; it waits for one of its own at /fork/files/nbd-1.sock"
  ])
})
