/** A pool of scripted reactors, driven as the control side does it. */

import type { BdevSpec } from "../../../src/dataplane/bdev/BdevSpec.ts"
import { ReactorPool } from "../../../src/dataplane/pool/ReactorPool.ts"
import type { Request } from "../../../src/dataplane/ReactorClient.ts"
import type { HandOver, ReactorAnswer, ReactorFact } from "../../../src/dataplane/reactor/protocol.ts"
import { targetSpec } from "../iscsi/fixture.ts"
import { ScriptedReactor } from "./ScriptedReactor.ts"

/** A RAM disk of eight blocks. */
export const ramDisk: BdevSpec = {
  _tag: "Malloc",
  blockCount: 8,
  blockSize: 512,
  physicalBlockSize: 0,
  optimalIoBoundary: 0
}

const uuid = "00000000-0000-4000-8000-000000000000"

/** A pool with its reactors, and what it tells. */
export class PoolBench {
  readonly facts: Array<ReactorFact> = []
  /** By index; one that was replaced is not among them. */
  readonly reactors: Array<ScriptedReactor> = []
  readonly pool: ReactorPool
  /** Connections that nobody wanted. */
  readonly abandoned: Array<number> = []
  /** Memory of RAM disks that is in use. */
  readonly memory = new Set<SharedArrayBuffer>()
  readonly violations: Array<string> = []
  clock = 0
  #lastId = 0
  readonly #answers = new Map<number, (answer: ReactorAnswer) => void>()

  constructor(homes = 2) {
    this.pool = new ReactorPool({
      homes,
      make: (index) => this.#make(index),
      memory: {
        limit: 2 ** 40,
        left: 2 ** 40,
        take: (bytes) => {
          const memory = new SharedArrayBuffer(bytes)
          this.memory.add(memory)
          return memory
        },
        give: (memory) => {
          if (!this.memory.delete(memory)) this.violations.push("memory given back twice")
        }
      },
      abandon: ({ connection }) => this.abandoned.push(connection),
      backoffMillis: 0,
      now: () => this.clock
    })
    this.pool.listen((fact) => {
      if (fact._tag === "Answer") this.#answers.get(fact.request)?.(fact.answer)
      else this.facts.push(fact)
    })
  }

  takeId(): number {
    return ++this.#lastId
  }

  reactor(index: number): ScriptedReactor {
    const reactor = this.reactors[index]
    if (reactor === undefined) throw new RangeError(`no reactor ${index}`)
    return reactor
  }

  request(command: Request): Promise<ReactorAnswer> {
    const request = this.takeId()
    return new Promise((resolve) => {
      this.#answers.set(request, resolve)
      this.pool.send({ ...command, request })
    })
  }

  async openBdev(spec = ramDisk, base?: number, beside?: string): Promise<number> {
    const bdev = this.takeId()
    const name = `bdev${bdev}`
    const besides = beside === undefined ? {} : { beside }
    const answer = await this.request({ _tag: "OpenBdev", bdev, definition: { name, spec }, base, ...besides })
    if (answer._tag !== "BdevOpened") throw new Error(JSON.stringify(answer))
    this.pool.send({ _tag: "NameBdev", bdev, name, uuid, contentLost: false, identityStyle: "uuid" })
    return bdev
  }

  setLimit(bdev: number, readBytes: number): void {
    const limits = { readWriteIos: 0, readWriteBytes: 0, readBytes, writeBytes: 0 }
    this.pool.send({ _tag: "SetRateLimits", bdev, limits })
  }

  putTarget(name: string, incarnation = 1, alias = ""): void {
    this.pool.send({ _tag: "PutTarget", target: targetSpec({ name, incarnation, alias }) })
  }

  mapLun(target: string, lun: number, bdev: number, incarnation = lun + 1): void {
    this.pool.send({ _tag: "MapLun", target, lun, incarnation, bdev })
  }

  /** The front has a connection for a target. */
  handOver(target: string, connection = this.takeId()): number {
    this.reactor(0).tell(handOver(connection, target))
    return connection
  }

  /** Resumes when nothing is under way any more. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    // A new start waits for a timer.
    await new Promise((resolve) => setTimeout(resolve, 5))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  /** The index of the reactor that has it, which must be one. */
  homeOf(node: number | string): number | undefined {
    const has = this.reactors.flatMap((reactor, index) => {
      if (reactor.isDead) return []
      const isThere = typeof node === "number" ? reactor.bdevs.has(node) : index > 0 && reactor.targets.has(node)
      return isThere ? [index] : []
    })
    if (has.length > 1) throw new Error(`${node} is at reactors ${has.join(" and ")}`)
    return has[0]
  }

  told<Tag extends ReactorFact["_tag"]>(tag: Tag): ReadonlyArray<Extract<ReactorFact, { readonly _tag: Tag }>> {
    return this.facts.filter((fact): fact is Extract<ReactorFact, { readonly _tag: Tag }> => fact._tag === tag)
  }

  /** What no reactor should have been told, and what the pool has done wrong. */
  allViolations(): ReadonlyArray<string> {
    return [...this.violations, ...this.#made.flatMap(({ violations }) => violations)]
  }

  readonly #made: Array<ScriptedReactor> = []

  #make(index: number): ScriptedReactor {
    const reactor = new ScriptedReactor()
    reactor.slowTag = this.reactors[index]?.slowTag
    this.reactors[index] = reactor
    this.#made.push(reactor)
    return reactor
  }
}

const handOver = (connection: number, target: string): HandOver => ({
  _tag: "HandOver",
  connection,
  target,
  descriptor: -1,
  origin: {
    portalGroupTag: 1,
    initiatorAddress: "127.0.0.1",
    initiatorPort: 1,
    targetAddress: "127.0.0.1",
    targetPort: 3260
  },
  slot: 0,
  peer: 0,
  received: new Uint8Array(0),
  answered: 0
})
