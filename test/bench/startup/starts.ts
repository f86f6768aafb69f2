/** Starts of lunlog, from source and as the package has it, with the clock and the CPU that they take. */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { demoConfig } from "../../../src/cli/serve/demo-config.ts"
import { runCommand, startChild } from "../../support/child-process.ts"
import { cpuSeconds, endedChildrenCpuSeconds } from "../../support/cpu-time.ts"
import { writeLargeLog } from "../../support/large-log.ts"
import { freePort, projectDirectory } from "../../support/target-process.ts"

/** What is started: a folder with `bin`, and the modules in it that a server loads. */
export interface Installation {
  readonly label: "package" | "checkout"
  readonly folder: string
  readonly serverModules: ReadonlyArray<string>
}

/** Milliseconds; CPU is user and system, with all threads. */
export interface Start {
  readonly elapsed: number
  readonly cpu: number
}

/** Of a server: `elapsed` until its portals accept, `announced` until its log is folded and its socket there. */
export interface ServerStart extends Start {
  readonly announced: number
}

/** `cached`: code is compiled once, and not at each start. */
const environment = (cached: boolean) => ({
  UV_THREADPOOL_SIZE: "64",
  NODE_OPTIONS: "",
  NODE_DISABLE_COMPILE_CACHE: cached ? undefined : "1"
})
const readyMillis = 60_000

const serverFiles = ["main", "lunlog-command", "run-server", "configure", "ready", "DataPlaneLive"]

/** The project as it stands here. */
export const checkout: Installation = {
  label: "checkout",
  folder: projectDirectory,
  serverModules: [
    "main",
    "cli/lunlog-command",
    "cli/serve/run-server",
    "cli/serve/configure",
    "cli/serve/ready",
    "dataplane/DataPlaneLive"
  ].map((name) => join(projectDirectory, "src", `${name}.ts`))
}

/** Builds what the package holds, in `folder`. */
export const buildPackage = async (folder: string): Promise<Installation> => {
  mkdirSync(folder)
  const bundle = join(projectDirectory, "tools/bundle.js")
  const built = await runCommand({ command: process.execPath, args: [bundle, join(folder, "dist")] }, 60_000)
  if (built.code !== 0) throw new Error(`${bundle} failed: ${built.stderr}`)
  cpSync(join(projectDirectory, "bin"), join(folder, "bin"), { recursive: true })
  cpSync(join(projectDirectory, "package.json"), join(folder, "package.json"))
  symlinkSync(join(projectDirectory, "node_modules"), join(folder, "node_modules"))
  const chunks = readdirSync(join(folder, "dist/src"))
  const modules = chunks.filter((chunk) => serverFiles.includes(chunk.replace(/(-[^-]{8})?\.js$/u, "")))
  return { label: "package", folder, serverModules: modules.map((chunk) => join(folder, "dist/src", chunk)) }
}

/** Runs Node with these arguments a few times, one after the other; means. */
export const timeNode = (args: ReadonlyArray<string>, runs: number): Start => {
  const before = endedChildrenCpuSeconds()
  const start = performance.now()
  for (let run = 0; run < runs; run++) {
    const { error } = spawnSync(process.execPath, args, { env: { ...process.env, ...environment(true) } })
    if (error !== undefined) throw error
  }
  const elapsed = (performance.now() - start) / runs
  return { elapsed, cpu: ((endedChildrenCpuSeconds() - before) * 1000) / runs }
}

/** The same for a command line of lunlog. */
export const timeCommand = ({ folder }: Installation, args: ReadonlyArray<string>, runs: number): Start =>
  timeNode([join(folder, "bin/lunlog.js"), ...args], runs)

/** Loads what a server loads, and ends. */
export const timeModules = ({ serverModules }: Installation, runs: number): Start => {
  const imports = serverModules.map((file) => `await import(${JSON.stringify(file)});`).join("")
  const script = `require("node:module").enableCompileCache(); (async () => { ${imports} process.exit() })()`
  return timeNode(["-e", script], runs)
}

/** Starts a server on a state directory, until it lets initiators in, and ends it. */
export const timeServer = async (
  { folder }: Installation,
  directory: string,
  options: { readonly args?: ReadonlyArray<string>; readonly cached?: boolean } = {}
): Promise<ServerStart> => {
  const serve = ["serve", "--state", join(directory, "state"), "-r", join(directory, "rpc"), ...(options.args ?? [])]
  const startedAt = Date.now()
  const child = await startChild({
    command: process.execPath,
    args: [join(folder, "bin/lunlog.js"), ...serve],
    environment: environment(options.cached ?? true)
  })
  const lineAt = (pattern: RegExp): number | undefined => {
    const stamp = pattern.exec(child.stderr())?.[1]
    return stamp === undefined ? undefined : Date.parse(stamp) - startedAt
  }
  while (lineAt(/^(\S+) info ready/mu) === undefined) {
    if (child.exitStatus() !== undefined || Date.now() - startedAt > readyMillis) {
      child.signal("SIGKILL")
      throw new Error(`lunlog serve did not start: ${child.stderr()}`)
    }
    await delay(2)
  }
  const cpu = cpuSeconds(child.pid) * 1000
  child.signal("SIGTERM")
  await child.exited
  const elapsed = lineAt(/^(\S+) info ready/mu) ?? Number.NaN
  return { elapsed, cpu, announced: lineAt(/^(\S+) info lunlog .* state in/mu) ?? Number.NaN }
}

/** A state directory with the demo's disks, target and portal, in a log of some records. */
export const makeSmallState = async (installation: Installation, directory: string): Promise<void> => {
  const file = join(directory, "demo.yaml")
  writeFileSync(file, demoConfig(await freePort()))
  await timeServer(installation, directory, { args: ["-c", file] })
}

/** One with a log of so many records, and no snapshot of what they fold to. */
export const makeLargeState = async (directory: string, records: number): Promise<void> => {
  mkdirSync(join(directory, "state"), { mode: 0o700, recursive: true })
  await writeLargeLog({ directory: join(directory, "state/log"), records, cast: { port: await freePort() } })
}
