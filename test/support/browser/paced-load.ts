/**
 * A load that hosts would have: so many commands per second as a function of time says, of a size, on one LUN. For what
 * is looked at, where `startLoad` finds out what is lost; what comes back is not compared.
 */
import { cdb } from "../initiator/commands.ts"
import type { Session } from "../initiator/Session.ts"

/** What to do. */
export interface PacedLoadOptions {
  readonly session: Session
  readonly lun: number
  /** Commands per second, `seconds` after the beginning. */
  readonly rate: (seconds: number) => number
  readonly reads?: number
  readonly ioBytes?: number
  /** More are not begun while so many run: 32. */
  readonly inFlightMax?: number
}

/** A load that runs. */
export interface PacedLoad {
  /** Begins no more, and waits for those that run. */
  readonly stop: () => Promise<void>
}

const tickMillis = 20
const blockBytes = 512
/** Blocks that are read and written. */
const span = 16_384

/** Runs until it is stopped, or its session ends. */
export const startPacedLoad = (options: PacedLoadOptions): PacedLoad => {
  const { inFlightMax = 32, ioBytes = 4096, lun, rate, reads = 0.7, session } = options
  const blocks = ioBytes / blockBytes
  const data = Buffer.alloc(ioBytes, 0x5a)
  const running = new Set<Promise<unknown>>()
  const begin = performance.now()
  let due = 0
  let count = 0
  const one = (): void => {
    count++
    const at = (count * 7919 * blocks) % span
    const isRead = (count * 0.618) % 1 < reads
    const command = isRead
      ? session.command({ lun, cdb: cdb.read16(at, blocks), readBytes: ioBytes })
      : session.command({ lun, cdb: cdb.write16(at, blocks), writeData: data })
    // A session that ends is what some of those who use this are after.
    const done: Promise<unknown> = command.catch(() => clearInterval(timer)).finally(() => running.delete(done))
    running.add(done)
  }
  const timer = setInterval(() => {
    due = Math.min(due + (rate((performance.now() - begin) / 1000) * tickMillis) / 1000, inFlightMax)
    for (; due >= 1 && running.size < inFlightMax; due--) one()
  }, tickMillis)
  return {
    stop: async () => {
      clearInterval(timer)
      await Promise.all(running)
    }
  }
}
