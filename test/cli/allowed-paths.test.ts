/** A server that may use some paths only: whoever names another, by RPC, configuration or log, is told so. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { FakeSysfs } from "../support/fake-sysfs.ts"
import { connectRpc, RpcFailure } from "../support/rpc-client.ts"
import {
  makeDirectory,
  projectDirectory,
  removeDirectory,
  spawnTarget,
  startTarget,
  type TargetProcess
} from "../support/target-process.ts"

let directory: string

const at = (...names: ReadonlyArray<string>): string => join(directory, ...names)

beforeEach(() => {
  directory = fs.realpathSync(makeDirectory("paths"))
  for (const folder of ["disks", "others"]) {
    fs.mkdirSync(at(folder))
    fs.writeFileSync(at(folder, "disk"), Buffer.alloc(1024 * 1024))
  }
  fs.symlinkSync(at("others/disk"), at("disks/link"))
})

afterEach(() => removeDirectory(directory))

const start = (allowed: string, ...args: ReadonlyArray<string>): Promise<TargetProcess> =>
  startTarget({ directory, args: ["--allow-path", at(allowed), ...args] })

const aio = (name: string, filename: string) => ({ name, filename, block_size: 512 })

/** The message with which a call fails, after its code was looked at. */
const refusal = async ({ rpc }: TargetProcess, method: string, params: Record<string, unknown>): Promise<string> => {
  const error: unknown = await rpc.call(method, params).catch((reason: unknown) => reason)
  assert(error instanceof RpcFailure, `${method} ${JSON.stringify(params)} was not refused`)
  assert.strictEqual(error.code, -1, error.message)
  return `${error.message} ${JSON.stringify(error.data)}`
}

const statusOf = async ({ rpc }: TargetProcess): Promise<string> => JSON.stringify(await rpc.call("lunlog_status"))

describe.each(["main", "worker"])("by RPC, with the reactor in the %s thread", (reactor) => {
  it("makes disks of files under it, of no others, and not through links", async () => {
    await using target = await start("disks", "--reactor", reactor)
    assert.strictEqual(await target.rpc.call("bdev_aio_create", aio("In", at("disks/disk"))), "In")
    for (const path of [at("others/disk"), at("disks/link"), at("disks/../others/disk"), "/dev/null", "/etc/shadow"]) {
      const why = await refusal(target, "bdev_aio_create", aio("Out", path))
      assert.include(why, `--allow-${path === "/dev/null" ? "device" : "path"}`, path)
    }
    assert.notInclude(await statusOf(target), "Out")
  })
})

describe("by RPC", () => {
  it("writes what it is asked to write there, and nowhere else", async () => {
    await using target = await start("disks")
    await target.rpc.call("bdev_malloc_create", { name: "Ram", num_blocks: 2048, block_size: 512 })
    await target.rpc.call("lunlog_bdev_dump", { name: "Ram", file: at("disks/dump") })
    assert.strictEqual(fs.statSync(at("disks/dump")).mode & 0o777, 0o600)
    const why = await refusal(target, "lunlog_bdev_dump", { name: "Ram", file: at("others/dump") })
    assert.include(why, "--allow-path")
    assert.isFalse(fs.existsSync(at("others/dump")))
  })

  it("makes no disk of any kind elsewhere, whatever of it is a path", async () => {
    const tree = new FakeSysfs(directory)
    const traddr = "0000:01:00.0"
    tree.plug({ address: traddr, instance: 0, namespaces: [{ namespaceId: 1, byteLength: 1024 * 1024 }] })
    await using target = await start("disks", ...tree.flags)
    await target.rpc.call("bdev_null_create", { name: "Base", num_blocks: 2048, block_size: 512 })
    const geometry = { name: "Out", num_blocks: 2048, block_size: 512 }
    const disks: ReadonlyArray<readonly [method: string, params: Record<string, unknown>]> = [
      ["bdev_aio_create", { ...aio("Out", at("others/new")), create: true, size: "1M" }],
      ["bdev_uring_create", aio("Out", at("others/disk"))],
      ["bdev_malloc_create", { ...geometry, file: at("others/new") }],
      ["lunlog_overlay_create", { name: "Out", base_bdev_name: "Base", filename: at("others/new") }],
      ["bdev_nbd_create", { name: "Out", path: at("others/socket") }],
      ["bdev_nbd_create", { name: "Out", host: "127.0.0.1", port: 1, tls: true, tls_ca: at("others/disk") }],
      ["bdev_nvme_attach_controller", { name: "Out", trtype: "PCIe", traddr }]
    ]
    for (const [method, params] of disks) assert.include(await refusal(target, method, params), "--allow-path", method)
    assert.deepStrictEqual(fs.readdirSync(at("others")), ["disk"])
    const kept = { ...geometry, name: "Kept", file: at("disks/kept") }
    assert.strictEqual(await target.rpc.call("bdev_malloc_create", kept), "Kept")
    assert.strictEqual(fs.statSync(at("disks/kept")).mode & 0o777, 0o600)
  })

  it("opens nothing that is no disk, however it is named, and waits for none of it", async () => {
    await using target = await startTarget({ directory })
    execFileSync("mkfifo", [at("fifo")])
    fs.symlinkSync(at("loop"), at("loop"))
    const devices = ["/dev/null", "/dev/zero", "/dev/tty", "/dev/fd/0", "/dev/stdin"]
    const processes = ["/proc/self/mem", "/proc/self/fd/0", "/proc/1/root/etc/hostname", "/proc/kmsg"]
    const names = ["", "/", "relative", "/a\u0000b", `/${"x".repeat(300)}`, `/${"x/".repeat(3000)}`]
    for (const path of [...devices, ...processes, ...names, at("fifo"), at("loop"), at("rpc"), at("disks")]) {
      const params = { ...aio("Disk", path), readonly: true }
      const error: unknown = await target.rpc.call("bdev_aio_create", params).catch((reason: unknown) => reason)
      assert(error instanceof RpcFailure, `${path} is a disk`)
      assert.notInclude(JSON.stringify(error.data), "mistake")
    }
    assert.strictEqual(await target.rpc.call("bdev_aio_create", aio("Disk", at("others/disk"))), "Disk")
  })

  it("keeps its own files for itself, whatever is allowed", async () => {
    await using target = await startTarget({ directory })
    assert.strictEqual(await target.rpc.call("bdev_aio_create", aio("Any", at("others/disk"))), "Any")
    const why = await refusal(target, "bdev_aio_create", { ...aio("Key", at("state/secret-key")), block_size: 512 })
    assert.include(why, "belongs to the target itself")
  })
})

