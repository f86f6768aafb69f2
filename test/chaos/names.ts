/** The objects that a chaos run is about: few names, so that actions meet. */

/** Target nodes that come and go. */
export const targetNames = ["t0", "t1", "t2"].map((name) => `iqn.2016-06.io.spdk:${name}`)

/** A target that nothing happens to: it must not notice the others. */
export const witnessTarget = "iqn.2016-06.io.spdk:witness"
/** Its disk. */
export const witnessBdev = "Witness"
/** What hostile connections are let at. */
export const attackedTarget = "iqn.2016-06.io.spdk:attacked"
/** Its disk. */
export const attackedBdev = "Attacked"

/** RAM disks. */
export const mallocNames = ["M0", "M1", "M2"]
/** Sinks. */
export const nullNames = ["N0"]
/** Disks in files, each in the file of the same name. */
export const fileNames = ["F0", "F1", "F2"]
/** Slow disks on others. */
export const delayNames = ["D0", "D1"]
/** What is as another, and parts of another. */
export const passthruNames = ["P0"]
/** RAM disks that are kept in the file of the same name. */
export const keptNames = ["K0"]
/** The disk at the NBD server. */
export const nbdName = "B0"
/** Bytes of a block of every disk. */
export const blockBytes = 512
/** Blocks of every disk at first. */
export const diskBlocks = 4096
/** The byte of an IO that injected corruptions change, within its first block, and what it is XORed with. */
export const corruptOffset = 100
export const corruptValue = 0x55
/** LUN ids that are used. */
export const lunIds = [0, 1, 2, 3]
/** Tags of portal and initiator groups that come and go, beside 1, which stays. */
export const groupTags = [11, 12, 13]

/** Name of an initiator. */
export const initiatorName = (index: number): string => `iqn.2024-01.test.lunlog:chaos-${index}`

/** ISID of a session: of an initiator, by the session's name. */
export const isidOf = (initiator: number, session: string): Buffer =>
  Buffer.from([0x80, 0, 0, initiator, 0, Number(session.slice(1)) & 0xff])

/** The bdev that injects errors into another. */
export const errorName = (base: string): string => `EE_${base}`

/** The two parts that a bdev is split into. */
export const partNames = (base: string): ReadonlyArray<string> => [`${base}p0`, `${base}p1`]

/** Stands for the port of portals in the parameters of actions, so that a journal can be played anywhere. */
export const portPlace = "PORT"
/** The same for the file of a disk. */
export const diskPlace = (name: string): string => `DISKS/${name}`
/** And for the first record that the run has not read: what is compacted is judged before. */
export const seenPlace = "SEEN"
