/**
 * A write whose connection ends after a given number of bytes, and what the disk holds afterwards: each block must be
 * entirely old or entirely new.
 */
import { cdb } from "./commands.ts"
import { defaultKeys } from "./login.ts"
import type { Lunlog } from "./lunlog.ts"
import { makePattern, versionsOf } from "./pattern.ts"
import type { Session } from "./Session.ts"
import type { Cut } from "./Wire.ts"

/** One way in which the data of a write goes out. */
export interface CutScenario {
  readonly name: string
  readonly blocks: number
  readonly keys: Readonly<Record<string, string>>
}

/**
 * Immediate data; immediate and unsolicited Data-Out; R2Ts with several Data-Out each. Segments that end inside a
 * block.
 */
export const cutScenarios: ReadonlyArray<CutScenario> = [
  { name: "immediate data", blocks: 2, keys: { ...defaultKeys } },
  {
    name: "unsolicited Data-Out",
    blocks: 3,
    keys: { ...defaultKeys, ImmediateData: "No", FirstBurstLength: "4096" }
  },
  {
    name: "solicited Data-Out",
    blocks: 4,
    keys: {
      ...defaultKeys,
      ImmediateData: "No",
      InitialR2T: "Yes",
      MaxBurstLength: "1024",
      FirstBurstLength: "512",
      MaxOutstandingR2T: "2"
    }
  }
]

/** Data-Out PDUs of at most this many bytes, so that blocks are split over PDUs. */
const segmentBytesMax = 700

/** Versions of blocks before and after. */
const oldVersion = 1
const newVersion = 2

/** What became of the rounds of one scenario. */
export interface CutReport {
  readonly rounds: number
  /** Blocks by what they are: old, new, or torn. */
  readonly old: number
  readonly renewed: number
  readonly torn: ReadonlyArray<string>
}

/** Bytes that the initiator sends for the scenario's write, from the command's first to the data's last. */
export const scenarioBytes = async (lunlog: Lunlog, targetName: string, scenario: CutScenario): Promise<number> => {
  const session = await openFor(lunlog, targetName, scenario)
  const before = session.wire.bytesSent
  await session.command(writeRequest(scenario, 0))
  const bytes = session.wire.bytesSent - before
  session.drop()
  return bytes
}

const openFor = (lunlog: Lunlog, targetName: string, scenario: CutScenario): Promise<Session> =>
  lunlog.open(targetName, { keys: scenario.keys, segmentBytesMax }, 0)

const writeRequest = (scenario: CutScenario, logicalBlockAddress: number) => ({
  lun: 0,
  cdb: cdb.write16(logicalBlockAddress, scenario.blocks),
  writeData: makePattern(logicalBlockAddress, scenario.blocks, newVersion, 512)
})

/** One round: log in, write, and end the connection after `bytes` bytes of the write. */
const cutOnce = async (
  lunlog: Lunlog,
  targetName: string,
  scenario: CutScenario,
  logicalBlockAddress: number,
  bytes: number,
  how: Cut
): Promise<void> => {
  const session = await openFor(lunlog, targetName, scenario)
  session.wire.cutAfter(bytes, how)
  // The outcome is not the point: most of these commands end with their connection.
  await session.command(writeRequest(scenario, logicalBlockAddress)).catch(() => undefined)
  await session.wire.untilClosed()
}

/** Rounds that run side by side. */
const concurrentRounds = 8

/**
 * Cuts at each of `cuts` (bytes of the write that get out), every round on blocks of its own, then reads all of them
 * back. The target has seen each connection end before anything is read.
 */
export const cutAt = async (
  lunlog: Lunlog,
  targetName: string,
  scenario: CutScenario,
  cuts: ReadonlyArray<number>,
  how: (round: number) => Cut
): Promise<CutReport> => {
  const reader = await lunlog.open(targetName, {}, 0)
  const total = cuts.length * scenario.blocks
  await writeOld(reader, total)
  let next = 0
  const worker = async (): Promise<void> => {
    for (let round = next++; round < cuts.length; round = next++) {
      await cutOnce(lunlog, targetName, scenario, round * scenario.blocks, cuts[round] ?? 0, how(round))
    }
  }
  await Promise.all(Array.from({ length: concurrentRounds }, worker))
  const report = await readBack(reader, scenario, cuts)
  reader.drop()
  return report
}

const chunkBlocks = 1024

const writeOld = async (session: Session, blocks: number): Promise<void> => {
  for (let at = 0; at < blocks; at += chunkBlocks) {
    const count = Math.min(chunkBlocks, blocks - at)
    const writeData = makePattern(at, count, oldVersion, 512)
    await session.command({ lun: 0, cdb: cdb.write16(at, count), writeData })
  }
}

const readBack = async (session: Session, scenario: CutScenario, cuts: ReadonlyArray<number>): Promise<CutReport> => {
  const torn: Array<string> = []
  let old = 0
  let renewed = 0
  for (const [round, cut] of cuts.entries()) {
    const address = round * scenario.blocks
    const request = { lun: 0, cdb: cdb.read16(address, scenario.blocks), readBytes: scenario.blocks * 512 }
    const { data } = await session.command(request)
    for (const [index, version] of versionsOf(data, address, [oldVersion, newVersion], 512).entries()) {
      if (version === oldVersion) old++
      else if (version === newVersion) renewed++
      else torn.push(`${scenario.name}, cut after ${cut} bytes: block ${index} is torn`)
    }
  }
  return { rounds: cuts.length, old, renewed, torn }
}