describe("a log", () => {
  it("with a disk that is not allowed any more is served without it, and says why", async () => {
    {
      await using target = await start("others")
      await target.rpc.call("bdev_aio_create", aio("Disk", at("others/disk")))
      assert.deepStrictEqual(await target.stop(), { code: 0, signal: null })
    }
    await using target = await start("disks")
    await vi.waitFor(async () => {
      const status = await statusOf(target)
      assert.match(status, /"failed"/)
      assert.include(status, `--allow-path: ${at("disks")}`)
      assert.match(target.stderr(), /bdev Disk is not open: .*may not be used/)
    }, 20_000)
  })
})

describe("a configuration", () => {
  const write = (name: string, text: string): string => {
    fs.writeFileSync(at(name), text, { mode: 0o600 })
    return at(name)
  }

  /** What a server says that does not start. */
  const refused = async (configFile: string): Promise<string> => {
    const child = await spawnTarget({ directory, configFile, args: ["--allow-path", at("disks")] })
    assert.strictEqual((await child.exited).code, 1)
    return child.stderr()
  }

  const secretFrom = (path: string): string =>
    `authGroups:\n  - name: hosts\n    secrets:\n      - { user: host, secret: "\${file:${path}}" }\n`

  it("names disks under it only", async () => {
    const configFile = write("lunlog.yaml", `bdevs: [{ type: aio, name: Disk, file: ${at("others/disk")} }]\n`)
    assert.match(await refused(configFile), /others\/disk may not be used: .*--allow-path/)
  })

  it("refers to files under it, and beside itself, and to no others", async () => {
    write("secret", "a secret of twelve\n")
    await (await start("disks", "-c", write("lunlog.yaml", secretFrom(at("secret"))))).stop()
    fs.symlinkSync("/etc/hostname", at("link"))
    for (const path of ["/etc/hostname", at("link")]) {
      assert.match(await refused(write("lunlog.yaml", secretFrom(path))), /may not be used: .*--allow-path/)
    }
    const including = write("lunlog.yaml", "include: [/etc/ssl/*.yaml]\n")
    assert.match(await refused(including), /may not be used: .*--allow-path/)
  })

  it("names an auth file that is allowed", async () => {
    const authFile = join(projectDirectory, "package.json")
    const configFile = write("lunlog.yaml", `options: { authFile: ${authFile} }\n`)
    assert.match(await refused(configFile), /auth file .* may not be used: .*--allow-path/)
  })
})

describe("a command line", () => {
  it("that allows what is not there is refused", async () => {
    const child = await spawnTarget({ directory, args: ["--allow-path", at("missing")] })
    assert.strictEqual((await child.exited).code, 1)
    assert.include(child.stderr(), `--allow-path ${at("missing")} cannot be used`)
    await connectRpc(at("rpc")).then(
      () => assert.fail("it serves"),
      () => undefined
    )
  })
})
