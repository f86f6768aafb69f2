/**
 * CHAP with initiators of somebody else's: libiscsi's tools and QEMU, one-way and mutual, at discovery and at a target,
 * and turned away for each thing that is wrong.
 */
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { guideTargetName, setUpGuide } from "../support/guide.ts"
import { describeWithTools, qemuIscsiDriver } from "../support/requires-tool.ts"
import { freePort, startTarget, type TargetProcess } from "../support/target-process.ts"

const toolMillis = 20_000
const waiting = { timeout: 10_000, interval: 20 }
const user = "anna"
const secret = "anna-has-a-secret"
const targetUser = "disk1"
const targetSecret = "the-target-has-too"

let port = 0
let target: TargetProcess

interface Run {
  readonly code: number | null
  readonly text: string
}

const run = async (
  command: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
): Promise<Run> => {
  const { code, stderr, stdout } = await runCommand({ command, args, environment }, toolMillis)
  return { code, text: `${command} ${args.join(" ")}: ${stdout}${stderr}` }
}

const passes = ({ code, text }: Run): string => {
  assert.strictEqual(code, 0, text)
  return text
}
const fails = ({ code, text }: Run): void => assert.notStrictEqual(code, 0, text)

const url = (path: string, credentials = ""): string =>
  `iscsi://${credentials === "" ? "" : `${credentials}@`}127.0.0.1:${port}${path}`
const lun = `/${guideTargetName}/0`
const good = `${user}%${secret}`
const mutualOf = (password: string) => ({
  LIBISCSI_CHAP_TARGET_USERNAME: targetUser,
  LIBISCSI_CHAP_TARGET_PASSWORD: password
})

/** The log's records, as text. */
const records = async (): Promise<string> => JSON.stringify(await target.rpc.call("eventlog_tail", { count: 1000 }))

const required = { require_chap: true, chap_group: 1 }
const mutual = { ...required, mutual_chap: true }

describeWithTools(["iscsi-ls", "iscsi-inq", "qemu-img", qemuIscsiDriver], "CHAP", () => {
  beforeAll(async () => {
    port = await freePort()
    target = await startTarget()
    await setUpGuide(target.rpc, port)
    const secrets = [{ user, secret, muser: targetUser, msecret: targetSecret }]
    await target.rpc.call("iscsi_create_auth_group", { tag: 1, secrets })
  })
  afterAll(() => target?.[Symbol.asyncDispose]())

  it("of a target: libiscsi and QEMU prove themselves, and are turned away otherwise", async () => {
    await target.rpc.call("iscsi_target_node_set_auth", { name: guideTargetName, ...required })
    assert.include(passes(await run("iscsi-inq", [url(lun, good)])), "Peripheral Qualifier:CONNECTED")
    assert.include(passes(await run("qemu-img", ["info", url(lun, good)])), "64 MiB")
    for (const [index, credentials] of ["", `${user}%another-secret`, `nobody%${secret}`].entries()) {
      // Refusals of one initiator are told together after a while.
      fails(await run("iscsi-inq", ["-i", `iqn.2024-01.test:${index}`, url(lun, credentials)]))
    }
    fails(await run("qemu-img", ["info", url(lun, `${user}%another-secret`)]))
    // The target does not prove itself where that is not set; this initiator insists on it.
    fails(await run("iscsi-inq", [url(lun, good)], mutualOf(targetSecret)))
    await vi.waitFor(async () => {
      assert.match(await records(), /user \\"anna\\" of auth group 1 is wrong: it has another secret/)
      assert.match(await records(), /auth group 1 has no user \\"nobody\\"/)
    }, waiting)
    const told = await records()
    for (const text of [secret, targetSecret, "another-secret"]) assert.notInclude(`${told}${target.stderr()}`, text)
  })

  it("mutual: the initiator checks the target's answer, and one-way is not enough", async () => {
    await target.rpc.call("iscsi_target_node_set_auth", { name: guideTargetName, ...mutual })
    passes(await run("iscsi-inq", [url(lun, good)], mutualOf(targetSecret)))
    fails(await run("iscsi-inq", [url(lun, good)], mutualOf("not-what-it-has")))
    fails(await run("iscsi-inq", [url(lun, good)]))
  })

  it("of discovery: the list of targets is for who proves itself", async () => {
    await target.rpc.call("iscsi_set_discovery_auth", required)
    assert.include(passes(await run("iscsi-ls", [url("", good)])), guideTargetName)
    fails(await run("iscsi-ls", [url("")]))
    fails(await run("iscsi-ls", [url("", `${user}%another-secret`)]))
    await target.rpc.call("iscsi_set_discovery_auth", mutual)
    assert.include(passes(await run("iscsi-ls", [url("", good)], mutualOf(targetSecret))), guideTargetName)
    fails(await run("iscsi-ls", ["-i", "iqn.2024-01.test:one-way", url("", good)]))
    // Observations become durable a little later.
    await vi.waitFor(async () => assert.match(await records(), /did not ask for mutual CHAP/), waiting)
  })
})
