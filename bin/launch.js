/**
 * Starts the program on a Node that can run it. Written so that an old Node can parse it: it is the one that has to say
 * what is missing.
 *
 * - Node 24 or newer: runs right here, from `src/` in a checkout and from `dist/` (tools/bundle.js) in the package.
 * - Older, in a checkout: `npm install` has put a Node 24 into `node_modules`; the program goes on in that one.
 * - Compiled code is cached (NODE_COMPILE_CACHE says where, NODE_DISABLE_COMPILE_CACHE=1 that it is not): it halves the
 *   time of a start. A Node without such a cache starts without. Each user has a folder of their own for it: what is in
 *   it is run, and the first user of a shared one would keep the others from writing theirs.
 * - UV_THREADPOOL_SIZE is 64 unless set: the event log shares libuv's pool with file operations that may hang.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, lstatSync, mkdirSync } from "node:fs"
import module from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const nodeMajorMin = 24
const poolThreads = "64"
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const ownNode = join(root, "node_modules", ".bin", "node")
const source = join(root, "src", "main.ts")
const compiled = join(root, "dist", "src", "main.js")

const majorOf = (version) => Number(version.replace(/^v/, "").split(".")[0])

const refuse = (program) => {
  const needed = `${program} needs Node ${nodeMajorMin} or newer; this is ${process.version} (${process.execPath}).`
  const remedy = existsSync(source)
    ? "Run `npm install` in the checkout: it brings Node 24 for Linux and macOS (not with --omit=optional)."
    : "Install Node 24 or newer (https://nodejs.org), and run it with that."
  process.stderr.write(`${needed}\n${remedy}\n`)
  process.exit(1)
}

/** The checkout's own Node, if it is there and new enough. */
const findOwnNode = () => {
  if (!existsSync(ownNode)) return undefined
  const asked = spawnSync(ownNode, ["--version"], { encoding: "utf8" })
  return asked.status === 0 && majorOf(asked.stdout.trim()) >= nodeMajorMin ? ownNode : undefined
}

/** Another Node in this one's place, as far as that goes: same terminal, signals and exit code passed on. */
const runIn = (node, environment) => {
  const args = [...process.execArgv, ...process.argv.slice(1)]
  const child = spawn(node, args, { stdio: ["inherit", "inherit", "inherit", "ipc"], env: environment })
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) {
    process.on(signal, () => child.kill(signal))
  }
  child.on("error", (error) => {
    process.stderr.write(`cannot run ${node}: ${error.message}\n`)
    process.exit(1)
  })
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** Code that ran before this file may have started the pool already: begin again with the size in the environment. */
const mayHavePool = () => Boolean(process.env.NODE_OPTIONS) || process.execArgv.length > 0

const restart = () => {
  process.removeAllListeners("warning") // execve is an experimental feature of Node 24
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], process.env)
}

/** A folder for compiled code that this user alone can write to; undefined where there can be none. */
const cacheFolder = () => {
  const user = process.getuid()
  const folder = join(tmpdir(), `lunlog-compile-cache-${user}`)
  try {
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 })
    const found = lstatSync(folder)
    return found.isDirectory() && found.uid === user && (found.mode & 0o022) === 0 ? folder : undefined
  } catch {
    return undefined
  }
}

const enableCompileCache = () => {
  if (module.enableCompileCache === undefined) return
  if (process.env.NODE_COMPILE_CACHE !== undefined || process.getuid === undefined) {
    module.enableCompileCache()
    return
  }
  const folder = cacheFolder()
  if (folder !== undefined) module.enableCompileCache(folder)
}

/** Runs `lunlog` or `iscsi_tgt` with this process's arguments. */
export const launch = async (program) => {
  const sizeWasGiven = process.env.UV_THREADPOOL_SIZE !== undefined
  if (!sizeWasGiven) process.env.UV_THREADPOOL_SIZE = poolThreads
  if (majorOf(process.version) < nodeMajorMin) {
    const node = findOwnNode()
    return node === undefined ? refuse(program) : runIn(node, { ...process.env, LUNLOG_LAUNCHED: "1" })
  }
  if (!sizeWasGiven && mayHavePool() && typeof process.execve === "function") restart()
  if (process.env.LUNLOG_LAUNCHED === "1" && process.channel) {
    delete process.env.LUNLOG_LAUNCHED
    // Killed by SIGKILL, the launcher cannot say so; its end of the channel closes.
    process.on("disconnect", () => process.kill(process.pid, "SIGTERM"))
    process.channel.unref()
  }
  enableCompileCache()
  const main = await import(pathToFileURL(existsSync(source) ? source : compiled).href)
  await main.run(program, process.argv.slice(2))
}
