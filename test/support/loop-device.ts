/**
 * Loop devices: files that Linux makes block devices of. They need root and a kernel that lets us; suites that need
 * them are skipped with the reason in their name where that is refused, as in most containers.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe } from "vitest"
import { guard, unguard } from "./guardian.ts"
import { findTool, missingTools } from "./requires-tool.ts"

/** For a tool that hangs, in milliseconds. */
const timeoutMillis = 20_000

const losetup = (...args: ReadonlyArray<string>): string =>
  execFileSync(findTool("losetup") ?? "losetup", args, { encoding: "utf8", timeout: timeoutMillis, stdio: "pipe" })

const attached = new Set<LoopDevice>()

/** How to attach. */
export interface LoopOptions {
  /** Bytes; 512 if it is left out. */
  readonly logicalBlockSize?: number
  readonly readOnly?: boolean
  /** Its partitions become devices, too. */
  readonly partitions?: boolean
  /** Its IO goes to the file past the page cache. */
  readonly direct?: boolean
}

/** A file as a block device, until it is detached or the process ends. */
export class LoopDevice {
  /** As `/dev/loop0`. */
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Attaches `file` to a device that is free; throws with what `losetup` says. */
  static attach(file: string, options: LoopOptions = {}): LoopDevice {
    const { direct, logicalBlockSize, partitions, readOnly } = options
    const path = losetup(
      "--find",
      "--show",
      ...(logicalBlockSize === undefined ? [] : ["--sector-size", String(logicalBlockSize)]),
      ...(readOnly === true ? ["--read-only"] : []),
      ...(partitions === true ? ["--partscan"] : []),
      ...(direct === true ? ["--direct-io=on"] : []),
      file
    ).trim()
    const device = new LoopDevice(path)
    attached.add(device)
    guard(`loop:${path}`)
    return device
  }

  /** The name in `/sys/block`, as `loop0`. */
  get name(): string {
    return this.path.slice("/dev/".length)
  }

  /** The device takes the size that its file has now (`losetup -c`). */
  takeFileSize(): void {
    losetup("--set-capacity", this.path)
  }

  /** Lets the file go, once. While somebody has the device open, the kernel puts that off and IO goes on. */
  detach(): void {
    if (!attached.delete(this)) return
    losetup("--detach", this.path)
    unguard(`loop:${this.path}`)
  }

  [Symbol.dispose](): void {
    this.detach()
  }
}

const refusal = (): string | undefined => {
  const missing = missingTools(["losetup"])
  if (missing !== undefined) return `it ${missing}`
  const folder = mkdtempSync(join(tmpdir(), "lunlog-loop-"))
  const file = join(folder, "disk")
  try {
    writeFileSync(file, "")
    truncateSync(file, 1024 * 1024)
    LoopDevice.attach(file).detach()
    return undefined
  } catch (error) {
    const [first] = (error instanceof Error ? error.message : String(error)).split("\n").slice(-2)
    return `loop devices cannot be had here: ${first}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Why there are no loop devices here, or undefined: tried once, when this file is loaded. */
export const loopDeviceRefusal: string | undefined = refusal()

/** `describe` for a suite that needs loop devices. */
export const describeWithLoopDevices = (name: string, suite: () => void): void => {
  if (loopDeviceRefusal === undefined) describe(name, suite)
  else describe.skip(`${name} (skipped: ${loopDeviceRefusal})`, suite)
}
