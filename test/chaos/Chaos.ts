/**
 * A run: lives of a server, rounds in each, and at the end of every round a look at everything. It ends at the first
 * round in which something is wrong.
 */
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { asLunlog, createGroups, type Lunlog, mallocParams, targetParams } from "../support/initiator/lunlog.ts"
import { freePort, projectDirectory, startTarget } from "../support/target-process.ts"
import { grouped, type Step } from "./Action.ts"
import { perform } from "./actions/perform.ts"
import { performLogout } from "./actions/perform-session.ts"
import { checkHoldings, type Holdings, holdingsAt } from "./checks/check-holdings.ts"
import { checkFold, checkVerify, runningState } from "./checks/check-state.ts"
import { History } from "./History.ts"
import { Judge } from "./Judge.ts"
import { attackedBdev, attackedTarget, blockBytes, diskBlocks, fileNames, witnessBdev, witnessTarget } from "./names.ts"
import { openInitiators, repair, tidyInitiators, untilAtRest } from "./settle.ts"
import { World } from "./World.ts"

/** Time after which what was made to hang is let go, in milliseconds from a round's begin. */
const rescueMillis = 1200
/** A round that takes longer hangs. */
const roundMillisMax = 90_000

/** What went wrong. */
export class ChaosFailure extends Error {
  readonly wrong: ReadonlyArray<string>
  constructor(where: string, wrong: ReadonlyArray<string>) {
    super(`${where}:\n${wrong.slice(0, 20).join("\n")}${wrong.length > 20 ? `\nand ${wrong.length - 20} more` : ""}`)
    this.name = "ChaosFailure"
    this.wrong = wrong
  }
}

/** How a run is set up, beside its steps. */
export interface RunOptions {
  /** A new folder: everything of the run is there. */
  readonly directory: string
  /** Files have a cache that a kill empties. */
  readonly isVolatile: boolean
  /** The script of another server. */
  readonly program?: string
  readonly onRound?: (text: string) => void
}

/** Numbers of a run. */
export interface RunReport {
  readonly rounds: number
  readonly requests: number
  readonly commands: number
  readonly logins: number
  readonly records: number
}

/** One run. */
export class Chaos {
  readonly world: World
  readonly #options: RunOptions
  readonly #judge: Judge
  readonly #report = { rounds: 0, requests: 0, commands: 0, logins: 0, records: 0 }
  #lunlog: Lunlog | undefined
  #port = 0

