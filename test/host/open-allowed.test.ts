/** Paths that somebody else has named: what may be opened, and that links, also ones that change, lead nowhere else. */
import * as fs from "node:fs"
import { constants } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { type AllowedPaths, PathRefused } from "../../src/host/AllowedPaths.ts"
import { openAllowed, pinPath, withAllowedEntry } from "../../src/host/open-allowed.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"

const { O_CREAT, O_RDONLY, O_RDWR } = constants

let directory: string
let allowed: AllowedPaths

const at = (...names: ReadonlyArray<string>): string => join(directory, ...names)

beforeEach(() => {
  directory = fs.realpathSync(makeDirectory("allowed"))
  for (const folder of ["disks", "disks/inner", "disks-not", "state", "state/log"]) fs.mkdirSync(at(folder))
  for (const file of ["disks/a", "disks/inner/b", "disks-not/c", "outside", "state/log/db"]) {
    fs.writeFileSync(at(file), file)
  }
  allowed = { own: [at("state/log")], restriction: { paths: [at("disks")], devices: [] } }
})

afterEach(() => removeDirectory(directory))

const content = async (path: string, among = allowed): Promise<string> => {
  const descriptor = await openAllowed(among, path, O_RDONLY)
  const text = fs.readFileSync(descriptor, "utf8")
  fs.closeSync(descriptor)
  return text
}

/** The name of the error, or undefined if it can be opened. */
const failure = async (path: string, flags = O_RDONLY, among = allowed): Promise<string | undefined> => {
  try {
    fs.closeSync(await openAllowed(among, path, flags))
    return undefined
  } catch (error) {
    assert(error instanceof Error && "code" in error)
    return error instanceof PathRefused ? "refused" : String(error.code)
  }
}

describe("with --allow-path", () => {
  it("opens what is under it, by whatever path", async () => {
    fs.symlinkSync(at("disks"), at("link"))
    fs.symlinkSync("a", at("disks/other-name"))
    assert.strictEqual(await content(at("disks/a")), "disks/a")
    assert.strictEqual(await content(at("disks/inner/../a")), "disks/a")
    assert.strictEqual(await content(at("link/inner/b")), "disks/inner/b")
    assert.strictEqual(await content(at("disks/other-name")), "disks/a")
  })

  it.each(["outside", "disks/../outside", "disks-not/c", "missing", "state/log/db", "disks/inner/../../outside"])(
    "refuses %s",
    async (path) => {
      assert.strictEqual(await failure(at(path)), "refused")
    }
  )

  it("refuses links that lead out of it, also in the middle of a path", async () => {
    fs.symlinkSync(at("outside"), at("disks/link"))
    fs.symlinkSync(at("disks-not"), at("disks/folder"))
    fs.symlinkSync("/proc/self/root", at("disks/root"))
    assert.strictEqual(await failure(at("disks/link")), "refused")
    assert.strictEqual(await failure(at("disks/folder/c")), "refused")
    assert.strictEqual(await failure(at("disks/root/etc/passwd")), "refused")
  })

  it("refuses descriptors that the process has open", async () => {
    const descriptor = fs.openSync(at("outside"), "r")
    assert.strictEqual(await failure(`/proc/self/fd/${descriptor}`), "refused")
    fs.closeSync(descriptor)
  })

  it("refuses paths that are not absolute", async () => {
    assert.strictEqual(await failure("disks/a"), "refused")
    assert.strictEqual(await failure(""), "refused")
  })

  it("tells only who may use it that there is nothing", async () => {
    fs.symlinkSync(at("disks"), at("link"))
    assert.strictEqual(await failure(at("disks/missing")), "ENOENT")
    assert.strictEqual(await failure(at("link/missing")), "ENOENT")
    assert.strictEqual(await failure(at("outside/missing")), "refused")
  })

  it("says which are allowed, and how to allow another", async () => {
    const error: unknown = await openAllowed(allowed, at("outside"), O_RDONLY).catch((reason: unknown) => reason)
    assert(error instanceof Error)
    assert.include(error.message, at("outside"))
    assert.include(error.message, `--allow-path: ${at("disks")}`)
  })

  it("opens what it has checked when links change meanwhile", async () => {
    fs.symlinkSync(at("disks/a"), at("disks/link"))
    const descriptor = await openAllowed(allowed, at("disks/link"), O_RDONLY, 0, async (path, flags) => {
      fs.unlinkSync(at("disks/link"))
      fs.symlinkSync(at("outside"), at("disks/link"))
      return fs.openSync(path, flags)
    })
    assert.strictEqual(fs.readFileSync(descriptor, "utf8"), "disks/a")
    fs.closeSync(descriptor)
  })
})

