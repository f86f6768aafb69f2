/**
 * A reactor driven by the commands of its boundary, as the reconcilers do it, and reached over real sockets by the
 * scripted initiator.
 */
import { connect, type Socket } from "node:net"
import type { BdevSpec } from "../../../src/dataplane/bdev/BdevSpec.ts"
import type { Fault } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { noAuthPolicy } from "../../../src/dataplane/iscsi/auth/AuthPolicy.ts"
import type { NodeOptions } from "../../../src/dataplane/iscsi/IscsiNode.ts"
import type { DrainOutcome, TargetSpec } from "../../../src/dataplane/iscsi/Target.ts"
import { MemoryBudget } from "../../../src/dataplane/MemoryBudget.ts"
import { defaultMemoryBytes } from "../../../src/dataplane/memory-limit.ts"
import { type StartHome, startPool } from "../../../src/dataplane/pool/start-reactors.ts"
import type { Request } from "../../../src/dataplane/ReactorClient.ts"
import { mainThreadReactor } from "../../../src/dataplane/reactor/main-thread-reactor.ts"
import type {
  BdevId,
  PortalId,
  ReactorAnswer,
  ReactorCommand,
  ReactorFact,
  ReactorPort,
  ReactorReport
} from "../../../src/dataplane/reactor/protocol.ts"
import { clearUnitAttentions } from "../../support/initiator/commands.ts"
import { Session, type SessionOptions } from "../../support/initiator/Session.ts"
import type { Endpoint } from "../../support/initiator/Wire.ts"
import { freePort } from "../../support/target-process.ts"
import { nodeOptions, targetName, targetSpec } from "../iscsi/fixture.ts"

/** A portal that listens. */
export interface OpenPortal extends Endpoint {
  readonly id: PortalId
}

/** A reactor that is a pool of two homes: what it does differs in nothing but where things are. */
export const pool = (options: NodeOptions, startHome?: StartHome): ReactorPort =>
  startPool(2, undefined, options, { memory: MemoryBudget.sized(defaultMemoryBytes()).shared }, startHome)

const poolInThisThread = (options: NodeOptions): ReactorPort => pool(options, mainThreadReactor)

/** What is tested if a test does not say: `LUNLOG_TEST_REACTOR=pool` for a pool. */
const defaultReactor = process.env["LUNLOG_TEST_REACTOR"] === "pool" ? poolInThisThread : mainThreadReactor

/** Blocks of 512 bytes that a disk has, unless told otherwise. */
const diskBlocks = 4096

/** All IOs stay at the bdev until `ResumePending`. */
export const pendingFault: Fault = {
  ioType: "all",
  errorType: "pending",
  count: 1_000_000,
  queueDepth: 0,
  corruptOffset: 0,
  corruptValue: 0
}

/** One reactor with portal group 1 and initiator group 1, which lets everybody in. */
export class Harness implements AsyncDisposable {
  readonly facts: Array<ReactorFact> = []
  readonly reactor: ReactorPort
  portal: OpenPortal = { id: 0, host: "", port: 0 }
  #lastId = 0
  #stopped = false
  readonly #answers = new Map<number, (answer: ReactorAnswer) => void>()
  readonly #watchers = new Set<() => void>()

