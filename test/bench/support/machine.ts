/** What a benchmark ran on, and which state of the project. */
import { execFileSync } from "node:child_process"
import { cpus, loadavg, release, totalmem } from "node:os"
import { runCommand } from "../../support/child-process.ts"
import { findTool } from "../../support/requires-tool.ts"
import { projectDirectory } from "../../support/target-process.ts"
import type { Machine } from "./BenchResult.ts"

/** The machine's load now: an average of one minute. */
export const loadNow = (): number => Number((loadavg()[0] ?? 0).toFixed(2))

const versionOf = async (tool: string): Promise<string> => {
  const path = findTool(tool)
  if (path === undefined) return "none"
  const { stderr, stdout } = await runCommand({ command: path, args: ["--version"] }, 5000)
  return /\d+(\.\d+)+/.exec(stdout + stderr)?.[0] ?? "unknown"
}

/** Describes this machine; `peers` are the commands whose version is part of the description. */
export const describeMachine = async (peers: ReadonlyArray<string>, loadBefore: number): Promise<Machine> => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  memoryGib: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  node: process.version,
  peers: Object.fromEntries(await Promise.all(peers.map(async (tool) => [tool, await versionOf(tool)]))),
  loadBefore,
  loadAfter: loadNow()
})

/** One line for people. */
export const machineText = ({ cores, cpu, kernel, loadAfter, loadBefore, memoryGib, node, peers }: Machine): string =>
  [
    `${cores} x ${cpu}, ${memoryGib} GiB, Linux ${kernel}, Node ${node}`,
    ...Object.entries(peers).map(([tool, version]) => `${tool} ${version}`),
    `load ${loadBefore} before and ${loadAfter} after`
  ].join(", ")

const git = (...args: ReadonlyArray<string>): string | undefined => {
  try {
    return execFileSync("git", args, { cwd: projectDirectory, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
  } catch {
    return undefined
  }
}

/** The commit that is checked out, `+` behind it when tracked files differ; `unknown` outside of a repository. */
export const commitNow = (): string => {
  const commit = git("rev-parse", "--short=10", "HEAD")?.trim()
  if (commit === undefined) return "unknown"
  return git("status", "--porcelain", "--untracked-files=no")?.trim() === "" ? commit : `${commit}+`
}
