/** Mappings from a source to its fork that tests share. */

import { Uuid } from "../../../src/domain/ids.ts"
import type { ForkMapping } from "../../../src/domain/replay/Fork.ts"

export const forkInstance = Uuid.make("0f0e0d0c-0b0a-4908-8706-050403020100")

const common = {
  instanceId: forkInstance,
  identity: { _tag: "New", suffix: "-fork" },
  redirects: [{ from: { host: "127.0.0.3", port: 3260 }, to: { host: "127.0.0.3", port: 13_260 } }],
  fileDirectory: "/var/lib/fork/files"
} as const satisfies Partial<ForkMapping>

/** Everything is another. */
export const byOffset: ForkMapping = { ...common, portals: { _tag: "Offset", by: 10_000 } }

/** All on one address. */
export const toAddress: ForkMapping = {
  ...common,
  portals: { _tag: "Address", host: "127.0.0.9", ports: [{ from: { host: "127.0.0.2", port: 3260 }, port: 3261 }] }
}

/** Initiators cannot tell it from its source. */
export const kept: ForkMapping = { ...byOffset, identity: { _tag: "Kept" } }
