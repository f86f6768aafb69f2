/**
 * A lunlog server for `iscsi-test-cu`: each test gets a process of its own and a disk that nobody has used, shown by a
 * target of its own through two portal groups.
 */
import { rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type CommandResult, runCommand } from "../support/child-process.ts"
import { type LibiscsiTest, parseTestRun } from "../support/libiscsi-report.ts"
import { freePort, startTarget, type TargetProcess } from "../support/target-process.ts"
import { diskBytes, type LoginName, type LunKind } from "./lun-kinds.ts"

/** How one test ended on one kind of LUN. `reason` is empty for a pass. */
export interface TestOutcome {
  /** `Suite.Test`. */
  readonly test: string
  readonly kind: string
  readonly status: "pass" | "skip" | "fail" | "hang" | "crash"
  readonly reason: string
  readonly millis: number
}

/**
 * Tests that fail the first time in every process, on any target: LUNResetSimpleAsync of libiscsi 1.19 asks whether the
 * answer has come (`reconnect_succeeded`) before it waits for it. Listed for both its families, it runs twice; the
 * second run finds what the first has left, goes on, and counts.
 */
export const runTwice: ReadonlySet<string> = new Set(["iSCSITMF.LUNResetSimpleAsync"])

/** A test that takes longer hangs; the longest wait some seconds on purpose. */
const testMillisMax = 60_000
const host = "127.0.0.1"
const nodeBase = "iqn.2016-06.io.spdk"
const chapGroup = 7
const chapUser = { user: "conformance", secret: "a-secret-of-16-b" }

/** Everything `iscsi-test-cu` has, as `Suite.Test`, in its order. */
export const listTests = async (): Promise<ReadonlyArray<string>> => {
  const { stdout } = await runCommand({ command: "iscsi-test-cu", args: ["--list"] }, testMillisMax)
  return stdout.split("\n").flatMap((line) => /^ALL\.(\w+\.\S+)$/.exec(line)?.[1] ?? [])
}

const statusOf = (result: CommandResult, test: LibiscsiTest | undefined): TestOutcome["status"] => {
  if (result.timedOut) return "hang"
  if (test === undefined || test.status === "unfinished") return "crash"
  return test.status
}

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1)?.trim() ?? ""

interface BenchOptions {
  readonly login: LoginName
  /** Of the server. */
  readonly args: ReadonlyArray<string>
}

/** One server with its disks. */
export class TestBench implements AsyncDisposable {
  readonly #options: BenchOptions
  readonly #ports: readonly [number, number]
  #process: TargetProcess
  #lastDisk = 0

  private constructor(options: BenchOptions, ports: readonly [number, number], process: TargetProcess) {
    this.#options = options
    this.#ports = ports
    this.#process = process
  }

  static async start(login: LoginName, args: ReadonlyArray<string> = []): Promise<TestBench> {
    const ports = [await freePort(), await freePort()] as const
    const bench = new TestBench({ login, args }, ports, await startTarget({ stateMode: "empty", args }))
    await bench.#setUp()
    return bench
  }

  /** Runs one test on a new disk. A server that has died over it is a crash, and is replaced. */
  async run(test: string, kind: LunKind): Promise<TestOutcome> {
    const began = performance.now()
    const disk = `Disk${++this.#lastDisk}`
    const target = `${nodeBase}:${disk.toLowerCase()}`
    await this.#create(disk, target, kind)
    const urls = this.#ports.map((port) => this.#url(port, target))
    const families = runTwice.has(test) ? ["ALL", "iSCSI"] : ["ALL"]
    const chosen = families.map((family) => `${family}.${test}`).join(",")
    const args = ["--dataloss", "--allow-sanitize", "--fail", "--verbose", `--test=${chosen}`]
    const shown = test.startsWith("MultipathIO.") ? urls : urls.slice(0, 1)
    const result = await runCommand({ command: "iscsi-test-cu", args: [...args, ...shown] }, testMillisMax)
    const printed = parseTestRun(result.stdout + result.stderr).at(-1)
    const outcome = { test, kind: kind.name, millis: Math.round(performance.now() - began) }
    const died = await this.#clean(disk, target, kind)
    if (died !== undefined) return { ...outcome, status: "crash", reason: died }
    const status = statusOf(result, printed)
    const reason = printed?.reason || (status === "pass" ? "" : lastLine(result.stdout + result.stderr))
    return { ...outcome, status, reason: status === "pass" ? "" : reason }
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#process[Symbol.asyncDispose]()
  }

  #call(method: string, params: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.#process.rpc.call(method, params)
  }

  async #setUp(): Promise<void> {
    for (const [index, port] of this.#ports.entries()) {
      await this.#call("iscsi_create_portal_group", { tag: index + 1, portals: [{ host, port: String(port) }] })
    }
    await this.#call("iscsi_create_initiator_group", { tag: 1, initiators: ["ANY"], netmasks: ["ANY"] })
    if (this.#options.login === "chap") {
      await this.#call("iscsi_create_auth_group", { tag: chapGroup, secrets: [chapUser] })
    }
  }

  async #create(disk: string, target: string, kind: LunKind): Promise<void> {
    await this.#createDisk(disk, kind)
    const chap = this.#options.login === "chap" ? { require_chap: true, chap_group: chapGroup } : { disable_chap: true }
    await this.#call("iscsi_create_target_node", {
      name: target,
      alias_name: "",
      pg_ig_maps: [1, 2].map((tag) => ({ pg_tag: tag, ig_tag: 1 })),
      luns: [{ bdev_name: disk, lun_id: 0 }],
      queue_depth: 64,
      ...chap
    })
    if (!kind.readOnly) return
    for (const tag of [1, 2]) {
      const map = { name: target, pg_tag: tag, ig_tag: 1 }
      await this.#call("iscsi_target_node_set_map_access", { ...map, read_only: true })
    }
  }

  async #createDisk(name: string, { disk, inFile }: LunKind): Promise<void> {
    if (!inFile) {
      await this.#call("bdev_malloc_create", { name, ...disk })
      return
    }
    const filename = this.#fileOf(name)
    writeFileSync(filename, "")
    truncateSync(filename, diskBytes)
    await this.#call("bdev_aio_create", { name, filename, ...disk })
  }

  #fileOf(disk: string): string {
    return join(this.#process.directory, disk)
  }

  /** Takes target and disk away. Gives the last words of a server that is dead or does not let them go. */
  async #clean(disk: string, target: string, { inFile }: LunKind): Promise<string | undefined> {
    try {
      await this.#call("iscsi_delete_target_node", { name: target })
      await this.#call(inFile ? "bdev_aio_delete" : "bdev_malloc_delete", { name: disk })
      if (inFile) rmSync(this.#fileOf(disk))
      return undefined
    } catch (error) {
      const said = lastLine(this.#process.stderr())
      await this.#process[Symbol.asyncDispose]()
      this.#process = await startTarget({ stateMode: "empty", args: this.#options.args })
      await this.#setUp()
      return `lunlog: ${error instanceof Error ? error.message : String(error)}: ${said}`
    }
  }

  #url(port: number, target: string): string {
    const login = this.#options.login === "chap" ? `${chapUser.user}%${chapUser.secret}@` : ""
    const query = this.#options.login === "header-digest" ? "?header_digest=crc32c" : ""
    return `iscsi://${login}${host}:${port}/${target}/0${query}`
  }
}
