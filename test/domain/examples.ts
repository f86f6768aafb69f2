/** Commands that the tests of the domain build on: the example of SPDK's guide, and pieces of it. */
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import type { Command, CommandOf } from "../../src/domain/Command.ts"
import { BdevName, Incarnation, InitiatorGroupTag, IscsiName, Lun, PortalGroupTag, Uuid } from "../../src/domain/ids.ts"
import { noAuth } from "../../src/domain/options/IscsiOptions.ts"

export const instanceId = Uuid.make("9b2c1f34-6a55-4d0e-8f0f-0123456789ab")
export const disk1 = IscsiName.make("iqn.2016-06.io.spdk:disk1")
export const disk2 = IscsiName.make("iqn.2016-06.io.spdk:disk2")

export const bdevName = (name: string) => BdevName.make(name)
export const lunId = (lun: number) => Lun.make(lun)
export const at = (seq: number) => Incarnation.make(seq)
export const pgTag = (tag: number) => PortalGroupTag.make(tag)
export const igTag = (tag: number) => InitiatorGroupTag.make(tag)

export const startEpoch = (mode: "resume" | "empty" = "resume"): Command => ({
  _tag: "StartEpoch",
  mode,
  instanceId,
  version: "0.1.0"
})

export const createPortalGroup = (tag: number, ...portals: ReadonlyArray<readonly [string, number]>): Command => ({
  _tag: "CreatePortalGroup",
  tag,
  portals: portals.map(([host, port]) => ({ host, port })),
  private: false,
  wait: false
})

export const createInitiatorGroup = (
  tag: number,
  initiators: ReadonlyArray<string> = ["ANY"],
  netmasks: ReadonlyArray<string> = ["127.0.0.1/32"]
): Command => ({ _tag: "CreateInitiatorGroup", tag, initiators, netmasks })

export const malloc = {
  _tag: "Malloc" as const,
  blockCount: 131072,
  blockSize: 512,
  physicalBlockSize: 0,
  optimalIoBoundary: 0
} satisfies BdevRequest

export const createBdev = (name?: string, bdev: BdevRequest = malloc): Command =>
  name === undefined ? { _tag: "CreateBdev", bdev } : { _tag: "CreateBdev", name, bdev }

export const delayOn = (base: string) => ({
  _tag: "Delay" as const,
  base,
  averageReadMicros: 10,
  p99ReadMicros: 20,
  averageWriteMicros: 10,
  p99WriteMicros: 20
})

export const targetRequest: CommandOf<"CreateTargetNode"> = {
  _tag: "CreateTargetNode",
  name: "disk1",
  alias: "Data Disk 1",
  maps: [{ portalGroup: 1, initiatorGroup: 2 }],
  luns: [
    { bdev: "Malloc0", lun: 0 },
    { bdev: "Malloc1", lun: 1 }
  ],
  queueDepth: 64,
  auth: noAuth,
  headerDigest: false,
  dataDigest: false,
  requireLunZero: true
}

export const createTarget = (changes: Partial<CommandOf<"CreateTargetNode">> = {}): Command => ({
  ...targetRequest,
  ...changes
})

/** Portal group 1, initiator group 2, Malloc0 and Malloc1: seq 1 to 5. */
export const groundwork: ReadonlyArray<Command> = [
  startEpoch(),
  createPortalGroup(1, ["127.0.0.1", 3260]),
  createInitiatorGroup(2),
  createBdev(),
  createBdev()
]

/** The guide's example: the target is seq 6, its map 7, LUN 0 is 8 and LUN 1 is 9. */
export const guide: ReadonlyArray<Command> = [...groundwork, createTarget()]

/** The fact that a LUN has drained. */
export const drained = (lun: number, seq: number, target = disk1): Command => ({
  _tag: "RecordLunDrained",
  target,
  lun: lunId(lun),
  incarnation: at(seq),
  drained: 3,
  aborted: 1,
  durationMillis: 12
})

export const sessionsClosed = (seq: number, target = disk1): Command => ({
  _tag: "RecordTargetSessionsClosed",
  target,
  incarnation: at(seq),
  closed: 2,
  cut: 1
})
