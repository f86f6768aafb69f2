/** NBD disks at qemu-nbd, qemu-storage-daemon and nbdkit: the driver by itself, without a target around it. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import {
  flush,
  nbdSpec,
  openDisk,
  openNbd,
  read,
  run,
  unmap,
  write,
  zeroes
} from "../../dataplane/bdev/nbd/nbd-support.ts"
import { makeRandom, runSeed } from "../../support/initiator/random.ts"
import {
  makeCertificates,
  makeImage,
  type NbdServerProcess,
  startNbdkit,
  startNbdkitOn,
  startQemuNbd,
  startStorageDaemon
} from "../../support/nbd-servers.ts"
import { describeWithTools } from "../../support/requires-tool.ts"
import { freePort, makeDirectory, removeDirectory } from "../../support/target-process.ts"
import { until } from "../../support/until.ts"

const mebibyte = 1024 * 1024
const folder = makeDirectory("nbd")
afterAll(() => removeDirectory(folder))

let count = 0
const inFolder = (name: string): string => join(folder, `${count++}-${name}`)

/** An image of 64 MiB behind each of them. */
const servers: Readonly<Record<string, () => Promise<NbdServerProcess>>> = {
  "qemu-nbd, raw": async () => {
    const file = inFolder("raw")
    writeFileSync(file, "")
    truncateSync(file, 64 * mebibyte)
    return startQemuNbd(inFolder("s"), file)
  },
  "qemu-nbd, qcow2": async () => {
    const file = inFolder("qcow2")
    await makeImage(file, "64M", "-f", "qcow2")
    return startQemuNbd(inFolder("s"), file, ["-f", "qcow2"])
  },
  "qemu-storage-daemon, qcow2": async () => {
    const file = inFolder("qcow2")
    await makeImage(file, "64M", "-f", "qcow2")
    return startStorageDaemon(inFolder("s"), file, "qcow2")
  },
  "qemu-storage-daemon, vmdk": async () => {
    const file = inFolder("vmdk")
    await makeImage(file, "64M", "-f", "vmdk")
    return startStorageDaemon(inFolder("s"), file, "vmdk")
  },
  "nbdkit, memory": () => startNbdkit(inFolder("s"), "memory", "64M"),
  "nbdkit, file": () => {
    const file = inFolder("raw")
    writeFileSync(file, "")
    truncateSync(file, 64 * mebibyte)
    return startNbdkit(inFolder("s"), "file", file)
  }
}

const exportOf = (name: string): string => (name.startsWith("qemu-storage-daemon") ? "disk" : "")

const descriptors = (): number => readdirSync("/proc/self/fd").length