  constructor(options: RunOptions) {
    this.#options = options
    this.world = new World(options.directory, () => {
      if (this.#lunlog === undefined) throw new Error("no server runs")
      return this.#lunlog
    })
    this.#judge = new Judge(this.world, options.isVolatile)
  }

  /** Plays the steps. Rejects with `ChaosFailure` if something is wrong. */
  async play(steps: ReadonlyArray<Step>): Promise<RunReport> {
    this.#makeDisks()
    this.#port = await freePort()
    await this.world.nbd(diskBlocks * blockBytes).start()
    const lives = grouped(steps, ({ life }) => life)
    for (const [index, [life, own]] of lives.entries()) await this.#live(life, own, index === lives.length - 1)
    await this.world.nbd(0).kill()
    return this.#report
  }

  /** Ends what is left of a run that has failed. */
  async end(): Promise<void> {
    for (const { session } of this.world.initiators.values()) session.drop()
    await this.#lunlog?.process.kill()
    await this.world.nbd(0).kill()
    this.#lunlog?.process.rpc.close()
  }

  /** What the server has written there so far. */
  stderr(): string {
    return this.#lunlog?.process.stderr() ?? ""
  }

  #makeDisks(): void {
    mkdirSync(join(this.#options.directory, "disks"), { recursive: true })
    for (const name of fileNames) {
      writeFileSync(this.world.diskFile(name), "")
      truncateSync(this.world.diskFile(name), diskBlocks * blockBytes)
    }
    this.world.setFileFault("none")
  }

  async #start(): Promise<Lunlog> {
    const { directory, isVolatile, program } = this.#options
    const preloads = ["probe.mjs", "volatile-files.mjs"].map(
      (file) => `--import=${join(projectDirectory, "test/chaos/preload", file)}`
    )
    rmSync(join(directory, "probe"), { force: true })
    const process = await startTarget({
      directory,
      stateMode: "resume",
      removalDeadline: "500ms",
      ...(program === undefined ? {} : { program }),
      environment: {
        NODE_OPTIONS: preloads.join(" "),
        LUNLOG_CHAOS_PROBE: join(directory, "probe"),
        LUNLOG_CHAOS_DISKS: join(directory, "disks"),
        LUNLOG_CHAOS_FAULTS: this.world.faultsFile,
        LUNLOG_CHAOS_VOLATILE: isVolatile ? "1" : "0"
      }
    })
    return asLunlog(process, { host: "127.0.0.1", port: this.#port })
  }

  async #live(life: number, steps: ReadonlyArray<Step>, isLast: boolean): Promise<void> {
    const lunlog = await this.#start()
    this.#lunlog = lunlog
    const { world } = this
    world.isEnding = false
    world.initiators.clear()
    world.retired.length = 0
    world.history = new History(world.clock.tick())
    const nothing =
      life === 0 || this.#judge.isNew ? await holdingsAt(lunlog, join(world.directory, "disks")) : undefined
    if (this.#judge.isNew) await this.#furnish(lunlog)
    const held = nothing ?? this.#judge.baseline
    if (held === undefined) throw new Error("a run begins with a life")
    this.#judge.baseline = held
    await this.#check(`the start of life ${life}`, await this.#judge.lookAtStart())
    for (const [round, own] of grouped(steps, (step) => step.round)) {
      await this.#round(`life ${life}, round ${round}`, own, held)
      if (world.isEnding) break
    }
    if (!world.isEnding) await this.#stop(`the end of life ${life}`)
    lunlog.process.rpc.close()
    if (isLast) await this.#check("the log at the end", await checkVerify(lunlog.process.stateDirectory))
  }

  /** What is there all the time. */
  async #furnish(lunlog: Lunlog): Promise<void> {
    await createGroups(lunlog.process, lunlog.endpoint)
    for (const [bdev, target] of [
      [witnessBdev, witnessTarget],
      [attackedBdev, attackedTarget]
    ] as const) {
      await lunlog.call("bdev_malloc_create", mallocParams(bdev, 2))
      await lunlog.call("iscsi_create_target_node", targetParams({ name: target, luns: { 0: bdev } }))
    }
  }

  async #round(where: string, steps: ReadonlyArray<Step>, held: Holdings): Promise<void> {
    const { world } = this
    this.#options.onRound?.(where)
    world.note(`--- ${where}`)
    const ending = steps.find(({ action }) => action.do === "kill" || action.do === "stop")?.action
    if (ending?.do === "stop") return
    const lanes = grouped(steps, ({ lane }) => lane).map(([, own]) => this.#lane(own))
    const all = Promise.all(lanes)
    if (ending?.do === "kill") {
      await this.#kill(where, all, ending.millis)
      return
    }
    await this.#untilDone(where, all)
    await repair(world)
    tidyInitiators(world)
    await this.#check(where, await untilAtRest(world))
    await this.#check(where, await this.#judge.lookAround(false))
    this.#count()
    const sessions = openInitiators(world).length
    const disks = join(world.directory, "disks")
    await this.#check(where, await checkHoldings(world.lunlog, disks, held, this.#judge.there, sessions))
    world.history = new History(world.clock.tick())
    this.#judge.nextRound()
  }

  async #lane(steps: ReadonlyArray<Step>): Promise<void> {
    for (const step of steps) await perform(this.world, step)
  }

  /** What hangs is let go after a while; what goes on hanging is wrong. */
  async #untilDone(where: string, lanes: Promise<unknown>): Promise<void> {
    const { world } = this
    const deadline = performance.now() + roundMillisMax
    let isDone = false
    const done = lanes.finally(() => {
      isDone = true
    })
    await Promise.race([done, delay(rescueMillis, undefined, { ref: false })])
    while (!isDone) {
      await repair(world)
      for (const { session } of world.initiators.values()) session.wire.resume()
      await Promise.race([done, delay(100)])
      if (performance.now() > deadline) throw new ChaosFailure(where, [`it has not ended within ${roundMillisMax} ms`])
    }
    await done
  }

  async #kill(where: string, lanes: Promise<unknown>, millis: number): Promise<void> {
    const { world } = this
    await delay(millis)
    world.isEnding = true
    world.note("kill -9")
    for (const initiator of world.initiators.values()) initiator.mayEnd("kill -9", world.clock.tick())
    await world.lunlog.process.kill()
    await lanes
    world.setFileFault("none")
    this.#count()
    await this.#check(`${where}, after kill -9`, await checkVerify(world.lunlog.process.stateDirectory))
    this.#judge.ended("kill")
  }

  async #stop(where: string): Promise<void> {
    const { world } = this
    world.note("stop")
    for (const name of world.initiators.keys()) await performLogout(world, name)
    await this.#check(where, await untilAtRest(world))
    const running = await runningState(world.lunlog)
    world.isEnding = true
    const { code, signal } = await world.lunlog.process.stop()
    if (code !== 0) throw new ChaosFailure(where, [`the server ended with code ${code}, signal ${signal}`])
    await this.#check(where, await checkFold(world.lunlog.process.stateDirectory, running))
    this.#judge.ended("stop")
  }

  #count(): void {
    const { ios, logins, records, rpcs } = this.world.history
    this.#report.rounds += 1
    this.#report.requests += rpcs.length
    this.#report.commands += ios.length
    this.#report.logins += logins.length
    this.#report.records += records.length
  }

  async #check(where: string, wrong: ReadonlyArray<string>): Promise<void> {
    const status = this.#lunlog?.process.exitStatus()
    const died = status === undefined || this.world.isEnding ? [] : [`the server has ended: ${JSON.stringify(status)}`]
    const all = [...died, ...wrong]
    for (const text of all) this.world.note(`WRONG: ${text}`)
    if (all.length > 0) throw new ChaosFailure(where, all)
  }
}
