/** The state as a native file: what it says, and that it makes the same state and the same file again. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import type { ConfigFiles } from "../../src/config/native/ConfigFiles.ts"
import { noConfigFiles } from "../../src/config/native/ConfigFiles.ts"
import { exportNative } from "../../src/config/native/export-native.ts"
import { partOfState } from "../../src/config/native/part-of-state.ts"
import { secretKey } from "../../src/config/native/secret-references.ts"
import { sealingContext } from "../../src/domain/auth/AuthGroup.ts"
import { defaultHistogram, noQos } from "../../src/domain/bdev/Bdev.ts"
import type { Command } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import { noAuth } from "../../src/domain/options/IscsiOptions.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import { authGroupsOf, initiatorGroupsOf, type State } from "../../src/domain/State.ts"
import { savedConfig } from "../../src/rpc/saved-config.ts"
import { diceOf, randomCommand } from "../domain/random.ts"
import { fold, type History } from "../domain/specification.ts"
import { carryOut, desiredOf, nothing, openSecrets, readText } from "./support.ts"

const exported = (state: State, isWhole = true) => exportNative(state, { isWhole })

/** A secret for every variable. */
const anyVariables: ConfigFiles = { ...noConfigFiles, environment: (name) => `secret of ${name}` }

const stateOf = (text: string) => desiredOf(readText(text, anyVariables)).state

/** The secrets of `openSecrets`. */
const secretsOf = (state: State): ReadonlyMap<string, string> =>
  new Map(
    authGroupsOf(state).flatMap(({ secrets, tag }) =>
      secrets.flatMap(({ mutual, secret, user }) => [
        [secretKey(tag, user, "secret"), secret.sealed] as const,
        ...(mutual === undefined ? [] : [[secretKey(tag, user, "msecret"), mutual.secret.sealed] as const])
      ])
    )
  )

const sealed = (user: string, text: string, direction: "secret" | "msecret" = "secret") =>
  Effect.runSync(openSecrets.seal(sealingContext(3, user, direction), text))

const commands: ReadonlyArray<Command> = [
  {
    _tag: "CreateBdev",
    name: "Malloc0",
    bdev: { _tag: "Malloc", blockCount: 131072, blockSize: 512, physicalBlockSize: 4096, optimalIoBoundary: 8 }
  },
  {
    _tag: "CreateBdev",
    name: "slow",
    uuid: "6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11",
    bdev: {
      _tag: "Delay",
      base: "Malloc0",
      averageReadMicros: 500,
      p99ReadMicros: 1000,
      averageWriteMicros: 0,
      p99WriteMicros: 2_000_000
    }
  },
  { _tag: "SetBdevQos", name: "Malloc0", ...noQos, readWriteIops: 2000, writeMiBPerSecond: 5 },
  {
    _tag: "CreateBdev",
    name: "N",
    bdev: { _tag: "Null", blockCount: 3, blockSize: 4096, physicalBlockSize: 0, removable: true }
  },
  {
    _tag: "CreateAuthGroup",
    tag: 3,
    name: "hosts",
    secrets: [
      {
        user: "iqn.a:b",
        secret: sealed("iqn.a:b", "abcdefghijkl"),
        muser: "t",
        msecret: sealed("iqn.a:b", "m", "msecret")
      },
      { user: "iqn.a_b", secret: sealed("iqn.a_b", `\${env:x}`) }
    ]
  },
  {
    _tag: "CreatePortalGroup",
    tag: 1,
    name: "front",
    portals: [
      { host: "127.0.0.1", port: 3260 },
      { host: "[*]", port: 3261 }
    ],
    private: false,
    wait: true
  },
  { _tag: "SetPortalGroupAuth", tag: 1, auth: { ...noAuth, requireChap: true, chapGroup: 3 } },
  { _tag: "CreateInitiatorGroup", tag: 2, initiators: ["ANY"], netmasks: ["10.0.0.0/8", "[fd00::]/64"] },
  {
    _tag: "CreateTargetNode",
    name: "disk1",
    alias: `costs \${5}`,
    maps: [{ portalGroup: 1, initiatorGroup: 2 }],
    luns: [
      { lun: 7, bdev: "slow" },
      { lun: 0, bdev: "N" }
    ],
    queueDepth: 32,
    auth: noAuth,
    headerDigest: true,
    dataDigest: false,
    requireLunZero: false
  },
  {
    _tag: "SetTargetNodeRedirect",
    target: "iqn.2016-06.io.spdk:disk1",
    portalGroup: 1,
    host: "10.0.0.1",
    port: 3260,
    permanent: true
  },
  { _tag: "SetTargetNodeHistogram", target: "iqn.2016-06.io.spdk:disk1", enabled: true },
  { _tag: "SetBdevHistogram", name: "Malloc0", histogram: { ...defaultHistogram, granularity: 5, ioType: "read" } },
  { _tag: "SetBdevHistogram", name: "N", histogram: defaultHistogram }
]