describeWithTools(["qemu-nbd", "qemu-img", "qemu-storage-daemon", "nbdkit", "openssl"], "NBD servers", () => {
  describe.each(Object.keys(servers))("%s", (name) => {
    it("keeps what is written, zeroed and unmapped, as a buffer in memory does", { timeout: 60_000 }, async () => {
      await using server = (await servers[name]?.()) ?? assert.fail()
      await using open = await openDisk(nbdSpec({ path: server.path }, { exportName: exportOf(name) }))
      const { disk } = open
      assert.deepStrictEqual([disk.blockCount, disk.writeCache, disk.thin], [131_072, true, true])
      // All of it is a hole, and is known to be.
      assert.isBelow(await run(disk, 0, 64 * mebibyte), 0)
      const random = makeRandom(runSeed(7))
      const model = Buffer.alloc(8 * mebibyte)
      for (let round = 0; round < 60; round++) {
        const at = 512 * random.between(0, 16_000)
        const bytes = 512 * random.pick([1, 2, 8, 127, 380])
        const kind = random.below(8)
        if (kind < 4) {
          const data = Buffer.alloc(bytes, random.bytes(64))
          assert.strictEqual(await write(disk, at, data, kind === 0).answered, IoStatus.ok)
          data.copy(model, at)
        } else if (kind < 6) {
          const done = kind === 4 ? unmap(disk, at, bytes) : zeroes(disk, at, bytes, random.chance(0.5))
          assert.strictEqual(await done, IoStatus.ok)
          model.fill(0, at, at + bytes)
        } else if (kind === 6) assert.strictEqual(await flush(disk).answered, IoStatus.ok)
        else {
          const got = Buffer.alloc(bytes, 0xff)
          assert.strictEqual(await read(disk, at, got).answered, IoStatus.ok)
          assert.isTrue(got.equals(model.subarray(at, at + bytes)), `round ${round}`)
        }
      }
      const whole = Buffer.alloc(8 * mebibyte, 0xff)
      assert.strictEqual(await read(disk, 0, whole).answered, IoStatus.ok)
      assert.isTrue(whole.equals(model))
      assert.deepStrictEqual(open.told, { news: [], failures: [] })
    })

    it("does many things at once, over as many connections as it allows", { timeout: 60_000 }, async () => {
      await using server = (await servers[name]?.()) ?? assert.fail()
      await using open = await openDisk(nbdSpec({ path: server.path }, { exportName: exportOf(name) }))
      const writes = Array.from({ length: 400 }, (_, at) =>
        write(open.disk, 65_536 * at, Buffer.alloc(65_536, at % 251))
      )
      for (const io of writes) assert.strictEqual(await io.answered, IoStatus.ok)
      const buffers = writes.map(() => Buffer.alloc(65_536, 0xff))
      const reads = buffers.map((buffer, at) => read(open.disk, 65_536 * at, buffer))
      for (const io of reads) assert.strictEqual(await io.answered, IoStatus.ok)
      assert.isTrue(buffers.every((buffer, at) => buffer.equals(Buffer.alloc(65_536, at % 251))))
    })
  })

  describe("nbdkit with filters", () => {
    const opening = async (args: ReadonlyArray<string>, changes = {}) => {
      const server = await startNbdkit(inFolder("s"), ...args)
      return { server, spec: nbdSpec({ path: server.path }, changes) }
    }
    const refusal = async (args: ReadonlyArray<string>, changes = {}): Promise<string> => {
      const { server, spec } = await opening(args, changes)
      const result = await openNbd(spec)
      await server.kill()
      return result._tag === "BdevFailure" ? `${result.code}: ${result.detail}` : "it is open"
    }
    const blockPolicy = ["--filter=blocksize-policy", "memory", "16M"]
    const strict = [
      "blocksize-minimum=4K",
      "blocksize-preferred=64K",
      "blocksize-maximum=64K",
      "blocksize-error-policy=error"
    ]

    it("that demand blocks of 4 KiB and at most 64 KiB at once get them, or are refused", async () => {
      assert.match(await refusal([...blockPolicy, ...strict]), /EINVAL: .*nothing below 4096 bytes/)
      const { server, spec } = await opening([...blockPolicy, ...strict], { blockSize: 4096 })
      await using _ = server
      await using open = await openDisk(spec)
      const data = Buffer.alloc(mebibyte, makeRandom(1).bytes(4096 - 1))
      assert.strictEqual(await write(open.disk, 4096, data).answered, IoStatus.ok)
      const got = Buffer.alloc(mebibyte)
      assert.strictEqual(await read(open.disk, 4096, got).answered, IoStatus.ok)
      assert.isTrue(got.equals(data))
      assert.strictEqual(await unmap(open.disk, 0, 8 * mebibyte), IoStatus.ok)
    })

    it("that make errors: the IO fails as they say", async () => {
      const { server, spec } = await opening(["--filter=error", "memory", "16M", "error=EIO", "error-rate=100%"])
      await using _ = server
      await using open = await openDisk(spec)
      assert.strictEqual(await read(open.disk, 0, Buffer.alloc(512)).answered, IoStatus.mediumError)
      assert.strictEqual(await write(open.disk, 512, Buffer.alloc(512)).answered, IoStatus.mediumError)
      assert.deepStrictEqual(open.told.failures, ["read EIO at 0", "write EIO at 512"])
    })

    it("that are out of room, read-only, without zeros, without extents, without FUA", async () => {
      const full = await opening(["--filter=error", "memory", "16M", "error-pwrite=ENOSPC", "error-pwrite-rate=100%"])
      await using _full = full.server
      await using fullDisk = await openDisk(full.spec)
      assert.strictEqual(await write(fullDisk.disk, 0, Buffer.alloc(512)).answered, IoStatus.noSpace)

      assert.match(await refusal(["-r", "memory", "16M"]), /EROFS: .*read-only/)
      const readOnly = await opening(["-r", "memory", "16M"], { readOnly: true })
      await using _readOnly = readOnly.server
      await using readOnlyDisk = await openDisk(readOnly.spec)
      assert.strictEqual(await read(readOnlyDisk.disk, 0, Buffer.alloc(512)).answered, IoStatus.ok)
      assert.strictEqual(await write(readOnlyDisk.disk, 0, Buffer.alloc(512)).answered, IoStatus.writeProtected)

      const plain = ["--filter=nozero", "--filter=noextents", "--filter=fua", "memory", "16M"]
      const bare = await opening(plain)
      await using _bare = bare.server
      await using bareDisk = await openDisk(bare.spec)
      assert.isFalse(bareDisk.disk.thin)
      assert.strictEqual(await write(bareDisk.disk, 0, Buffer.alloc(8192, 1), true).answered, IoStatus.ok)
      assert.strictEqual(await unmap(bareDisk.disk, 512, 1024), IoStatus.ok)
      const got = Buffer.alloc(2048)
      assert.strictEqual(await read(bareDisk.disk, 0, got).answered, IoStatus.ok)
      assert.isTrue(got.equals(Buffer.concat([Buffer.alloc(512, 1), Buffer.alloc(1024), Buffer.alloc(512, 1)])))
      assert.isAbove(await run(bareDisk.disk, 0, 4096), 0)
    })

    it("that are huge, or of an odd size", async () => {
      assert.match(
        await refusal(["null", "7E"]),
        /EFBIG: .* has an export of \d+ bytes; disks here have less than 8 PiB/
      )
      assert.match(await refusal(["memory", "1000001"]), /EINVAL: .* no whole blocks of 512 bytes/)
      const { server, spec } = await opening(["memory", "4P"])
      await using _ = server
      await using open = await openDisk(spec)
      const end = 2 ** 52 - 512
      assert.strictEqual(await write(open.disk, end, Buffer.alloc(512, 5)).answered, IoStatus.ok)
      const got = Buffer.alloc(1024)
      assert.strictEqual(await read(open.disk, end - 512, got).answered, IoStatus.ok)
      assert.isTrue(got.equals(Buffer.concat([Buffer.alloc(512), Buffer.alloc(512, 5)])))
    })

    it("that answer in pieces with holes: random data here and there", async () => {
      const { server, spec } = await opening(
        ["-r", "sparse-random", "size=16M", "seed=1", "percent=50", "runlength=16"],
        {
          readOnly: true
        }
      )
      await using _ = server
      await using open = await openDisk(spec)
      const whole = Buffer.alloc(16 * mebibyte, 0xff)
      assert.strictEqual(await read(open.disk, 0, whole).answered, IoStatus.ok)
      for (let at = 0; at < 16 * mebibyte; ) {
        const length = await run(open.disk, at, 16 * mebibyte - at)
        if (length < 0) assert.isTrue(whole.subarray(at, at - length).every((byte) => byte === 0))
        at += Math.abs(length)
      }
      assert.isTrue(whole.some((byte) => byte !== 0))
    })
  })

  describe("TLS", () => {
    it("proves who the server is, and who the target; nothing goes in clear", { timeout: 60_000 }, async () => {
      const directory = inFolder("pki")
      const other = inFolder("pki")
      await Promise.all([makeCertificates(directory), makeCertificates(other)])
      const tls = { ca: join(directory, "ca-cert.pem"), serverName: "nbd.example" }
      const own = { certificate: join(directory, "client-cert.pem"), key: join(directory, "client-key.pem") }
      const nbdkit = await startNbdkit(
        inFolder("s"),
        "--tls=require",
        `--tls-certificates=${directory}`,
        "memory",
        "16M"
      )
      await using _nbdkit = nbdkit
      const creds = `tls-creds-x509,id=tls0,endpoint=server,dir=${directory},verify-peer=on`
      const file = inFolder("raw")
      writeFileSync(file, Buffer.alloc(mebibyte))
      const qemu = await startQemuNbd(inFolder("s"), file, ["-f", "raw", "--object", creds, "--tls-creds", "tls0"])
      await using _qemu = qemu
      for (const [path, given] of [
        [nbdkit.path, tls],
        [qemu.path, { ...tls, ...own }]
      ] as const) {
        await using open = await openDisk(nbdSpec({ path }, { tls: given }))
        const data = Buffer.alloc(300_032, makeRandom(2).bytes(1021))
        assert.strictEqual(await write(open.disk, 512, data, true).answered, IoStatus.ok)
        const got = Buffer.alloc(data.length)
        assert.strictEqual(await read(open.disk, 512, got).answered, IoStatus.ok)
        assert.isTrue(got.equals(data))
      }
      const refusal = async (path: string, changes: object): Promise<string> => {
        const result = await openNbd(nbdSpec({ path }, changes))
        if (result._tag === "BdevFailure") return result.detail
        result.bdev.close()
        return "it is open"
      }
      assert.match(await refusal(nbdkit.path, {}), /demands TLS; give tls/)
      assert.match(
        await refusal(nbdkit.path, { tls: { ...tls, ca: join(other, "ca-cert.pem") } }),
        /cannot be used: .*certificate/
      )
      assert.match(
        await refusal(nbdkit.path, { tls: { ...tls, serverName: "other.example" } }),
        /cannot be used: .*other\.example/
      )
      assert.match(
        await refusal(nbdkit.path, { tls: { ...tls, ca: "/nowhere/ca.pem" } }),
        /the TLS file \/nowhere\/ca\.pem cannot be read: ENOENT/
      )
      await using clear = await startNbdkit(inFolder("s"), "memory", "16M")
      assert.match(await refusal(clear.path, { tls }), /asked for TLS and .*not used in clear/)
    })
  })

  describe("TCP", () => {
    it("carries the same, in clear and over TLS with a certificate for the address", { timeout: 60_000 }, async () => {
      const directory = inFolder("pki")
      await makeCertificates(directory)
      const ca = join(directory, "ca-cert.pem")
      const secure = ["--tls=require", `--tls-certificates=${directory}`]
      for (const [options, tls] of [
        [[], undefined],
        [secure, { ca }],
        [secure, { ca, serverName: "nbd.example" }]
      ] as const) {
        const port = await freePort()
        await using _server = await startNbdkitOn(port, ...options, "memory", "64M")
        const server = { host: "127.0.0.1", port }
        await using open = await openDisk(nbdSpec(server, tls === undefined ? {} : { tls }))
        const data = Buffer.alloc(8 * mebibyte, makeRandom(4).bytes(8191))
        assert.strictEqual(await write(open.disk, 4096, data).answered, IoStatus.ok)
        const got = Buffer.alloc(data.length)
        assert.strictEqual(await read(open.disk, 4096, got).answered, IoStatus.ok)
        assert.isTrue(got.equals(data))
      }
    })
  })

  describe("a server that is killed under IO", () => {
    it("and started again: every write that was answered is there, none is lost or torn", {
      timeout: 60_000
    }, async () => {
      const file = inFolder("raw")
      const path = inFolder("s")
      writeFileSync(file, "")
      truncateSync(file, 16 * mebibyte)
      let server = await startQemuNbd(path, file)
      {
        await using open = await openDisk(nbdSpec({ path }))
        const answered = new Map<number, number>()
        let stamp = 1
        let isOver = false
        const writer = async (first: number): Promise<void> => {
          for (let at = first; !isOver; at = first + ((at - first + 16) % 4096)) {
            stamp = (stamp % 250) + 1
            const now = stamp
            assert.strictEqual(await write(open.disk, 4096 * at, Buffer.alloc(4096, now), true).answered, IoStatus.ok)
            answered.set(at, now)
          }
        }
        const writers = Array.from({ length: 16 }, (_, first) => writer(first))
        for (let death = 0; death < 4; death++) {
          const before = stamp
          await until("there is IO", () => stamp !== before)
          await new Promise((resolve) => setTimeout(resolve, 50))
          await server.kill()
          server = await startQemuNbd(path, file)
        }
        isOver = true
        await Promise.all(writers)
        assert.strictEqual(open.disk.syncFailures, 0)
        const found = readFileSync(file)
        for (const [at, value] of answered) {
          assert.isTrue(found.subarray(4096 * at, 4096 * at + 4096).equals(Buffer.alloc(4096, value)), `block ${at}`)
        }
      }
      await server.kill()
    })

    it("or stopped, so that it hangs: the disk closes all the same, and no descriptor stays", {
      timeout: 60_000
    }, async () => {
      const before = descriptors()
      const server = await startNbdkit(inFolder("s"), "memory", "16M")
      const { disk } = await openDisk(nbdSpec({ path: server.path }))
      assert.strictEqual(await write(disk, 0, Buffer.alloc(512)).answered, IoStatus.ok)
      server.child.signal("SIGSTOP")
      await until("all of it is stopped", () => / T /.test(readFileSync(`/proc/${server.pid}/stat`, "utf8")))
      const hanging = read(disk, 0, Buffer.alloc(512))
      disk.close()
      await new Promise<void>((resolve) => disk.whenClosed(resolve))
      assert.deepStrictEqual(hanging.answers, [IoStatus.aborted])
      await server.kill()
      await until("no descriptor is left", () => descriptors() <= before)
    })
  })
})
