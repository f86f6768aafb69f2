/** A target that has many of something, what it costs there, and a session that reads. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { anonymousBytes, cpuSeconds } from "../../support/cpu-time.ts"
import { holdingsOf, nodeBase, untilDescriptors } from "../../support/initiator/lunlog.ts"
import { Session } from "../../support/initiator/Session.ts"
import {
  freePort,
  makeDirectory,
  removeDirectory,
  startTarget,
  type TargetProcess
} from "../../support/target-process.ts"
import { largeConfig } from "../config.ts"
import { type LoadGenerator, startLoad } from "../support/load/LoadGenerator.ts"
import type { LoadOptions } from "../support/load/LoadOptions.ts"

/** How large it is. */
export interface TargetSize {
  readonly targets: number
  readonly lunsPerTarget: number
  /** Sessions that are logged in and ask nothing, beside those that read. */
  readonly idleSessions: number
}

const limits = ["--max-connections", "12000", "--connections-per-address", "12000", "--logins-per-second", "100000"]
const options = "options: { maxSessions: 12000 }\n"
const mebibyte = 1024 * 1024
const readyMillis = 180_000
/** One address has no more than 28,232 ports for its connections, and what was closed keeps one for a minute. */
const addresses = Array.from({ length: 16 }, (_, index) => `127.0.0.${index + 1}`)

/** The rest is as the target is. */
type LoadShape = Pick<LoadOptions, "sessions" | "queueDepth">

/** What the process holds after its garbage is collected, in bytes. */
export interface Held {
  readonly heap: number
  /** Resident and no page of a file. */
  readonly memory: number
}

/** One server, in a state directory of its own. */
export class GrownTarget implements AsyncDisposable {
  readonly label: string
  readonly process: TargetProcess
  readonly size: TargetSize
  readonly #port: number
  readonly #loads: Array<LoadGenerator> = []
  /** Before its idle sessions have come. */
  empty: Held = { heap: 0, memory: 0 }

  private constructor(label: string, process: TargetProcess, size: TargetSize, port: number) {
    this.label = label
    this.process = process
    this.size = size
    this.#port = port
  }

  static async start(label: string, size: TargetSize, args: ReadonlyArray<string>): Promise<GrownTarget> {
    const directory = makeDirectory("scale")
    try {
      const port = await freePort()
      const configFile = join(directory, "lunlog.yaml")
      writeFileSync(configFile, options + largeConfig(port, size.targets, size.lunsPerTarget))
      const preload = join(import.meta.dirname, "collect-garbage.mjs")
      const served = await startTarget({ directory, configFile, preload, readyMillis, args: [...limits, ...args] })
      const target = new GrownTarget(label, served, size, port)
      target.empty = await target.held()
      if (size.idleSessions > 0) await target.load({ sessions: size.idleSessions, queueDepth: 0 })
      return target
    } catch (error) {
      removeDirectory(directory)
      throw error
    }
  }

  /** Sessions of the last target, reading 4 KiB from its first LUN; they end with the target. */
  async load(wanted: LoadShape): Promise<LoadGenerator> {
    const load = await startLoad(this.#loadOptions(wanted))
    this.#loads.push(load)
    return load
  }

  #loadOptions(wanted: LoadShape): LoadOptions {
    return {
      host: "127.0.0.1",
      port: this.#port,
      targets: [`${nodeBase}:t${this.size.targets - 1}`],
      kind: "read",
      bytes: 4096,
      unitBytes: mebibyte,
      order: "random",
      localAddresses: addresses,
      ...wanted
    }
  }

  /** Microseconds of its CPU for each operation of a run. */
  async readCost(load: LoadGenerator, seconds: number): Promise<number> {
    const before = this.cpu()
    const { operations } = await load.run(seconds)
    return ((this.cpu() - before) * 1e6) / operations
  }

  /** Microseconds of its CPU for a session's begin and end. */
  async loginCost(logins: number): Promise<number> {
    const { descriptors } = holdingsOf(this.process)
    const before = this.cpu()
    const load = await startLoad(this.#loadOptions({ sessions: logins, queueDepth: 0 }))
    await load.stop()
    await untilDescriptors(this.process, descriptors)
    return ((this.cpu() - before) * 1e6) / logins
  }

  /** Microseconds of its CPU for a discovery session that asks for all targets. */
  async discoveryCost(times: number): Promise<number> {
    const before = this.cpu()
    for (let each = 0; each < times; each++) {
      const session = await Session.open({ endpoint: { host: "127.0.0.1", port: this.#port } })
      const found = await session.text([["SendTargets", "All"]])
      const targets = found.filter(([key]) => key === "TargetName").length
      if (targets !== this.size.targets) throw new Error(`${targets} of ${this.size.targets} targets discovered`)
      await session.logout()
    }
    return ((this.cpu() - before) * 1e6) / times
  }

  /** Seconds of CPU that it has used so far. */
  cpu(): number {
    return cpuSeconds(this.process.pid)
  }

  /** Collects its garbage, and looks what is left. */
  async held(): Promise<Held> {
    const { pid, stderr } = this.process
    const heaps = (): ReadonlyArray<string> => [...stderr().matchAll(/^heap (\d+)$/gmu)].map(([, bytes]) => bytes ?? "")
    const before = heaps().length
    process.kill(pid, "SIGUSR2")
    while (heaps().length === before) await delay(10)
    return { heap: Number(heaps().at(-1)), memory: anonymousBytes(pid) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const load of this.#loads) await load.stop()
    await this.process[Symbol.asyncDispose]()
    removeDirectory(this.process.directory)
  }
}
