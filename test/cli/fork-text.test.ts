/** What a fork says of addresses that are taken after it was made. */
import { assert, it } from "vitest"
import { takenNotes } from "../../src/cli/fork/fork-text.ts"

it("tells the portals that a fork has lost to somebody else", () => {
  const portal = { host: "127.0.0.1", port: 13_260 }
  const failed = { ...portal, state: "failed" } as const
  assert.deepStrictEqual(takenNotes([{ ...portal, state: "listening" }]), [])
  assert.deepStrictEqual(takenNotes([{ ...failed, code: "EADDRNOTAVAIL" }]), [], "told when the fork was made")
  assert.deepStrictEqual(takenNotes([{ ...failed, code: "EADDRINUSE" }]), [
    "the fork does not listen on 127.0.0.1:13260 (EADDRINUSE) yet"
  ])
})