const expected = `# Configuration of lunlog, exported.
# Secrets are taken from the environment: see the variables of authGroups.
options:
  nodeBase: iqn.2016-06.io.spdk
bdevs:
  - type: malloc
    name: Malloc0
    size: 64MiB
    physicalBlockSize: 4096
    optimalIoBoundary: 8
    qos: { readWriteIops: 2000, writeMiBPerSecond: 5 }
    histogram: { granularity: 5, ioType: read }
  - type: delay
    name: slow
    uuid: 6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11
    base: Malloc0
    averageRead: 500us
    p99Read: 1ms
    averageWrite: 0us
    p99Write: 2s
  - type: "null"
    name: N
    size: 12288
    blockSize: 4096
    removable: true
    histogram: {}
authGroups:
  - name: hosts
    tag: 3
    secrets:
      - user: iqn.a:b
        secret: \${env:LUNLOG_SECRET_HOSTS_IQN_A_B}
        mutualUser: t
        mutualSecret: \${env:LUNLOG_MUTUAL_SECRET_HOSTS_IQN_A_B}
      - { user: iqn.a_b, secret: "\${env:LUNLOG_SECRET_HOSTS_IQN_A_B_2}" }
portalGroups:
  - name: front
    tag: 1
    portals: [ 127.0.0.1:3260, "[*]:3261" ]
    wait: true
    auth: { requireChap: true, chapGroup: hosts }
initiatorGroups:
  - tag: 2
    initiators: [ ANY ]
    netmasks: [ 10.0.0.0/8, "[fd00::]/64" ]
targets:
  - name: iqn.2016-06.io.spdk:disk1
    alias: costs $\${5}
    maps:
      - { portalGroup: front, initiatorGroup: 2 }
    luns:
      - { lun: 0, bdev: N }
      - { lun: 7, bdev: slow }
    redirects:
      - { portalGroup: front, to: 10.0.0.1:3260, permanent: true }
    queueDepth: 32
    headerDigest: true
    histogram: true
`

describe("an exported configuration", () => {
  const state = carryOut(commands)

  it("says everything that is not the default, in creation order", () => {
    const { text, warnings } = exported(state)
    assert.strictEqual(text, expected)
    assert.deepStrictEqual(warnings, [
      "secrets are not in it; whoever reads it needs in the environment: LUNLOG_SECRET_HOSTS_IQN_A_B, " +
        "LUNLOG_MUTUAL_SECRET_HOSTS_IQN_A_B, LUNLOG_SECRET_HOSTS_IQN_A_B_2"
    ])
  })

  it("has the secrets in clear if they are wanted, and reads them again", () => {
    const { text, warnings } = exportNative(state, { isWhole: true }, secretsOf(state))
    assert.deepStrictEqual(warnings, [])
    assert.include(text, '{ user: iqn.a_b, secret: "$${env:x}" }')
    const again = stateOf(text)
    assert.deepStrictEqual(secretsOf(again), secretsOf(state))
    assert.strictEqual(exportNative(again, { isWhole: true }, secretsOf(again)).text, text)
  })

  it("of one target has what that target needs, and no options", () => {
    const more = carryOut([
      ...commands,
      { _tag: "CreateBdev", bdev: { _tag: "Error", base: "Malloc0" } },
      { _tag: "CreateAuthGroup", tag: 9, secrets: [] },
      { _tag: "CreateInitiatorGroup", tag: 5, initiators: ["ANY"], netmasks: ["ANY"] }
    ])
    const part = partOfState(more, "iqn.2016-06.io.spdk:disk1")
    assert.isDefined(part)
    if (part === undefined) return
    const { text } = exported(part, false)
    assert.strictEqual(text, expected.replace("options:\n  nodeBase: iqn.2016-06.io.spdk\n", ""))
    assert.strictEqual(exported(stateOf(text), false).text, text)
    assert.isUndefined(partOfState(more, "disk1"))
  })

  it("names what it leaves out", () => {
    const leaving = carryOut([
      ...commands,
      { _tag: "RecordInertSetting", method: "sock_impl_set_options", object: "posix", params: "{}" },
      { _tag: "RemoveInitiatorGroupMembers", tag: 2, initiators: ["ANY"], netmasks: [] },
      { _tag: "DeleteTargetNode", target: "iqn.2016-06.io.spdk:disk1" }
    ])
    const { text, warnings } = exported(leaving)
    assert.include(text, '  - tag: 2\n    initiators: [ "!ANY" ]\n    netmasks: [ ANY ]\n')
    assert.deepStrictEqual(warnings.slice(1), [
      "left out, because they are being deleted: iqn.2016-06.io.spdk:disk1",
      "initiator groups without initiators or netmasks are written as groups that let nobody in: 2",
      "left out, because they have no effect: sock_impl_set_options"
    ])
  })

  it("of nothing is a file of nothing but its options", () => {
    assert.deepStrictEqual(exported(nothing), {
      text: "# Configuration of lunlog, exported.\noptions:\n  nodeBase: iqn.2016-06.io.spdk\n",
      warnings: []
    })
  })
})

const randomState = (seed: number): State => {
  const dice = diceOf(seed)
  let history: History = { state: nothing, seq: 0, events: [] }
  for (let step = 0; step < 150; step++) {
    const decision = decide(history.state, randomCommand(dice, history.state, history.seq))
    if (decision._tag === "Success") history = fold(history, decision.success)
  }
  return { ...history.state, epoch: nothing.epoch }
}

const savedIscsi = (state: State) =>
  Effect.runSync(Effect.provideService(savedConfig(state, "iscsi"), Secrets, openSecrets))

describe("any state", () => {
  it("exported, applied to an empty target and exported again gives the same bytes", () => {
    let targets = 0
    for (let seed = 1; seed <= 80; seed++) {
      const state = randomState(seed)
      const { text } = exported(state)
      const again = stateOf(text)
      assert.strictEqual(exported(again).text, text, `seed ${seed}`)
      targets += text.match(/queueDepth/gu)?.length ?? 0
      // What SPDK's format says of both is the same too, but for derived identities and groups without members.
      const isWhole = initiatorGroupsOf(state).every((one) => one.initiators.length > 0 && one.netmasks.length > 0)
      if (!isWhole || authGroupsOf(state).length > 0) continue
      assert.deepStrictEqual(savedIscsi(again), savedIscsi(state), `seed ${seed}`)
    }
    assert.isAbove(targets, 20)
  })
})