  private constructor(reactor: ReactorPort) {
    this.reactor = reactor
    reactor.listen((fact) => {
      if (fact._tag === "Answer") this.#answers.get(fact.request)?.(fact.answer)
      else this.facts.push(fact)
      for (const watcher of this.#watchers) watcher()
    })
  }

  /** With a portal that accepts. */
  static async start(
    options: Partial<NodeOptions> = {},
    make: (options: NodeOptions) => ReactorPort = defaultReactor
  ): Promise<Harness> {
    const harness = new Harness(make({ ...nodeOptions, ...options }))
    harness.send({ _tag: "PutInitiatorGroup", group: { tag: 1, initiators: ["ANY"], netmasks: ["ANY"] } })
    harness.portal = await harness.openPortal()
    const { host, id, port } = harness.portal
    harness.send({
      _tag: "PutPortalGroup",
      group: { tag: 1, private: false, auth: noAuthPolicy, portals: [{ host, port }] }
    })
    harness.send({ _tag: "AcceptPortal", portal: id, portalGroupTag: 1 })
    return harness
  }

  send(command: ReactorCommand): void {
    this.reactor.send(command)
  }

  takeId(): number {
    return ++this.#lastId
  }

  request(command: Request): Promise<ReactorAnswer> {
    const request = this.takeId()
    return new Promise((resolve) => {
      this.#answers.set(request, resolve)
      this.send({ ...command, request })
    })
  }

  /** The answer, which must not be a failure. */
  async done(command: Request): Promise<ReactorAnswer> {
    const answer = await this.request(command)
    if (answer._tag === "Failed") throw new Error(`${command._tag}: ${answer.code} ${answer.detail}`)
    return answer
  }

  async openPortal(host = "127.0.0.1", wantedPort?: number): Promise<OpenPortal> {
    const port = wantedPort ?? (await freePort())
    const id = this.takeId()
    await this.done({ _tag: "OpenPortal", portal: id, host, port })
    return { id, host, port }
  }

  /** Opens a bdev, and names it so that LUNs may be mapped to it. */
  async openBdev(spec: BdevSpec = malloc(), base?: BdevId): Promise<BdevId> {
    const bdev = this.takeId()
    const name = `bdev${bdev}`
    await this.done({ _tag: "OpenBdev", bdev, definition: { name, spec }, base })
    const uuid = `00000000-0000-4000-8000-${String(bdev).padStart(12, "0")}`
    this.send({ _tag: "NameBdev", bdev, name, uuid, contentLost: false, identityStyle: "uuid" })
    return bdev
  }

  /** A RAM disk below an error bdev that holds every IO. */
  async openHanging(): Promise<BdevId> {
    const bdev = await this.openBdev({ _tag: "Error", base: anyBase }, await this.openBdev())
    this.send({ _tag: "InjectFault", bdev, fault: pendingFault })
    return bdev
  }

  putTarget(changes: Partial<TargetSpec> = {}): void {
    this.send({ _tag: "PutTarget", target: targetSpec(changes) })
  }

  /** Maps a LUN; gives its incarnation. */
  mapLun(lun: number, bdev: BdevId, target = targetName, incarnation = this.takeId()): number {
    this.send({ _tag: "MapLun", target, lun, incarnation, bdev })
    return incarnation
  }

  /** Drains a LUN. */
  async drain(lun: number, incarnation: number, deadlineMillis = 20_000, target = targetName): Promise<DrainOutcome> {
    const answer = await this.done({ _tag: "DrainLun", target, lun, incarnation, deadlineMillis })
    if (answer._tag !== "Drained") throw new Error(answer._tag)
    return answer.outcome
  }

  unmap(lun: number, incarnation: number, target = targetName): void {
    this.send({ _tag: "UnmapLun", target, lun, incarnation })
  }

  async report(): Promise<ReactorReport> {
    const answer = await this.done({ _tag: "Query" })
    if (answer._tag !== "Report") throw new Error(answer._tag)
    return answer.report
  }

  /** Logs in, and fetches the unit attentions of the LUNs. */
  async open(options: Partial<SessionOptions> = {}, luns: ReadonlyArray<number> = [0]): Promise<Session> {
    const session = await Session.open({ endpoint: this.portal, targetName, ...options })
    for (const lun of luns) await clearUnitAttentions(session, lun)
    return session
  }

  /** A connection that has sent nothing. */
  async plain(): Promise<Socket> {
    const { host, port } = this.portal
    const socket = connect({ host, port })
    socket.on("error", () => {})
    await new Promise<void>((resolve) => socket.once("connect", () => resolve()))
    return socket
  }

  /** Resumes with the first fact, from now or before, that fits. */
  fact(fits: (fact: ReactorFact) => boolean): Promise<ReactorFact> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.facts.find(fits)
        if (found === undefined) return
        this.#watchers.delete(look)
        resolve(found)
      }
      this.#watchers.add(look)
      look()
    })
  }

  async shutdown(graceMillis = 0): Promise<void> {
    this.#stopped = true
    await this.done({ _tag: "Shutdown", graceMillis })
    await this.reactor.terminate()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stopped) await this.shutdown()
  }
}

export const malloc = (blockCount = diskBlocks): BdevSpec => ({
  _tag: "Malloc",
  blockCount,
  blockSize: 512,
  physicalBlockSize: 0,
  optimalIoBoundary: 0
})

/** The reactor gets the base's number; the name is the control plane's. */
export const anyBase = { name: "base", incarnation: 1 }

/** Every IO takes this long. */
export const delayed = (micros: number): BdevSpec => ({
  _tag: "Delay",
  base: anyBase,
  averageReadMicros: micros,
  p99ReadMicros: micros,
  averageWriteMicros: micros,
  p99WriteMicros: micros
})
