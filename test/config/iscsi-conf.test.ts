/** SPDK's old `iscsi.conf` as a native configuration: every section and key, what is warned of, and broken files. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import type { Conversion } from "../../src/config/foreign/Conversion.ts"
import { isIscsiConf, readIscsiConf } from "../../src/config/foreign/iscsi-conf/read-iscsi-conf.ts"
import { diceOf } from "../domain/random.ts"
import { refusalsOf } from "./support.ts"

const fixture = readFileSync(join(import.meta.dirname, "fixtures/iscsi.conf"), "utf8")

const authFile = { name: "auth.conf", text: readFileSync(join(import.meta.dirname, "fixtures/auth.conf"), "utf8") }

const read = (...lines: ReadonlyArray<string>): Conversion => readIscsiConf("f", lines.join("\n"))
const warningsOf = (...lines: ReadonlyArray<string>): ReadonlyArray<string> => read(...lines).warnings

describe("iscsi.conf", () => {
  it("is known by its first line that says something", () => {
    for (const text of [fixture, "[iSCSI]", "\u{feff}# a\r\n\n  [ iSCSI ]\r\n"]) assert.isTrue(isIscsiConf(text), text)
    for (const text of ["", "[]", "bdevs: []", "{}", "# [iSCSI]", "[a, b]: c", "<target a>"]) {
      assert.isFalse(isIscsiConf(text), text)
    }
  })

  it("is read with every section and key that maps", () => {
    const conversion = readIscsiConf("iscsi.conf", fixture, authFile)
    assert.deepStrictEqual(refusalsOf(conversion), [])
    const { authGroups, bdevs, initiatorGroups, options, portalGroups, targets } = conversion.config
    assert.deepStrictEqual(options, {
      nodeBase: "iqn.2019-07.org.example",
      discoveryAuth: { chapGroup: 7 },
      maxSessions: 64,
      maxConnectionsPerSession: 2,
      maxQueueDepth: 128,
      nopTimeout: 30,
      nopInInterval: 15,
      defaultTime2Wait: 2,
      defaultTime2Retain: 60,
      firstBurstLength: 65536,
      maxLargeDataInPerConnection: 32,
      maxR2tPerConnection: 8,
      errorRecoveryLevel: 0,
      immediateData: true,
      allowDuplicatedIsid: false
    })
    assert.deepStrictEqual(bdevs?.[0]?.qos, { readWriteIops: 20000, readWriteMiBPerSecond: 100 })
    assert.deepStrictEqual(bdevs?.slice(1), [
      { type: "malloc", name: "Malloc1", size: "4MiB", blockSize: 4096 },
      { type: "null", name: "Null0", size: "64MiB" },
      { type: "null", name: "Null1", size: "128MiB", blockSize: 4096 },
      {
        type: "aio",
        name: "AIO0",
        file: "aio.img",
        blockSize: 4096,
        qos: { readMiBPerSecond: 80, writeMiBPerSecond: 40 }
      },
      { type: "nvme", controller: "Nvme0", address: "0000:00:00.0" },
      { type: "passthru", name: "Pass0", base: "EE_Malloc1" },
      { type: "split", base: "Pass0", part: 0, parts: 2 },
      { type: "split", base: "Pass0", part: 1, parts: 2 },
      { type: "error", base: "Malloc1" }
    ])
    assert.deepStrictEqual(authGroups, [
      {
        tag: 7,
        secrets: [
          { user: "hostA", secret: "longsecret123", mutualUser: "tgt", mutualSecret: `other ${"$"}{secret} 1` },
          { user: "hostB", secret: "anothersecret" }
        ]
      }
    ])
    assert.deepStrictEqual(portalGroups, [
      { tag: 1, portals: ["127.0.0.1:3261", "[::1]:3261"] },
      { tag: 2, portals: ["127.0.0.2"] }
    ])
    assert.deepStrictEqual(initiatorGroups?.[1], {
      tag: 2,
      initiators: ["!iqn.2019-07.org.example:bad", "iqn.2019-07.org.example:host1", "iqn.2019-07.org.example:host2"],
      netmasks: ["ANY"]
    })
    assert.deepStrictEqual(targets?.[0], {
      name: "disk1",
      alias: "Data Disk1",
      maps: [
        { portalGroup: 1, initiatorGroup: 1 },
        { portalGroup: 2, initiatorGroup: 2 }
      ],
      luns: [
        { lun: 0, bdev: "Malloc0" },
        { lun: 1, bdev: "Null0" },
        { lun: 2, bdev: "AIO0" },
        { lun: 63, bdev: "Null1" }
      ],
      queueDepth: 32
    })
    assert.deepStrictEqual(targets?.[1]?.auth, { disableChap: true })
    assert.deepStrictEqual(targets?.[2]?.auth, { requireChap: true, mutualChap: true, chapGroup: 7 })
    assert.isTrue(targets?.[2]?.headerDigest === true && targets[2].dataDigest)
  })

  it("warns of what does not map, in the order of the file and with its lines", () => {
    const { warnings } = readIscsiConf("iscsi.conf", fixture, authFile)
    const lines = fixture.split("\n")
    for (const warning of warnings) {
      const {
        key = "",
        line = "",
        section = ""
      } = /^iscsi\.conf:(?<line>\d+) \[(?<section>\w+)\] (?<key>\w+): /u.exec(warning)?.groups ?? {}
      assert.match(lines[Number(line) - 1] ?? "", new RegExp(`^  ${key} `, "u"), warning)
      assert.include(lines.slice(0, Number(line)).join("\n"), `[${section}]`)
    }
    assert.deepStrictEqual(
      warnings.map((warning) => warning.replace(/^iscsi\.conf:\d+ (.*?): .*/u, "$1")),
      [
        "[Global] ReactorMask",
        "[Global] TpointGroupMask",
        "[Global] NoPci",
        "[Bdev] BdevIoPoolSize",
        "[Bdev] BdevIoCacheSize",
        "[iSCSI] MinConnectionsPerCore",
        "[PortalGroup1] Portal",
        "[AIO] AIO",
        "[Split] Split",
        "[Nvme] TransportID",
        "[Nvme] RetryCount"
      ]
    )
  })

  it("warns of an auth file that is not there, or has a mistake", () => {
    const source = "[iSCSI]\nAuthFile a.conf"
    const missing = readIscsiConf("f", source, { name: "a.conf", text: { unreadable: "does not exist" } })
    assert.deepStrictEqual(missing.warnings, ["a.conf: the AuthFile is left out: it does not exist"])
    const wrong = readIscsiConf("f", source, { name: "a.conf", text: "[AuthGroup1]\nAuth joe" })
    assert.match(wrong.warnings.join(), /^a\.conf:2 Auth has 1 values.*: the AuthFile is left out$/u)
    assert.isUndefined(wrong.config.authGroups)
  })

  it.each([
    ["[iSCSI]\nTimeout soon", 'f:2 [iSCSI] Timeout: "soon" is no number and is left out'],
    ["[iSCSI]\nImmediateData 2", 'f:2 [iSCSI] ImmediateData: "2" is neither Yes nor No and is left out'],
    ["[iSCSI]\nNodeBase a\nNodeBase b", "f:3 [iSCSI] NodeBase: is given again; that of line 2 counts"],
    ["[iSCSI]\nTimeOut", "f:2 [iSCSI] TimeOut: has no value and is left out"],
    ["[iSCSI]\nErrorRecoveryLevel 2", "f:2 [iSCSI] ErrorRecoveryLevel: 2 has no effect: lunlog recovers at level 0"],
    ["[iSCSI]\nColour red", "f:2 [iSCSI] Colour: is not known and is left out"],
    ["[Zoo]\nLion 1", "f:1 [Zoo]: the section is not known and is left out"],
    ["[Ioat]", "f:1 [Ioat]: is left out: lunlog has no DMA engines"],
    ["NodeBase a", 'f:1: key "NodeBase" stands in no section'],
    ["[TargetNode1]\nLUN0 a", "f:1 [TargetNode1]: has no TargetName and is left out"],
    ["[TargetNode1]\nTargetName a\nMapping 1 1", "f:3 [TargetNode1] Mapping: is left out; write Mapping PortalGroupN"],
    ["[TargetNode1]\nTargetName a\nAuthGroup one", 'f:3 [TargetNode1] AuthGroup: "one" is not known; use AuthGroupN'],
    ["[TargetNode1]\nTargetName a\nAuthMethod Kerberos", 'f:3 [TargetNode1] AuthMethod: "kerberos" is not known'],
    ["[TargetNode1]\nTargetName a\nUseDigest CRC", 'f:3 [TargetNode1] UseDigest: "crc" is not known'],
    ["[TargetNode1]\nTargetName a\nLUN256 b", "f:3 [TargetNode1] LUN256: is left out: ids are 0 to 255"],
    ["[TargetNode1]\nTargetName a\nLUN1 b\nlun01 b", "f:4 [TargetNode1] lun01: is given again; that of line 3"],
    ["[TargetNode1]\nTargetName a b", "f:2 [TargetNode1] TargetName: has more than one value"],
    ["[Malloc]\nNumberOfLuns 2", "f:1 [Malloc]: has no LunSizeInMB and is left out"],
    ["[Malloc]\nNumberOfLuns 99999999\nLunSizeInMB 1", "f:1 [Malloc]: has more than"],
    ["[Null]\nDev a", "f:2 [Null] Dev: is left out; write Dev NAME MEGABYTES"],
    ["[Null]\nDev a 1 512 8", "f:2 [Null] Dev: metadata is left out"],
    ["[BdevError]\nBdevError", "f:2 [BdevError] BdevError: is left out; write BdevError BASE"],
    ["[QoS]\nLimit_IOPS Malloc9 1", 'f:2 [QoS] Limit_IOPS: bdev "Malloc9" is none that lunlog can make'],
    ["[QoS]\nLimit_BPS Malloc0", "f:2 [QoS] Limit_BPS: is left out; write Limit_BPS BDEV NUMBER"],
    ["[PortalGroup1]\nPortal", "f:2 [PortalGroup1] Portal: has no address"]
  ])("warns of %j", (text, start) => {
    const warnings = warningsOf(text)
    assert.isTrue(
      warnings.some((warning) => warning.startsWith(start)),
      warnings.join("\n")
    )
  })

  it("tells what the domain refuses in the file's lines", () => {
    const conversion = read("[PortalGroup0]", "Portal A 127.0.0.1", "[InitiatorGroup1]", "InitiatorName ANY")
    const [first = "", second = ""] = refusalsOf(conversion)
    assert.match(first, /^f:1 \[PortalGroup0\]: .*tag/u)
    assert.match(second, /^f:3 \[InitiatorGroup1\]: /u)
  })

  it("takes sections and keys in any case, and sections that come again", () => {
    const { config, warnings } = read("[portalGROUP3]", "PORTAL x 10.0.0.1:1", "[PortalGroup3]", "portal 10.0.0.2:1")
    assert.deepStrictEqual(config.portalGroups, [{ tag: 3, portals: ["10.0.0.1:1", "10.0.0.2:1"] }])
    assert.deepStrictEqual(warnings, [])
  })

  it("is read in time however long a section is", () => {
    const lines = Array.from({ length: 50_000 }, (_, index) => `LUN${index} M`)
    assert.lengthOf(warningsOf("[TargetNode1]", "TargetName a", ...lines), 50_000)
  })

  it("is read without a crash whatever was done to it", () => {
    const { pick, roll } = diceOf(20_191)
    const scraps = [
      '"',
      "\\",
      "[",
      "]",
      "#",
      "\n",
      "\0",
      "\u{1f512}",
      "999999999999999999",
      "=",
      "LUN",
      "\\\n"
    ] as const
    for (let round = 0; round < 200; round++) {
      let text = fixture
      for (let edit = roll(8); edit >= 0; edit--) {
        const at = roll(text.length + 1)
        text = text.slice(0, at) + pick(scraps) + text.slice(at + roll(40))
      }
      const conversion = readIscsiConf("f", text)
      for (const warning of [...conversion.warnings, ...refusalsOf(conversion)]) assert.match(warning, /^f(:\d+)?/u)
    }
  })
})
