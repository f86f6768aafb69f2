/**
 * A reactor without threads, sockets and disks: it keeps what it is told, as far as a real one would act on it, answers
 * when it is let, and notes what no reactor should ever be told.
 */
import type {
  ReactorAnswer,
  ReactorCommand,
  ReactorFact,
  ReactorPort
} from "../../../src/dataplane/reactor/protocol.ts"

/** What it has of a bdev. */
export interface ScriptedBdev {
  readonly name: string
  readonly base: number | undefined
  /** Of its limits of reads: what was told last. */
  limit: number | undefined
  isNamed: boolean
  contentLost: boolean
}

/** What it has of a target: which bdev each LUN is. */
export interface ScriptedTarget {
  readonly incarnation: number
  alias: string
  readonly luns: Map<number, number>
}

type RequestOf<Tag extends ReactorCommand["_tag"]> = Extract<ReactorCommand, { readonly _tag: Tag }>

/** One reactor of a pool. */
export class ScriptedReactor implements ReactorPort {
  readonly bdevs = new Map<number, ScriptedBdev>()
  readonly targets = new Map<string, ScriptedTarget>()
  readonly connections = new Set<number>()
  /** Connections that the front was told to forget. */
  readonly forgotten: Array<number> = []
  /** What each bdev that is opened writes to. */
  writes: ReadonlyArray<string> = []
  /** What it was told that makes no sense. */
  readonly violations: Array<string> = []
  /** Generations of reservations that it was told, and the numbers of its questions about them that were answered. */
  readonly reservations: Array<string> = []
  /** Bdevs that it was told to open, again and again. */
  openings = 0
  /** Answers wait for `answerAll`. */
  isSlow = false
  /** Answers to these commands do so in any case. */
  slowTag: ReactorCommand["_tag"] | undefined
  isDead = false
  readonly #slow: Array<ReactorFact> = []
  #listener: (fact: ReactorFact) => void = () => {}

  send(command: ReactorCommand): void {
    if (this.isDead) return
    this.#noteReservations(command)
    const answer = this.#handle(command)
    if (!("request" in command)) return
    const fact: ReactorFact = { _tag: "Answer", request: command.request, answer: answer ?? { _tag: "Done" } }
    if (this.isSlow || command._tag === this.slowTag) this.#slow.push(fact)
    else queueMicrotask(() => this.#tell(fact))
  }

  listen(listener: (fact: ReactorFact) => void): void {
    this.#listener = listener
  }

  terminate(): Promise<void> {
    this.isDead = true
    return Promise.resolve()
  }

  /** Answers all that waits, and at once from now on. */
  answerAll(): void {
    this.isSlow = false
    this.slowTag = undefined
    for (const fact of this.#slow.splice(0)) this.#tell(fact)
  }

  /** It tells something by itself. */
  tell(fact: ReactorFact): void {
    this.#tell(fact)
  }

  /** It fails, as a thread does. */
  crash(): void {
    this.#tell({ _tag: "Crashed", detail: "as the test wants" })
    this.isDead = true
  }

  #tell(fact: ReactorFact): void {
    if (!this.isDead) this.#listener(fact)
  }

  #handle(command: ReactorCommand): ReactorAnswer | undefined {
    switch (command._tag) {
      case "OpenBdev":
        return this.#open(command)
      case "NameBdev":
        return this.#with(command.bdev, command._tag, (bdev) => {
          bdev.isNamed = true
          bdev.contentLost = command.contentLost
        })
      case "SetRateLimits":
        return this.#with(command.bdev, command._tag, (bdev) => {
          bdev.limit = command.limits?.readBytes
        })
      case "CloseBdev":
        return this.#close(command.bdev)
      case "PutTarget": {
        const { alias, incarnation, name } = command.target
        const known = this.targets.get(name)
        if (known?.incarnation === incarnation) known.alias = alias
        else this.targets.set(name, { incarnation, alias, luns: new Map() })
        return undefined
      }
      case "DeleteTarget":
        if (this.targets.get(command.name)?.incarnation === command.incarnation) this.targets.delete(command.name)
        return undefined
      case "MapLun":
        return this.#map(command)
      case "UnmapLun":
        this.targets.get(command.target)?.luns.delete(command.lun)
        return undefined
      case "TakeConnection":
        if (!this.targets.has(command.target)) this.violations.push(`a connection to ${command.target}`)
        this.connections.add(command.connection)
        return undefined
      case "ForgetConnection":
        this.forgotten.push(command.connection)
        return undefined
      case "CloseSessions":
        return this.#closeSessions()
      case "DrainLun":
        return { _tag: "Drained", outcome: { drained: 1, aborted: 0, durationMillis: 0 } }
      case "Query":
        return {
          _tag: "Report",
          report: {
            connections: [],
            drains: [],
            limits: [],
            sessionCount: this.connections.size,
            taskBufferBytes: 1,
            suppressedObservations: 0
          }
        }
      default:
        return undefined
    }
  }

  #noteReservations(command: ReactorCommand): void {
    if (command._tag === "AnswerReservations") this.reservations.push(`answer ${command.asked}`)
    if (command._tag !== "PutReservations" || !this.bdevs.has(command.bdev)) return
    this.reservations.push(`put ${command.reservations.generation}`)
  }

  #open({ base, bdev, definition: { name } }: RequestOf<"OpenBdev">): ReactorAnswer {
    this.openings++
    if (this.bdevs.has(bdev)) this.violations.push(`bdev ${bdev} is opened twice`)
    if (base !== undefined && !this.bdevs.has(base)) return { _tag: "Failed", code: "ENODEV", detail: "no base" }
    this.bdevs.set(bdev, { name, base, limit: undefined, isNamed: false, contentLost: false })
    return { _tag: "BdevOpened", blockCount: 8, blockSize: 512, writes: this.writes }
  }

  #close(closed: number): ReactorAnswer {
    for (const [bdev, { base }] of this.bdevs) {
      if (base === closed) this.violations.push(`bdev ${closed} is closed below ${bdev}`)
    }
    this.bdevs.delete(closed)
    return { _tag: "Done" }
  }

  #map({ bdev, lun, target }: RequestOf<"MapLun">): undefined {
    const known = this.targets.get(target)
    if (known === undefined) this.violations.push(`LUN ${lun} of ${target}, which is not there`)
    if (this.bdevs.get(bdev)?.isNamed !== true) this.violations.push(`LUN ${lun} is bdev ${bdev}, which is not there`)
    known?.luns.set(lun, bdev)
  }

  #closeSessions(): ReactorAnswer {
    const closed = this.connections.size
    for (const connection of this.connections) this.#tell({ _tag: "ConnectionGone", connection })
    this.connections.clear()
    return { _tag: "SessionsClosed", closed, cut: 0 }
  }

  #with(id: number, what: string, change: (bdev: ScriptedBdev) => void): undefined {
    const bdev = this.bdevs.get(id)
    if (bdev === undefined) this.violations.push(`${what} of bdev ${id}, which is not there`)
    else change(bdev)
  }
}
