/**
 * Commands about targets and bdevs: each goes to the home of what it is about, and into the book. What joins two homes
 * moves one of them first.
 */
import { memoryShortage } from "../bdev/DiskMemory.ts"
import type { ReactorAnswer, ReactorCommandOf, ReactorRequest } from "../reactor/protocol.ts"
import type { StatisticsQuery } from "../reactor/statistics-protocol.ts"
import type { BdevPage } from "./BdevPage.ts"
import { targetKey } from "./Book.ts"
import type { Member } from "./Member.ts"
import { type HomeIndex, type JoiningSide, leastMobile, type Node, whoMoves } from "./Placement.ts"
import { memberAt, type PoolState } from "./PoolState.ts"
import { type Relocation, relocate, targetNames } from "./relocate.ts"
import { type DeviceCommand, nodesOf } from "./route-command.ts"

/** Names that one record has. */
const namesMax = 20

/** Where RAM disks have their content, so that it outlives their reactor. */
export interface PoolMemory {
  /** Zeros; undefined: there is not so much. */
  readonly take: (bytes: number) => SharedArrayBuffer | undefined
  /** Nobody uses it any more. */
  readonly give: (memory: SharedArrayBuffer) => void
  /** What disks may have together, and what is left of it, in bytes. */
  readonly limit: number
  readonly left: number
}

/** What this needs of the pool. */
export interface DeviceSurroundings {
  /** Connections to a target that its home has. */
  readonly connectionsOf: (target: string) => number
  readonly memory: PoolMemory | undefined
  readonly answer: (request: number, answer: ReactorAnswer) => void
  /** Something has moved: what has waited for it can go on. */
  readonly settled: () => void
}

const isRequest = (command: DeviceCommand): command is Extract<DeviceCommand, ReactorRequest> => "request" in command

/** One per pool. */
export class DeviceCommands {
  readonly #pool: PoolState
  readonly #of: DeviceSurroundings

  constructor(pool: PoolState, surroundings: DeviceSurroundings) {
    this.#pool = pool
    this.#of = surroundings
  }

  /** What ends something that may be waited for does not wait itself. */
  passesAtOnce(command: DeviceCommand): boolean {
    switch (command._tag) {
      case "CancelCopies":
      case "ResumePending":
      case "RequestLogout":
        return true
      case "CloseBdev":
        return this.#pool.book.bdev(command.bdev)?.isNew === true
      case "PutReservations":
        // Who has asked is answered at once, and others are still served where it moves from.
        return this.#pool.book.bdev(command.bdev)?.isNamed === true
      default:
        return false
    }
  }

  /** False: not yet. */
  carryOut(command: DeviceCommand): boolean {
    const { book } = this.#pool
    switch (command._tag) {
      case "OpenBdev":
        return this.#openBdev(command)
      case "MapLun":
        return this.#mapLun(command)
      case "CloseBdev":
        this.#closeBdev(command)
        return true
      case "PutTarget":
      case "DeleteTarget":
      case "UnmapLun":
        this.#changeTarget(command)
        return true
      case "DrainLun":
        book.drainLun(command)
        break
      case "NameBdev":
      case "ResizeBdev":
      case "SetLatencies":
      case "SetRateLimits":
      case "SetHistogram":
      case "PutReservations":
      case "InjectFault":
      case "ResumePending":
        book.noteBdev(command)
        break
      default:
    }
    this.#forward(command)
    return true
  }

  /** What a reactor that comes after is to be asked, too. */
  noteQuery(query: StatisticsQuery): void {
    if (query._tag !== "SampleQueueDepth") return
    const page = this.#pool.book.bdev(query.bdev)
    if (page !== undefined) page.samplePeriodMicros = query.periodMicros
  }

  /** Gives a target that has no home one: where there is most room. */
  settleTarget(name: string, home: HomeIndex = this.#pool.placement.roomiest()): HomeIndex {
    const { book, placement } = this.#pool
    const target = book.target(name)?.spec
    placement.place(targetKey(name), home)
    if (target !== undefined) memberAt(this.#pool, home).send({ _tag: "PutTarget", target })
    return home
  }

  #memberOf(node: Node): Member | undefined {
    const home = this.#pool.placement.homeOf(node)
    return home === undefined ? undefined : memberAt(this.#pool, home)
  }

  /** The front has no targets' LUNs and no bdevs: it answers what is to be answered of what is not there. */
  #forward(command: DeviceCommand): void {
    const nodes = nodesOf(command)
    const [node] = nodes
    const member = (node === undefined ? undefined : this.#memberOf(node)) ?? memberAt(this.#pool, 0)
    if (!isRequest(command)) return member.send(command)
    this.#ask(member, command, nodes, (answer) => this.#of.answer(command.request, answer))
  }

  #ask(
    member: Member,
    { request: _, ...command }: Extract<DeviceCommand, ReactorRequest>,
    nodes: ReadonlyArray<Node>,
    done: (answer: ReactorAnswer) => void
  ): void {
    member.request(command, nodes, (answer) => {
      done(answer)
      // A move may have waited for it.
      this.#pool.changes.tell()
    })
  }

