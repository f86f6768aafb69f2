/**
 * A disk that is an export of an NBD server.
 *
 * A server that is away is waited for: what has no reply is kept and sent again (every request may be done twice), and
 * what comes meanwhile waits, in bounds and for a limited time; past that IO ends as not ready until it is back.
 *
 * A server that comes back may be another process, which has lost what the first had in its cache. So if writes were
 * answered that no flush has brought onto the medium, the loss of all connections that are as old is a failed sync
 * (`syncFailures`), and flushes go over the oldest: a newer one may lead to another process already.
 */
import { type BdevIo, IoStatus, type ResizableBdev, type RunFound } from "../Bdev.ts"
import type { TellNews } from "../BdevNews.ts"
import type { NbdSpec } from "../BdevSpec.ts"
import { ioStatusOf } from "../io-status-of.ts"
import { writeZerosTo } from "../write-zeros.ts"
import { Absence } from "./Absence.ts"
import { exportProblem } from "./export-problem.ts"
import { type NbdConnection, requestsPerConnectionMax } from "./NbdConnection.ts"
import { type ConnectionsOwner, type LostReason, NbdConnections } from "./NbdConnections.ts"
import type { NbdExport } from "./NbdNegotiation.ts"
import { NbdQueue } from "./NbdQueue.ts"
import { NbdRequest } from "./NbdRequest.ts"
import { Pieces, WriteThenFlush } from "./nbd-pieces.ts"
import { CommandFlag, ExtentFlag, NbdCommand, nbdErrorName, TransmissionFlag } from "./nbd-protocol.ts"

/** What an NBD disk needs of its surroundings. */
export interface NbdSurroundings {
  /** Where the server is, for messages. */
  readonly server: string
  /** A connection that is not open yet. */
  readonly connect: () => NbdConnection
  readonly tell: TellNews
  /** A request failed at the server with this code, an errno name. */
  readonly failed: (operation: "read" | "write" | "sync", code: string, byteOffset: number) => void
  /** No more IO is taken; what is out may still be on its way. */
  readonly closing: () => void
  /** The last connection is closed: nothing of this disk reaches the export any more. */
  readonly closed: () => void
}

/** How often a request is sent before it counts as one that the server cannot bear. */
const sendsMax = 16
/** Bytes of one request for zeros: a server that has to write them answers in time. */
const zeroBytesMax = 32 * 1024 * 1024
/** Bytes of one question for an extent. */
const extentBytesMax = 2 ** 30
/** What hosts take for a physical block; a larger preferred size is a server's stripe or cluster. */
const physicalBytesMax = 4096

const operationOf = (command: NbdCommand): "read" | "write" | "sync" => {
  if (command === NbdCommand.flush) return "sync"
  return command === NbdCommand.read || command === NbdCommand.blockStatus ? "read" : "write"
}

/** An open export. */
export class NbdBdev implements ResizableBdev {
  readonly productName = "NBD disk"
  readonly blockSize: number
  readonly physicalBlockSize: number
  readonly optimalIoBoundary = 0
  readonly writeCache: boolean
  readonly readOnly: boolean
  readonly removable: boolean
  readonly memory = undefined
  /** Zeros that are written may be given back; NBD_CMD_TRIM promises no zeros, and is not used. */
  readonly thin: boolean
  blockCount: number
  syncFailures = 0

  private readonly spec: NbdSpec
  private readonly of: NbdSurroundings
  private readonly connections: NbdConnections
  private readonly queue: NbdQueue
  private readonly absence: Absence
  private readonly idle: Array<NbdRequest> = []
  private export: NbdExport
  /** Writes that were answered, and how many of them a flush has brought onto the medium. */
  private writesAnswered = 0
  private writesSynced = 0
  private isClosed = false
  private hasEnded = false
  private onClosed: (() => void) | undefined

