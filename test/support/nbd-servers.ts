/** NBD servers from Debian as child processes, on Unix sockets or loopback ports, and certificates for them. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { connect, type NetConnectOpts } from "node:net"
import { join } from "node:path"
import { type Child, runCommand, startChild } from "./child-process.ts"
import { findTool } from "./requires-tool.ts"

/** A server that answers. */
export interface NbdServerProcess extends AsyncDisposable {
  readonly pid: number
  readonly path: string
  readonly child: Child
  /** SIGKILL; resolves when it is gone. */
  readonly kill: () => Promise<void>
}

const readyMillis = 60_000

/** Whether something says NBDMAGIC there. */
const greets = (to: NetConnectOpts): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(to)
    socket.once("data", (chunk) => {
      resolve(chunk.toString("latin1", 0, 8) === "NBDMAGIC")
      socket.destroy()
    })
    socket.once("error", () => resolve(false))
    socket.once("close", () => resolve(false))
  })

const whenItGreets = async (child: Child, to: NetConnectOpts): Promise<void> => {
  const deadline = performance.now() + readyMillis
  while (!(await greets(to))) {
    if (child.exitStatus() !== undefined || performance.now() > deadline) {
      child.signal("SIGKILL")
      throw new Error(`the NBD server did not start:\n${child.stdout()}\n${child.stderr()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const start = async (
  tool: string,
  args: ReadonlyArray<string>,
  path: string,
  to: NetConnectOpts = { path }
): Promise<NbdServerProcess> => {
  if (path !== "") rmSync(path, { force: true })
  const child = await startChild({ command: findTool(tool) ?? tool, args })
  await whenItGreets(child, to)
  const kill = async (): Promise<void> => {
    child.signal("SIGKILL")
    await child.exited
  }
  return { pid: child.pid, path, child, kill, [Symbol.asyncDispose]: kill }
}

/** `options` go before the socket and the file: `-f qcow2`, `--read-only`. It takes up to `clients` at once. */
export const startQemuNbd = (
  path: string,
  file: string,
  options: ReadonlyArray<string> = ["-f", "raw"],
  clients = 8
): Promise<NbdServerProcess> =>
  start("qemu-nbd", ["-t", "-e", String(clients), "--discard=unmap", ...options, "-k", path, file], path)

/** An image of a format by its block driver's name, as export `disk`. */
export const startStorageDaemon = (path: string, file: string, driver: string): Promise<NbdServerProcess> =>
  start(
    "qemu-storage-daemon",
    [
      "--blockdev",
      `driver=file,node-name=file,filename=${file},discard=unmap`,
      "--blockdev",
      `driver=${driver},node-name=disk,file=file,discard=unmap`,
      "--nbd-server",
      `addr.type=unix,addr.path=${path},max-connections=16`,
      "--export",
      "type=nbd,id=nbd0,node-name=disk,name=disk,writable=on"
    ],
    path
  )

/** `args` as on the command line: options, plugin, its parameters. */
export const startNbdkit = (path: string, ...args: ReadonlyArray<string>): Promise<NbdServerProcess> =>
  start("nbdkit", ["-f", "--exit-with-parent", "-U", path, ...args], path)

/** The same on a port of 127.0.0.1. */
export const startNbdkitOn = (port: number, ...args: ReadonlyArray<string>): Promise<NbdServerProcess> =>
  start("nbdkit", ["-f", "--exit-with-parent", "-i", "127.0.0.1", "-p", String(port), ...args], "", {
    host: "127.0.0.1",
    port
  })

/** Makes an image; `options` such as `-f`, `qcow2`. */
export const makeImage = async (file: string, size: string, ...options: ReadonlyArray<string>): Promise<void> => {
  const made = await runCommand({ command: "qemu-img", args: ["create", "-q", ...options, file, size] }, 30_000)
  if (made.code !== 0) throw new Error(made.stderr)
}

const openssl = async (directory: string, ...args: ReadonlyArray<string>): Promise<void> => {
  const done = await runCommand({ command: "openssl", args, directory }, 30_000)
  if (done.code !== 0) throw new Error(done.stderr)
}

/** One that `authority` vouches for, with its names. */
const issue = async (directory: string, file: string, name: string, extensions: string): Promise<void> => {
  const key = `${file}-key.pem`
  const common = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key]
  await openssl(directory, "req", "-new", ...common, "-subj", `/CN=${name}`, "-out", `${file}.csr`)
  writeFileSync(join(directory, `${file}.ext`), extensions)
  const by = ["-CA", "ca-cert.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2", "-extfile", `${file}.ext`]
  await openssl(directory, "x509", "-req", "-in", `${file}.csr`, ...by, "-out", `${file}-cert.pem`)
}

/**
 * A folder with an authority (`ca-cert.pem`), a server for `nbd.example` and 127.0.0.1 (`server-cert.pem`,
 * `server-key.pem`) and a client (`client-cert.pem`, `client-key.pem`), as qemu and nbdkit look for them.
 */
export const makeCertificates = async (directory: string): Promise<void> => {
  mkdirSync(directory, { recursive: true })
  const authority = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2"
  ]
  await openssl(directory, ...authority, "-subj", "/CN=Test CA", "-keyout", "ca-key.pem", "-out", "ca-cert.pem")
  const names = "subjectAltName=DNS:nbd.example,IP:127.0.0.1\n"
  await issue(directory, "server", "nbd.example", `${names}extendedKeyUsage=serverAuth\n`)
  await issue(directory, "client", "lunlog", "extendedKeyUsage=clientAuth\n")
}