  #openBdev(command: ReactorCommandOf<"OpenBdev">): boolean {
    const { book, placement } = this.#pool
    const { base, bdev, request } = command
    const home = placement.homeOf(bdev) ?? this.#homeOfNew(command)
    placement.place(bdev, home)
    const member = memberAt(this.#pool, home)
    if (member.state === "down") return false
    const memory = this.#memoryOf(command)
    if (typeof memory === "string") {
      placement.forget(bdev)
      this.#of.answer(request, { _tag: "Failed", code: "ENOMEM", detail: memory })
      return true
    }
    const opening = { ...command, ...memory }
    const page = book.addBdev(opening)
    if (base !== undefined && book.bdev(base) !== undefined) placement.tie(bdev, base)
    this.#ask(member, opening, nodesOf(command), (answer) => this.#of.answer(request, this.#opened(page, answer)))
    return true
  }

  #homeOfNew({ base, beside }: ReactorCommandOf<"OpenBdev">): HomeIndex {
    const { placement } = this.#pool
    const shared = base === undefined ? undefined : placement.homeOf(base)
    if (shared !== undefined) return shared
    if (beside === undefined) return placement.roomiest()
    // The target may come only afterwards: its place is kept for it.
    return placement.homeOf(targetKey(beside)) ?? this.settleTarget(beside)
  }

  /** A string says why there is none. */
  #memoryOf({
    definition: { name, spec }
  }: ReactorCommandOf<"OpenBdev">): { readonly memory?: SharedArrayBuffer } | string {
    const pool = this.#of.memory
    if (pool === undefined || spec._tag !== "Malloc" || spec.filename !== undefined) return {}
    const bytes = spec.blockCount * spec.blockSize
    // What no disk can have, its reactor refuses with the reason.
    if (!Number.isSafeInteger(bytes) || bytes <= 0) return {}
    const memory = pool.take(bytes)
    return memory === undefined ? memoryShortage(name, bytes, pool) : { memory }
  }

  /** A bdev that could not be opened, or must not be, leaves nothing. */
  #opened(page: BdevPage, answer: ReactorAnswer): ReactorAnswer {
    const { book } = this.#pool
    page.isNew = false
    if (book.bdev(page.bdev) !== page) return answer
    if (answer._tag !== "BdevOpened" || page.isClosing) {
      this.#forget(page)
      if (!page.isClosing) this.#release(page)
      return answer
    }
    page.blockCount = answer.blockCount
    const writer = book.claimWrites(page, answer.writes ?? [])
    if (writer === undefined) return answer
    const { bdev } = page
    this.#memberOf(bdev)?.request({ _tag: "CloseBdev", bdev, discard: true }, [bdev], () => this.#release(page))
    this.#forget(page)
    const detail = `bdev ${writer.name} writes to the same file or device: give each its own, or open one read-only`
    return { _tag: "Failed", code: "EBUSY", detail }
  }

  #closeBdev(command: ReactorCommandOf<"CloseBdev">): void {
    const { book } = this.#pool
    const { bdev, request } = command
    const page = book.bdev(bdev)
    const member = this.#memberOf(bdev) ?? memberAt(this.#pool, 0)
    const nodes = page?.base === undefined ? [bdev] : [bdev, page.base]
    // While it is being opened its answer takes it out of the book.
    if (page !== undefined) {
      page.isClosing = true
      if (!page.isNew) this.#forget(page)
    }
    this.#ask(member, command, nodes, (answer) => {
      if (page !== undefined) this.#release(page)
      this.#of.answer(request, answer)
    })
  }

  #forget({ bdev }: BdevPage): void {
    this.#pool.book.removeBdev(bdev)
    this.#pool.placement.forget(bdev)
  }

  #release(page: BdevPage): void {
    this.#pool.book.releaseWrites(page)
    if (page.memory !== undefined && !page.isReleased) this.#of.memory?.give(page.memory)
    page.isReleased = true
  }

  /** The front knows all targets, for discovery and to hand over. */
  #changeTarget(command: ReactorCommandOf<"PutTarget" | "DeleteTarget" | "UnmapLun">): void {
    const { book, placement } = this.#pool
    const [node = ""] = nodesOf(command)
    const member = this.#memberOf(node)
    if (command._tag === "UnmapLun") {
      const line = book.unmapLun(command)
      if (line !== undefined) placement.untie(node, line.bdev)
      return member?.send(command)
    }
    memberAt(this.#pool, 0).send(command)
    member?.send(command)
    if (command._tag === "DeleteTarget") {
      if (book.removeTarget(command)) placement.forget(node)
    } else for (const line of book.putTarget(command)) placement.untie(node, line.bdev)
  }

  #mapLun(command: ReactorCommandOf<"MapLun">): boolean {
    const { book, placement } = this.#pool
    const { bdev, incarnation, lun } = command
    const target = targetKey(command.target)
    const page = book.target(target)
    const there = placement.homeOf(bdev)
    if (page === undefined || there === undefined || book.bdev(bdev)?.isNamed !== true) return true
    const here = placement.homeOf(target)
    if (here !== there) {
      const relocation = this.#joining(target, here, bdev, there)
      if (relocation === "impossible") return true
      if (relocation !== undefined) {
        // Its place is kept for it.
        if (here === undefined) this.settleTarget(target, relocation.to)
        this.#begin(relocation)
        return false
      }
      if (here === undefined) this.settleTarget(target, there)
    }
    const before = page.luns.get(lun)
    if (before?.incarnation !== incarnation) {
      if (before !== undefined && book.unmapLun({ ...command, incarnation: before.incarnation }) !== undefined) {
        placement.untie(target, before.bdev)
      }
      book.mapLun(command)
      placement.tie(target, bdev)
    }
    memberAt(this.#pool, there).send(command)
    return true
  }

  /** What has to move before a target can export a bdev; undefined: nothing. */
  #joining(
    target: string,
    here: HomeIndex | undefined,
    bdev: Node,
    there: HomeIndex
  ): Relocation | "impossible" | undefined {
    const { placement } = this.#pool
    const ofBdev = placement.componentOf(bdev)
    const bdevSide = this.#side(ofBdev, there)
    if (here === undefined) {
      const to = placement.roomiest()
      const isCrowded = placement.targetCount(there) > placement.targetCount(to)
      const isLoose = bdevSide.targets === 0 && bdevSide.mobility === "free" && !this.#isPlaced(ofBdev)
      return isLoose && isCrowded ? { nodes: ofBdev, from: there, to } : undefined
    }
    const ofTarget = placement.componentOf(target)
    const mover = whoMoves(this.#side(ofTarget, here), bdevSide)
    if (mover === "a") return { nodes: ofTarget, from: here, to: there }
    if (mover === "b") return { nodes: ofBdev, from: there, to: here }
    this.#tellImpossible(target, bdev)
    return "impossible"
  }

  #isPlaced(nodes: ReadonlySet<Node>): boolean {
    for (const node of nodes) if (typeof node === "number" && this.#pool.book.bdev(node)?.isPlaced === true) return true
    return false
  }

  #side(nodes: ReadonlySet<Node>, home: HomeIndex): JoiningSide {
    const { book } = this.#pool
    const targets = [...nodes].filter((node) => typeof node === "string")
    const pages = [...nodes].flatMap((node) => {
      const page = typeof node === "number" ? book.bdev(node) : undefined
      return page === undefined ? [] : [page]
    })
    return {
      hasFailed: memberAt(this.#pool, home).state === "failed",
      connections: targets.reduce((count, target) => count + this.#of.connectionsOf(target), 0),
      targets: targets.length,
      bdevs: pages.length,
      mobility: leastMobile(pages.map(({ mobility }) => mobility))
    }
  }

  #tellImpossible(target: string, bdev: Node): void {
    if (typeof bdev !== "number") return
    const detail =
      `it cannot be a LUN of ${target}: both share disks that are in the memory of different reactors, ` +
      "and would lose their content if they moved; delete the overlays in memory of one of them first"
    this.#pool.emit({ _tag: "BdevTold", bdev, news: { _tag: "Health", health: "degraded", detail } })
  }

  #begin(relocation: Relocation): void {
    const { moving } = this.#pool
    const since = this.#pool.now()
    const { from, nodes, to } = relocation
    for (const node of nodes) moving.add(node)
    void relocate(this.#pool, relocation).then(({ closed, cut }) => {
      for (const node of nodes) moving.delete(node)
      const targets = targetNames(this.#pool, nodes)
      // Disks that nobody could have used are no news.
      if (targets.length > 0) {
        this.#pool.emit({
          _tag: "TargetsMoved",
          targets: targets.slice(0, namesMax),
          bdevs: [...nodes].filter((node) => typeof node === "number").length,
          fromReactor: from,
          toReactor: to,
          sessionsClosed: closed,
          sessionsCut: cut,
          durationMillis: Math.round(this.#pool.now() - since)
        })
      }
      this.#of.settled()
    })
  }
}
