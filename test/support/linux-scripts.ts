/**
 * Runs scripts of `test/interop/linux-initiator/scripts` in the Linux guest against a server, several of them in one
 * guest, and gives what they print.
 */
import { join } from "node:path"
import { assert } from "vitest"
import { runCommand } from "./child-process.ts"
import { guideTargetName, setUpGuide } from "./guide.ts"
import { freePort, projectDirectory, startTarget, type TargetProcess } from "./target-process.ts"

const guestDirectory = join(projectDirectory, "test/interop/linux-initiator")
const scriptOf = (name: string): string => join(guestDirectory, "scripts", name)
/** Building the guest is for runs that begin with this test; `npm test` has built it before. */
const buildSeconds = 300
const nodeBase = "iqn.2016-06.io.spdk"

/** A script's name and its arguments. */
export type GuestScript = readonly [name: string, ...args: ReadonlyArray<string>]

/** A server as the scripts want it. */
export interface ScriptedTarget extends AsyncDisposable {
  readonly process: TargetProcess
  readonly port: string
  /** Discovery here has to authenticate. */
  readonly chapPort: string
  /** Names of the targets of chap.sh begin with this. */
  readonly nodeBase: string
  /** Two disks of 64 MiB without CHAP. */
  readonly name: string
  /** A removable one. */
  readonly mediaName: string
}

/** Milliseconds that a test with a guest of so many seconds may take. */
export const guestMillis = (seconds: number): number => (seconds + buildSeconds + 30) * 1000

const createChapTargets = async ({ rpc }: TargetProcess, chapPort: number): Promise<void> => {
  const groups = [
    [1, { user: "reader", secret: "reader-secret-16" }],
    [2, { user: "writer", secret: "writer-secret-16", muser: "target", msecret: "target-secret-16" }]
  ] as const
  for (const [tag, secret] of groups) await rpc.call("iscsi_create_auth_group", { tag, secrets: [secret] })
  const portals = [{ host: "127.0.0.1", port: String(chapPort) }]
  await rpc.call("iscsi_create_portal_group", { tag: 2, portals })
  await rpc.call("iscsi_portal_group_set_auth", { tag: 2, require_chap: true, chap_group: 1 })
  const targets = {
    chap: { require_chap: true, chap_group: 1 },
    mutual: { require_chap: true, mutual_chap: true, chap_group: 2 },
    open: { disable_chap: true }
  }
  for (const [name, auth] of Object.entries(targets)) {
    await rpc.call("bdev_null_create", { name, num_blocks: 2048, block_size: 512 })
    const luns = [{ bdev_name: name, lun_id: 0 }]
    const maps = [1, 2].map((tag) => ({ pg_tag: tag, ig_tag: 2 }))
    const target = { name: `${nodeBase}:${name}`, alias_name: "", pg_ig_maps: maps, luns, queue_depth: 64 }
    await rpc.call("iscsi_create_target_node", { ...target, ...auth })
  }
}

const createMediaTarget = async ({ rpc }: TargetProcess, name: string): Promise<void> => {
  await rpc.call("bdev_malloc_create", { name: "Media0", num_blocks: 131_072, block_size: 512, removable: true })
  const luns = [{ bdev_name: "Media0", lun_id: 0 }]
  const maps = [{ pg_tag: 1, ig_tag: 2 }]
  const target = { name, alias_name: "", pg_ig_maps: maps, luns, queue_depth: 64, disable_chap: true }
  await rpc.call("iscsi_create_target_node", target)
}

/** The guide's target, one with a removable disk, three for CHAP, and a portal group whose discovery wants CHAP. */
export const startScriptedTarget = async (args: ReadonlyArray<string> = []): Promise<ScriptedTarget> => {
  const process = await startTarget({ stateMode: "empty", args })
  const [port, chapPort] = [await freePort(), await freePort()]
  await setUpGuide(process.rpc, port)
  await createChapTargets(process, chapPort)
  const mediaName = `${nodeBase}:media`
  await createMediaTarget(process, mediaName)
  return {
    process,
    port: String(port),
    chapPort: String(chapPort),
    nodeBase,
    name: guideTargetName,
    mediaName,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]()
  }
}

/** Runs the scripts one after the other in one guest of at most `seconds`; a check that fails is a failure. */
export const runScripts = async (
  target: ScriptedTarget,
  seconds: number,
  scripts: ReadonlyArray<GuestScript>
): Promise<string> => {
  const files = [...new Set(scripts.map(([name]) => name))].flatMap((name) => ["--file", scriptOf(name)])
  const words = scripts.flatMap((script, index) => (index === 0 ? [...script] : ["--", ...script]))
  const result = await runCommand(
    {
      command: join(guestDirectory, "linux-initiator"),
      args: ["run", "--timeout", String(seconds), ...files, scriptOf("several.sh"), ...words]
    },
    guestMillis(seconds)
  )
  const said = `${result.stdout}\n${result.stderr}\n--- lunlog\n${target.process.stderr()}`
  assert.strictEqual(result.code, 0, said)
  assert.notMatch(result.stdout, /^not ok/mu, said)
  assert.lengthOf(result.stdout.match(/^all \d+ checks passed/gmu) ?? [], scripts.length, said)
  assert.strictEqual(target.process.exitStatus(), undefined, "the server still runs")
  return result.stdout
}
