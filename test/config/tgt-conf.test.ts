/** tgt's `targets.conf` as a native configuration. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { readTgtConf } from "../../src/config/foreign/tgt/read-tgt-conf.ts"
import { readTgtText } from "../../src/config/foreign/tgt/TgtText.ts"
import { sourceFormat } from "../../src/config/source-format.ts"
import { diceOf } from "../domain/random.ts"
import { runCommand } from "../support/child-process.ts"
import { findTool } from "../support/requires-tool.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"
import { refusalsOf } from "./support.ts"

const fixture = readFileSync(join(import.meta.dirname, "fixtures/targets.conf"), "utf8")
const noFile = () => "there is no file"
const read = (...lines: ReadonlyArray<string>) => readTgtConf("f", lines.join("\n"), noFile)
const target = (...body: ReadonlyArray<string>) => read("<target iqn.2008-09.org.example:t>", ...body, "</target>")

describe("targets.conf", () => {
  it("is known by its content", () => {
    for (const text of [fixture, "# a\ninclude /etc/tgt/*.conf", "<target iqn.a>"]) {
      assert.strictEqual(sourceFormat(text), "tgt", text)
    }
    for (const text of ["", "targets: []", "include: [a.yaml]"]) assert.strictEqual(sourceFormat(text), "native", text)
  })

  it("becomes disks, groups and targets that lunlog takes", () => {
    const conversion = readTgtConf("targets.conf", fixture, noFile)
    assert.deepStrictEqual(refusalsOf(conversion), [])
    const { authGroups, bdevs, initiatorGroups, options, portalGroups, targets } = conversion.config
    assert.deepStrictEqual(options, { discoveryAuth: { requireChap: true, chapGroup: 1 } })
    assert.deepStrictEqual(bdevs?.slice(2), [
      { type: "aio", name: "0.img", file: "/srv/images/0.img" },
      {
        type: "aio",
        name: "db.img",
        file: "/srv/images/db.img",
        blockSize: 4096,
        uuid: "8c5a0a30-6c2d-4d3c-9a2f-0f4a6a7f7f11",
        readOnly: true
      },
      { type: "aio", name: "log.img", file: "/srv/images/log.img" }
    ])
    assert.deepStrictEqual(authGroups, [
      { tag: 1, secrets: [{ user: "disc", secret: "discsecret12" }] },
      {
        tag: 2,
        secrets: [
          { user: "user1", secret: "secretpass12", mutualUser: "userA", mutualSecret: "secretpassA" },
          { user: "user2", secret: "secretpass23", mutualUser: "userA", mutualSecret: "secretpassA" }
        ]
      }
    ])
    assert.deepStrictEqual(portalGroups, [{ tag: 1, portals: ["*:3260", "[*]:3260"] }])
    assert.deepStrictEqual(initiatorGroups, [
      { tag: 1, initiators: ["ANY"], netmasks: ["ANY"] },
      { tag: 2, initiators: ["iqn.2008-09.org.example:host1"], netmasks: ["192.168.100.0/24", "[fd00::5]"] }
    ])
    assert.deepStrictEqual(
      targets?.map(({ luns, maps, name }) => ({ name, maps, luns })),
      [
        {
          name: "iqn.2008-09.org.example:plain",
          maps: [{ portalGroup: 1, initiatorGroup: 1 }],
          luns: [
            { lun: 1, bdev: "a.img" },
            { lun: 2, bdev: "b.img" },
            { lun: 3, bdev: "0.img" }
          ]
        },
        {
          name: "iqn.2008-09.org.example:secured",
          maps: [{ portalGroup: 1, initiatorGroup: 2 }],
          luns: [
            { lun: 2, bdev: "log.img" },
            { lun: 10, bdev: "db.img" }
          ]
        },
        {
          name: "iqn.2008-09.org.example:rdma",
          maps: [{ portalGroup: 1, initiatorGroup: 1 }],
          luns: [{ lun: 7, bdev: "a.img" }]
        }
      ]
    )
    assert.deepStrictEqual(targets?.[1]?.auth, { requireChap: true, mutualChap: true, chapGroup: 2 })
    assert.isTrue(targets?.[1]?.headerDigest)
  })

  it("keeps removable media", () => {
    const { config } = target("<backing-store /a>", "removable 1", "</backing-store>", "backing-store /b")
    assert.deepStrictEqual(config.bdevs, [
      { type: "aio", name: "a", file: "/a", removable: true },
      { type: "aio", name: "b", file: "/b" }
    ])
  })

  it("warns of what it leaves out or has in another way, with its line", () => {
    assert.deepStrictEqual(
      readTgtConf("t.conf", fixture, noFile).warnings.map((warning) => warning.replace(/: .*/u, "")),
      [
        "t.conf:35 MaxConnections",
        "t.conf:34 outgoinguser",
        "t.conf:22 vendor_id",
        "t.conf:24 write-cache",
        "t.conf:26 backing-store",
        "t.conf:23 scsi_sn",
        "t.conf:40 driver",
        "t.conf:46 driver",
        "t.conf:6 iSNS"
      ]
    )
  })

  it.each([
    [["<target"], "f:1: <target is no block"],
    [["<target a>"], "f:1: <target> is not closed"],
    [["</target>"], "f:1: </target> closes what is not open"],
    [["include /x"], "f:1: include /x is left out: there is no file"],
    [["colour red"], "f:1 colour: is not known and is left out"],
    [
      ["<target a>", "initiator-address example.org", "</target>"],
      'f:2 initiator-address: "example.org" is no address'
    ],
    [["<target a>", "incominguser joe", "</target>"], "f:2 incominguser: is left out; write a user and a password"],
    [["<target a>", "outgoinguser joe x", "</target>"], "f:2 outgoinguser: is left out: without incominguser"],
    [["<target a>", "backing-store /i", "lun 300", "</target>"], "f:2 backing-store: LUN 300 is left out: ids are"],
    [
      ["<target a>", "backing-store /i", "backing-store /j", "lun 3", "</target>"],
      "f:3 backing-store: LUN 3 is left out"
    ],
    [["<target a>", "backing-store /i", "backing-store /i", "</target>"], "f:3 backing-store: /i is there already"],
    [["<target a>", "backing-store i", "</target>"], "f:2 backing-store: i is a relative path"]
  ])("%j is told", (lines, start) => {
    const { warnings } = read(...lines)
    assert.isTrue(
      warnings.some((warning) => warning.startsWith(start)),
      warnings.join("\n")
    )
  })

  it("that lets in addresses which cannot be read lets nobody in, rather than everybody", () => {
    const { config } = target("initiator-address example.org")
    assert.deepStrictEqual(config.initiatorGroups, [{ tag: 1, initiators: ["!ANY"], netmasks: ["ANY"] }])
  })

  it("takes in what it includes, once per place and not for ever", () => {
    const files = (pattern: string) => [{ name: "b", source: `<target iqn.${pattern}>\n</target>\ninclude more` }]
    const { nodes, problems } = readTgtText({ name: "a", source: "include 2020-01.x:1\n" }, files)
    assert.deepStrictEqual(
      nodes.slice(0, 2).map(({ place, value }) => [place, value]),
      [
        ["b:1", "iqn.2020-01.x:1"],
        ["b:1", "iqn.more"]
      ]
    )
    assert.match(problems.join(), /files include one another more than 8 deep/u)
    const many = Array.from({ length: 999 }, (_, index) => ({ name: `${index}`, source: "include x" }))
    const bounded = readTgtText({ name: "a", source: "include x" }, () => many)
    assert.isTrue(bounded.problems.some((problem) => problem.includes("there are more than 1000 files")))
  })

  it("is read without a crash whatever was done to it", () => {
    const { pick, roll } = diceOf(42)
    const scraps = ["<", ">", "/", "#", "\\", "\n", '"', "</target>", "<target a>", "lun 99999999999", "\0"] as const
    for (let round = 0; round < 200; round++) {
      let text = fixture
      for (let edit = roll(8); edit >= 0; edit--) {
        const at = roll(text.length + 1)
        text = text.slice(0, at) + pick(scraps) + text.slice(at + roll(40))
      }
      const conversion = readTgtConf("f", text, noFile)
      for (const warning of [...conversion.warnings, ...refusalsOf(conversion)]) assert.match(warning, /^f/u)
    }
  })
})

