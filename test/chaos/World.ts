/** What the actions of a run work on: the server of this life, the initiators, and the record of the round. */
import { appendFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Lunlog } from "../support/initiator/lunlog.ts"
import type { RpcParams } from "../support/rpc-client.ts"
import type { FileFault } from "./Action.ts"
import { History, LogicalClock, type SessionSeen } from "./History.ts"
import type { Initiator } from "./initiators/Initiator.ts"
import type { PduRing } from "./initiators/PduRing.ts"
import { NbdServer } from "./NbdServer.ts"
import { nbdName } from "./names.ts"

/** Rings of connections that have ended: so many are kept. */
const oldRingsMax = 24

/** The world of a run. */
export class World {
  readonly directory: string
  readonly clock = new LogicalClock()
  readonly initiators = new Map<string, Initiator>()
  /** Those of this round that others of their name have followed. */
  readonly retired: Array<Initiator> = []
  /** Of connections that were there, the newest last. */
  readonly rings: Array<PduRing> = []
  history = new History(0)
  /** The first record that has not been read. */
  unseen = 1
  /** It is being killed, or stopped. */
  isEnding = false
  readonly #lunlog: () => Lunlog
  #nbd: NbdServer | undefined

  constructor(directory: string, lunlog: () => Lunlog) {
    this.directory = directory
    this.#lunlog = lunlog
  }

  /** The server of this life. */
  get lunlog(): Lunlog {
    return this.#lunlog()
  }

  /** The file of a disk. */
  diskFile(name: string): string {
    return join(this.directory, "disks", name)
  }

  /** Parameters of an action with the places of this run. */
  resolve(params: RpcParams): RpcParams {
    const text = JSON.stringify(params)
      .replaceAll('"DISKS/', `"${join(this.directory, "disks")}/`)
      .replaceAll('PORT"', `${this.lunlog.endpoint.port}"`)
      .replaceAll('"SEEN"', String(this.unseen))
    return JSON.parse(text)
  }

  /** Where the preloaded module looks for faults. */
  get faultsFile(): string {
    return join(this.directory, "faults.json")
  }

  /** The NBD server; `diskBytes` is its disk's size. */
  nbd(diskBytes: number): NbdServer {
    this.#nbd ??= new NbdServer(this.diskFile("nbd"), this.diskFile(nbdName), diskBytes)
    return this.#nbd
  }

  /** Where everything that is done is written down. */
  note(text: string): void {
    appendFileSync(join(this.directory, "run.log"), `${this.clock.tick()} ${text}\n`)
  }

  /** A connection is there, whose last bytes are kept. */
  keepRing(ring: PduRing): void {
    this.rings.push(ring)
    if (this.rings.length > oldRingsMax) this.rings.shift()
  }

  /** Sets the fault of one file, or of all. */
  setFileFault(fault: FileFault, file?: string): void {
    this.#faults = file === undefined ? {} : { ...this.#faults, [this.diskFile(file)]: fault }
    const next = `${this.faultsFile}.next`
    writeFileSync(next, JSON.stringify(this.#faults))
    renameSync(next, this.faultsFile)
  }
  #faults: Readonly<Record<string, FileFault>> = {}

  /** All initiators of the round, for the checks. */
  seen(): ReadonlyArray<SessionSeen> {
    return [...this.retired, ...this.initiators.values()].map((initiator) => initiator.seen())
  }

  /** The initiator of a name, if it can be used. */
  usable(session: string): Initiator | undefined {
    const found = this.initiators.get(session)
    return found === undefined || found.isOver ? undefined : found
  }
}