describe("a new file", () => {
  it("is made under it, for the user alone", async () => {
    fs.closeSync(await openAllowed(allowed, at("disks/inner/new"), O_RDWR | O_CREAT))
    assert.strictEqual(fs.statSync(at("disks/inner/new")).mode & 0o777, 0o600)
  })

  it("has to be new, and is no link", async () => {
    fs.symlinkSync(at("outside-new"), at("disks/link"))
    assert.strictEqual(await failure(at("disks/a"), O_RDWR | O_CREAT), "EEXIST")
    assert.strictEqual(await failure(at("disks/link"), O_RDWR | O_CREAT), "EEXIST")
    assert.isFalse(fs.existsSync(at("outside-new")))
  })

  it("is not made elsewhere, nor over links, nor without a name", async () => {
    fs.symlinkSync(at("disks-not"), at("disks/folder"))
    for (const path of ["new", "disks/../new", "disks/folder/new", "state/log/new", "disks-not/missing/new"]) {
      assert.strictEqual(await failure(at(path), O_RDWR | O_CREAT), "refused", path)
    }
    assert.strictEqual(await failure(`${at("disks")}/..`, O_RDWR | O_CREAT), "refused")
    assert.deepStrictEqual(fs.readdirSync(at("disks-not")), ["c"])
    assert.isFalse(fs.existsSync(at("new")))
  })

  it("is taken away again where it was made", async () => {
    fs.symlinkSync(at("disks/inner"), at("disks/folder"))
    await withAllowedEntry(allowed, at("disks/folder/b"), async (entry) => {
      fs.unlinkSync(at("disks/folder"))
      fs.symlinkSync(at("disks-not"), at("disks/folder"))
      fs.unlinkSync(entry)
    })
    assert.deepStrictEqual(fs.readdirSync(at("disks/inner")), [])
    const refused = await withAllowedEntry(allowed, at("disks/folder/c"), () => Promise.resolve()).catch(String)
    assert.include(refused, "may not be used")
  })

  it("is made in the folder that was checked when links change meanwhile", async () => {
    fs.symlinkSync(at("disks/inner"), at("disks/folder"))
    const create = openAllowed(allowed, at("disks/folder/new"), O_RDWR | O_CREAT, 0o600, async (path, flags, mode) => {
      fs.unlinkSync(at("disks/folder"))
      fs.symlinkSync(at("disks-not"), at("disks/folder"))
      return fs.openSync(path, flags, mode)
    })
    fs.closeSync(await create)
    assert.deepStrictEqual(fs.readdirSync(at("disks/inner")).toSorted(), ["b", "new"])
    assert.deepStrictEqual(fs.readdirSync(at("disks-not")), ["c"])
  })
})

describe("devices", () => {
  it("are refused under an allowed path, and allowed by their own flag", async () => {
    const anyPath: AllowedPaths = { own: [], restriction: { paths: ["/"], devices: [] } }
    assert.strictEqual(await failure("/dev/null", O_RDWR, anyPath), "refused")
    assert.strictEqual(await failure(at("outside"), O_RDONLY, anyPath), undefined)
    const device: AllowedPaths = { own: [], restriction: { paths: [], devices: ["/dev/null"] } }
    assert.strictEqual(await failure("/dev/null", O_RDWR, device), undefined)
    assert.strictEqual(await failure("/dev/zero", O_RDWR, device), "refused")
    assert.strictEqual(await failure(at("outside"), O_RDONLY, device), "refused")
  })
})

describe("a socket", () => {
  it("can be connected to by what was checked", async () => {
    const server = createServer()
    await new Promise<void>((listening) => server.listen(at("disks/socket"), listening))
    const pinned = await pinPath(allowed, at("disks/socket"))
    assert.strictEqual(pinned.kind, "file")
    assert.strictEqual(pinned.realPath, at("disks/socket"))
    assert.isTrue(fs.statSync(pinned.path).isSocket())
    await pinned.release()
    server.close()
  })
})

describe("without --allow-path", () => {
  it("everything may be used but what the target keeps for itself", async () => {
    const own: AllowedPaths = { own: [at("state/log")] }
    fs.symlinkSync(at("state/log/db"), at("link"))
    assert.strictEqual(await content(at("outside"), own), "outside")
    assert.strictEqual(await failure("/dev/null", O_RDWR, own), undefined)
    assert.strictEqual(await failure(at("missing"), O_RDONLY, own), "ENOENT")
    assert.strictEqual(await failure(at("state/log/db"), O_RDONLY, own), "refused")
    assert.strictEqual(await failure(at("link"), O_RDONLY, own), "refused")
    assert.strictEqual(await failure(at("state/log/new"), O_RDWR | O_CREAT, own), "refused")
    assert.isFalse(fs.existsSync(at("state/log/new")))
  })
})