  constructor(spec: NbdSpec, first: NbdConnection, of: NbdExport, surroundings: NbdSurroundings) {
    this.spec = spec
    this.of = surroundings
    this.export = of
    this.blockSize = spec.blockSize
    this.physicalBlockSize = Math.max(spec.blockSize, Math.min(of.blockBytesPreferred, physicalBytesMax))
    this.writeCache = this.can(TransmissionFlag.sendFlush) && !spec.readOnly
    this.readOnly = spec.readOnly
    this.removable = spec.removable ?? false
    this.thin = this.can(TransmissionFlag.sendWriteZeroes) && !spec.readOnly
    this.blockCount = Number(of.byteLength / BigInt(spec.blockSize))
    this.queue = new NbdQueue((request, status) => this.finish(request, status))
    this.connections = new NbdConnections(surroundings.connect, spec.connections, this.events())
    this.absence = new Absence(spec, surroundings, this.connections, () => this.queue.endAll(IoStatus.notReady))
    this.connections.adopt(first, of)
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    this.transfer(NbdCommand.read, 0, byteOffset, target, targetStart, byteLength, io)
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, fua: boolean, io: BdevIo): void {
    const flags = fua && this.can(TransmissionFlag.sendFua) ? CommandFlag.fua : 0
    const submitter = this.durably(fua, io)
    this.transfer(NbdCommand.write, flags, byteOffset, source, sourceStart, byteLength, submitter)
  }

  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    this.zeros(0, byteOffset, byteLength, false, io)
  }

  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.zeros(CommandFlag.noHole, byteOffset, byteLength, fua, io)
  }

  mappedRun(byteOffset: number, byteLength: number, found: RunFound): void {
    const isKnown = this.export.allocationContext !== undefined && !this.isClosed
    if (!isKnown || byteOffset + byteLength > this.blockCount * this.blockSize) return found(byteLength)
    const request = this.take(NbdCommand.blockStatus, CommandFlag.reqOne, byteOffset)
    request.byteLength = Math.min(byteLength, extentBytesMax)
    request.found = found
    this.submit(request)
  }

  flush(io: BdevIo): void {
    if (this.isClosed) return io.ioDone(IoStatus.aborted)
    if (!this.can(TransmissionFlag.sendFlush)) return io.ioDone(IoStatus.ok)
    const request = this.take(NbdCommand.flush, 0, 0)
    request.submitter = io
    request.covers = this.writesAnswered
    this.submit(request)
  }

  /** What waits for its turn, or for the server to be back, ends. */
  cancel(io: BdevIo): void {
    this.queue.end(io, IoStatus.aborted)
  }

  resize(blockCount: number): void {
    this.blockCount = blockCount
  }

  /** What waits ends as aborted; the connections go when everything that is out has its reply, or after 5 s. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.of.closing()
    this.absence.stop()
    this.queue.endAll(IoStatus.aborted)
    const hasConnection = this.connections.readyCount > 0
    this.connections.close()
    if (!hasConnection) this.closed()
  }

  whenClosed(then: () => void): void {
    if (this.hasEnded) then()
    else this.onClosed = then
  }

  private closed(): void {
    this.hasEnded = true
    this.of.closed()
    this.onClosed?.()
  }

  private events(): ConnectionsOwner {
    return {
      refuse: (of) => exportProblem(of, this.spec, this.blockCount),
      ready: (of, connection) => this.ready(of, connection),
      answered: (connection, request, error) => this.answered(connection, request, error),
      lost: (requests, isLast, reason) => this.lost(requests, isLast, reason),
      failed: (reason) => this.absence.goesOn(reason)
    }
  }

  private can(flag: number): boolean {
    return (this.export.flags & flag) !== 0
  }

  /** Who has to be told when a write is on the medium, at a server that has no FUA. */
  private durably(fua: boolean, io: BdevIo): BdevIo {
    return fua && this.writeCache && !this.can(TransmissionFlag.sendFua) ? new WriteThenFlush(this, io) : io
  }

  private zeros(flags: number, byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    if (!this.can(TransmissionFlag.sendWriteZeroes)) return writeZerosTo(this, byteOffset, byteLength, fua, io)
    const all = flags | (fua && this.can(TransmissionFlag.sendFua) ? CommandFlag.fua : 0)
    const submit = (at: number, length: number, piece: BdevIo): void =>
      this.ask(NbdCommand.writeZeroes, all, at, undefined, 0, length, piece)
    new Pieces(byteOffset, byteLength, zeroBytesMax, this.durably(fua, io), submit).next()
  }

  private transfer(
    command: NbdCommand,
    flags: number,
    byteOffset: number,
    buffer: Buffer,
    start: number,
    byteLength: number,
    io: BdevIo
  ): void {
    const most = this.export.blockBytesMax
    if (byteLength <= most) return this.ask(command, flags, byteOffset, buffer, start, byteLength, io)
    const pieceBytes = Math.floor(most / this.blockSize) * this.blockSize
    const submit = (at: number, length: number, piece: BdevIo): void =>
      this.ask(command, flags, at, buffer, start + at - byteOffset, length, piece)
    new Pieces(byteOffset, byteLength, pieceBytes, io, submit).next()
  }

  private ask(
    command: NbdCommand,
    flags: number,
    byteOffset: number,
    buffer: Buffer | undefined,
    start: number,
    byteLength: number,
    io: BdevIo
  ): void {
    if (this.isClosed) return io.ioDone(IoStatus.aborted)
    if (byteOffset + byteLength > this.blockCount * this.blockSize) return io.ioDone(IoStatus.failed)
    if (this.readOnly && command !== NbdCommand.read) return io.ioDone(IoStatus.writeProtected)
    const request = this.take(command, flags, byteOffset)
    if (buffer !== undefined) request.buffer = buffer
    request.start = start
    request.byteLength = byteLength
    request.submitter = io
    this.submit(request)
  }

  private take(command: NbdCommand, flags: number, byteOffset: number): NbdRequest {
    const request = this.idle.pop() ?? new NbdRequest()
    request.command = command
    request.flags = flags
    request.byteOffset = byteOffset
    request.byteLength = 0
    return request
  }

  private submit(request: NbdRequest): void {
    const connection = this.queue.length === 0 ? this.connectionFor(request) : undefined
    if (connection !== undefined) return connection.send(request)
    if (this.absence.isOver) return this.finish(request, IoStatus.notReady)
    if (!this.queue.add(request)) this.finish(request, IoStatus.noMemory)
  }

  private pump(): void {
    for (let next = this.queue.first; next !== undefined; next = this.queue.first) {
      const connection = this.connectionFor(next)
      if (connection === undefined) return
      this.queue.next()
      connection.send(next)
    }
  }

  /** One that can take it now. */
  private connectionFor({ command }: NbdRequest): NbdConnection | undefined {
    if (command !== NbdCommand.flush) return this.connections.pick()
    const { oldest } = this.connections
    return oldest !== undefined && oldest.outCount < requestsPerConnectionMax ? oldest : undefined
  }

  private ready(of: NbdExport, connection: NbdConnection): void {
    this.export = of
    connection.writesBefore = this.writesAnswered
    this.absence.ends()
    const blockCount = Number(of.byteLength / BigInt(this.blockSize))
    if (blockCount > this.blockCount) this.of.tell({ _tag: "Resized", blockCount })
    this.pump()
  }

  private answered(connection: NbdConnection, request: NbdRequest, error: number): void {
    const code = error === 0 ? undefined : nbdErrorName(error)
    if (code === "ESHUTDOWN" && request.sentCount < sendsMax) {
      this.queue.putBack([request])
      return connection.cut(code, "is being shut down")
    }
    if (code === undefined) {
      this.noteDone(request)
      this.finish(request, IoStatus.ok)
    } else {
      if (request.command === NbdCommand.flush) this.syncFailures++
      this.of.failed(operationOf(request.command), code, request.errorOffset ?? request.byteOffset)
      const isPartial = (request.flags & CommandFlag.fua) === 0
      this.finish(request, ioStatusOf(code), isPartial ? request.errorOffset : undefined)
    }
    if (this.queue.length > 0) this.pump()
  }

  private noteDone({ command, covers, flags }: NbdRequest): void {
    if (command === NbdCommand.flush) this.writesSynced = Math.max(this.writesSynced, covers)
    const isWrite = command === NbdCommand.write || command === NbdCommand.writeZeroes
    if (isWrite && (flags & CommandFlag.fua) === 0) this.writesAnswered++
  }

  private lost(requests: ReadonlyArray<NbdRequest>, isLast: boolean, reason: LostReason): void {
    if (this.isClosed) {
      for (const request of requests) this.finish(request, IoStatus.aborted)
      if (isLast) this.closed()
      return
    }
    const again = requests.filter(({ sentCount }) => sentCount < sendsMax)
    this.queue.putBack(again)
    for (const request of requests) {
      if (request.sentCount < sendsMax) continue
      this.of.failed(operationOf(request.command), reason.code, request.byteOffset)
      this.finish(request, IoStatus.failed)
    }
    // Later: of a server that has ended all connections are lost in one turn.
    if (!isLast) setImmediate(() => this.pump())
    else this.absence.begins(reason)
    this.noteLost(reason)
  }

  /** Writes may be lost that were answered: nobody is connected any more to the server that has answered them. */
  private noteLost(reason: LostReason): void {
    const { oldest } = this.connections
    if (!this.writeCache || this.writesAnswered === this.writesSynced) return
    if (oldest !== undefined && oldest.writesBefore <= this.writesSynced) return
    this.syncFailures++
    this.writesSynced = this.writesAnswered
    this.of.failed("sync", reason.code, 0)
    this.queue.endFlushes(IoStatus.mediumError)
  }

  /** Answers who waits, and keeps the object for the next one. */
  private finish(request: NbdRequest, status: IoStatus, failedAt?: number): void {
    const { byteLength, extentBytes, extentFlags, found, submitter } = request
    request.clear()
    this.idle.push(request)
    submitter?.ioDone(status, failedAt)
    if (found !== undefined) found(status === IoStatus.ok ? this.runOf(extentBytes, extentFlags) : byteLength)
  }

  /** In whole blocks; a block that is only partly a hole is mapped. */
  private runOf(extentBytes: number, extentFlags: number): number {
    const isUnmapped = (extentFlags & (ExtentFlag.hole | ExtentFlag.zero)) === (ExtentFlag.hole | ExtentFlag.zero)
    const whole = Math.floor(extentBytes / this.blockSize) * this.blockSize
    if (isUnmapped && whole > 0) return -whole
    return Math.ceil(extentBytes / this.blockSize) * this.blockSize
  }
}
