/**
 * An NBD server (qemu-nbd) that a run's remote disk is at: it can be killed and started again, and keeps its file.
 * Where there is no qemu-nbd, there is no server, and no such disk.
 */
import { rmSync, truncateSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import { type Child, startChild } from "../support/child-process.ts"
import { findTool } from "../support/requires-tool.ts"

const answerMillis = 10_000

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once("error", () => resolve(false))
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
  })

/** The server. */
export class NbdServer {
  readonly #socketPath: string
  readonly #file: string
  #child: Child | undefined
  #starting: Promise<void> | undefined

  /** `file` is made, with `bytes`. */
  constructor(socketPath: string, file: string, bytes: number) {
    this.#socketPath = socketPath
    this.#file = file
    writeFileSync(file, "")
    truncateSync(file, bytes)
  }

  /** Starts it, unless it runs. */
  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    const command = findTool("qemu-nbd")
    if (command === undefined || this.#child !== undefined) return
    rmSync(this.#socketPath, { force: true })
    const args = ["--persistent", "--shared=8", "--format=raw", "--discard=unmap", "-k", this.#socketPath, this.#file]
    this.#child = await startChild({ command, args })
    const deadline = performance.now() + answerMillis
    while (!(await answers(this.#socketPath)) && performance.now() < deadline) await delay(10)
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#starting
    this.#child?.signal("SIGKILL")
    await this.#child?.exited
    this.#child = undefined
  }
}