const tgtAdmin = findTool("tgt-admin")

/** What tgt-admin would do, by target: its LUNs by path, and whom it binds. */
const planOf = (printed: string): ReadonlyMap<string, { luns: Map<string, number>; binds: Array<string> }> => {
  const plan = new Map<string, { luns: Map<string, number>; binds: Array<string> }>()
  let current = { luns: new Map<string, number>(), binds: [] as string[] }
  for (const line of printed.split("\n")) {
    const name = /^# Adding target: (\S+)/u.exec(line)?.[1]
    if (name !== undefined) {
      current = { luns: new Map(), binds: [] }
      plan.set(name, current)
    }
    const [, lun, path] = /--op new --mode logicalunit .*--lun (\d+) -b "([^"]+)"/u.exec(line) ?? []
    if (path !== undefined) current.luns.set(path, Number(lun))
    const bind = /--op bind --mode target .*-[IQ] (\S+)/u.exec(line)?.[1]
    if (bind !== undefined) current.binds.push(bind)
  }
  return plan
}

// It reads drives, so it must be root; it only says what it would do.
it.skipIf(tgtAdmin === undefined || process.getuid?.() !== 0)("LUNs and access are those of tgt-admin", async () => {
  const directory = makeDirectory("tgt-admin")
  try {
    const path = (name: string) => join(directory, name)
    for (const name of ["a", "b", "c", "d"]) writeFileSync(path(name), Buffer.alloc(1024 * 1024))
    const conf = `<target iqn.2008-09.org.example:one>
      backing-store ${path("c")} # not the first
      backing-store ${path("b")}
      backing-store ${path("b")}
      initiator-name iqn.2008-09.org.example:host1
    </target>
    <target iqn.2008-09.org.example:two>
      <backing-store ${path("d")}>
        lun 1
      </backing-store>
      <backing-store ${path("a")}>
        readonly 1
      </backing-store>
      initiator-address 192.0.2.0/24
    </target>\n`
    writeFileSync(path("t.conf"), conf)
    const args = ["-p", "-e", "-f", "-c", path("t.conf")]
    const { stdout } = await runCommand({ command: tgtAdmin ?? "", args, directory }, 20_000)
    const plan = planOf(stdout)
    const { config } = readTgtConf("t.conf", conf, noFile)
    const files = new Map(config.bdevs?.flatMap((bdev) => (bdev.type === "aio" ? [[bdev.name, bdev.file]] : [])))
    assert.lengthOf(config.targets ?? [], 2)
    for (const { luns, maps, name } of config.targets ?? []) {
      const asTgt = luns.map(({ bdev, lun }) => [files.get(bdev), lun] as const).sort()
      assert.deepStrictEqual(asTgt, [...(plan.get(name)?.luns ?? [])].sort(), name)
      const group = config.initiatorGroups?.find(({ tag }) => tag === maps[0]?.initiatorGroup)
      const allowed = [...(group?.initiators ?? []), ...(group?.netmasks ?? [])].filter((text) => text !== "ANY")
      assert.deepStrictEqual(
        plan.get(name)?.binds.filter((text) => text !== "ALL"),
        allowed
      )
    }
  } finally {
    removeDirectory(directory)
  }
})
