/** LIO's `saveconfig.json` as a native configuration. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { readTargetcli } from "../../src/config/foreign/targetcli/read-targetcli.ts"
import { sourceFormat } from "../../src/config/source-format.ts"
import { diceOf } from "../domain/random.ts"
import { refusalsOf } from "./support.ts"

const fixture = readFileSync(join(import.meta.dirname, "fixtures/saveconfig.json"), "utf8")

const read = (source: unknown) => Result.getOrThrow(readTargetcli("f", JSON.stringify(source)))

/** A target with one TPG, LUN 0 and 1 of memory. */
const withTpg = (tpg: object, ...more: ReadonlyArray<object>) => ({
  storage_objects: [0, 1].map((number) => ({ plugin: "ramdisk", name: `ram${number}`, size: 1_048_576 })),
  targets: [
    {
      fabric: "iscsi",
      wwn: "iqn.2024-01.org.example:t",
      tpgs: [tpg, ...more].map((one, index) => ({
        tag: index + 1,
        enable: true,
        portals: [{ ip_address: "192.0.2.1", port: 3260 + index }],
        luns: [0, 1].map((number) => ({ index: number, storage_object: `/backstores/ramdisk/ram${number}` })),
        ...one
      }))
    }
  ]
})

const mapped = (...luns: ReadonlyArray<readonly [number, boolean]>) =>
  luns.map(([index, isReadOnly]) => ({ index, tpg_lun: index, write_protect: isReadOnly }))

describe("saveconfig.json", () => {
  it("is known by its content", () => {
    assert.strictEqual(sourceFormat(fixture), "targetcli")
    assert.strictEqual(sourceFormat('{ "subsystems": [] }'), "spdk")
    assert.strictEqual(sourceFormat('{ "bdevs": [] }'), "native")
  })

  it("becomes disks, groups, rules and targets that lunlog takes", () => {
    const conversion = Result.getOrThrow(readTargetcli("saveconfig.json", fixture))
    assert.deepStrictEqual(refusalsOf(conversion), [])
    const { authGroups, bdevs, initiatorGroups, options, portalGroups, targets } = conversion.config
    assert.deepStrictEqual(options, { firstBurstLength: 65536, immediateData: true })
    assert.deepStrictEqual(bdevs, [
      {
        type: "aio",
        name: "db",
        uuid: "8c5a0a30-6c2d-4d3c-9a2f-0f4a6a7f7f11",
        file: "/srv/images/db.img"
      },
      {
        type: "aio",
        name: "logs-2024",
        blockSize: 4096,
        uuid: "1d2e3f40-1111-4222-8333-444455556666",
        file: "/srv/images/logs.img",
        fallocate: true
      },
      {
        type: "malloc",
        name: "scratch",
        uuid: "61f75366-3592-4f21-9092-d7b596acd420",
        size: "16MiB"
      }
    ])
    // 192.0.2.10 is an address of both targets, 192.0.2.11 of one.
    assert.deepStrictEqual(portalGroups, [
      { tag: 1, portals: ["192.0.2.10:3260"] },
      { tag: 2, portals: ["192.0.2.11:3260"] }
    ])
    const one = (tag: number, ...initiators: ReadonlyArray<string>) => ({ tag, initiators, netmasks: ["ANY"] })
    assert.deepStrictEqual(initiatorGroups, [
      one(1, "iqn.2024-01.org.example:db1", "iqn.2024-01.org.example:db2"),
      one(2, "iqn.2024-01.org.example:auditor"),
      one(3, "ANY")
    ])
    assert.deepStrictEqual(authGroups, [{ tag: 1, secrets: [{ user: "everyone", secret: "demo secret 12" }] }])
    assert.deepStrictEqual(targets, [
      {
        name: "iqn.2003-01.org.linux-iscsi.host.x8664:sn.db",
        alias: "LIO Target",
        maps: [
          { portalGroup: 1, initiatorGroup: 1 },
          { portalGroup: 1, initiatorGroup: 2, luns: [1], readOnly: true },
          { portalGroup: 2, initiatorGroup: 1 },
          { portalGroup: 2, initiatorGroup: 2, luns: [1], readOnly: true }
        ],
        luns: [
          { lun: 0, bdev: "db" },
          { lun: 1, bdev: "logs-2024" }
        ],
        queueDepth: 64
      },
      {
        name: "iqn.2003-01.org.linux-iscsi.host.x8664:sn.scratch",
        alias: "LIO Target",
        maps: [{ portalGroup: 1, initiatorGroup: 3 }],
        luns: [{ lun: 0, bdev: "scratch" }],
        auth: { requireChap: true, chapGroup: 1 }
      }
    ])
  })

  it("warns of what it leaves out, with its path", () => {
    const { warnings } = Result.getOrThrow(readTargetcli("s.json", fixture))
    assert.deepStrictEqual(
      warnings.map((warning) => warning.replace(/: .*/u, "")),
      [
        "s.json storage_objects[1].name",
        "s.json storage_objects[3]",
        "s.json targets[0].tpgs[0].luns[2]",
        "s.json targets[0].tpgs[0].portals[1]",
        "s.json targets[0].tpgs[0].node_acls[3].mapped_luns[0]",
        "s.json targets[0].tpgs[0].node_acls",
        "s.json targets[2]"
      ]
    )
  })
})

describe("what LIO grants", () => {
  const rulesOf = (tpg: object) => {
    const { config, warnings } = read(withTpg(tpg))
    const groups = new Map(config.initiatorGroups?.map(({ initiators, tag }) => [tag, initiators]))
    const rules = config.targets?.[0]?.maps.map(({ initiatorGroup, luns, readOnly }) => ({
      initiators: groups.get(Number(initiatorGroup)),
      luns,
      readOnly
    }))
    return { rules, warnings }
  }

  it("in demo mode is for everyone, and read-only unless it says otherwise", () => {
    const everyone = { initiators: ["ANY"], luns: undefined }
    assert.deepStrictEqual(rulesOf({ attributes: { generate_node_acls: 1 } }).rules, [{ ...everyone, readOnly: true }])
    const open = { generate_node_acls: "1", demo_mode_write_protect: 0 }
    assert.deepStrictEqual(rulesOf({ attributes: open }).rules, [{ ...everyone, readOnly: undefined }])
    assert.deepStrictEqual(rulesOf({ attributes: { generate_node_acls: 0 } }).rules, [])
  })

  it("does not become more: who sees no LUN stays out, and read-only LUNs go before they are writable", () => {
    const { rules, warnings } = rulesOf({
      attributes: { generate_node_acls: 1, demo_mode_write_protect: 0 },
      node_acls: [
        { node_wwn: "iqn.2024-01.org.example:blind", mapped_luns: [] },
        { node_wwn: "iqn.2024-01.org.example:mixed", mapped_luns: mapped([0, false], [1, true]) }
      ]
    })
    assert.deepStrictEqual(rules, [
      { initiators: ["iqn.2024-01.org.example:mixed"], luns: [0], readOnly: undefined },
      { initiators: ["!iqn.2024-01.org.example:blind", "ANY"], luns: undefined, readOnly: undefined }
    ])
    assert.deepStrictEqual(warnings, [
      "f targets[0].tpgs[0].node_acls[1].mapped_luns[1]: is left out: a rule is read-only as a whole, and the other " +
        "LUNs may be written",
      "f targets[0].tpgs[0].node_acls: iqn.2024-01.org.example:blind see no LUN, and may not log in"
    ])
  })

  it("over a TPG that is disabled, is nothing", () => {
    const { config, warnings } = read(withTpg({ enable: false, attributes: { generate_node_acls: 1 } }))
    assert.deepStrictEqual(config.targets?.[0]?.maps, [])
    assert.deepStrictEqual(config.portalGroups, undefined)
    assert.match(warnings.join(), /tpgs\[0\]: is disabled: nobody may log in/u)
  })

  it("over two TPGs with other LUNs is narrowed to those of each", () => {
    const attributes = { generate_node_acls: 1, demo_mode_write_protect: 0 }
    const luns = [{ index: 1, storage_object: "/backstores/ramdisk/ram1" }]
    const { config } = read(withTpg({ attributes }, { attributes, luns }))
    assert.deepStrictEqual(config.targets?.[0]?.maps, [
      { portalGroup: 1, initiatorGroup: 1 },
      { portalGroup: 2, initiatorGroup: 1, luns: [1] }
    ])
  })

  it("to [::] is for IPv4 too, and IPv6 addresses get their brackets", () => {
    const portals = [{ ip_address: "[::]" }, { ip_address: "fd00::1", port: 3261 }, { ip_address: "0.0.0.0", port: 1 }]
    const { config } = read(withTpg({ portals }))
    assert.deepStrictEqual(config.portalGroups?.[0]?.portals, ["[*]:3260", "*:3260", "[fd00::1]:3261", "*:1"])
  })

  it("with CHAP is required, with the secrets of ACLs and TPG in one group, which is told", () => {
    const acl = (name: string, secret: string, more = {}) => ({
      node_wwn: `iqn.2024-01.org.example:${name}`,
      mapped_luns: mapped([0, false]),
      chap_userid: name,
      chap_password: secret,
      ...more
    })
    const mutual = { chap_mutual_userid: "target", chap_mutual_password: "targetsecret1" }
    const { config, warnings } = read(
      withTpg({ attributes: { authentication: 1 }, node_acls: [acl("a", "asecret12345", mutual), acl("b", "b")] })
    )
    assert.deepStrictEqual(config.authGroups?.[0]?.secrets, [
      { user: "a", secret: "asecret12345", mutualUser: "target", mutualSecret: "targetsecret1" },
      { user: "b", secret: "b" }
    ])
    assert.deepStrictEqual(config.targets?.[0]?.auth, { requireChap: true, chapGroup: 1 })
    assert.match(warnings.join(), /its CHAP users become one group: each of them may prove any of its initiators/u)
  })

  it("to discovery with CHAP is an option", () => {
    const module = { name: "iscsi", discovery_enable_auth: true, discovery_userid: "d", discovery_password: "s" }
    const { config } = read({ fabric_modules: [module], storage_objects: [], targets: [] })
    assert.deepStrictEqual(config.options, { discoveryAuth: { requireChap: true, chapGroup: 1 } })
    assert.deepStrictEqual(config.authGroups, [{ tag: 1, secrets: [{ user: "d", secret: "s" }] }])
  })
})

describe("a file that is not as targetcli writes it", () => {
  it("is refused if it is no object", () => {
    for (const text of ["", "{", "[]", "1", '"a"']) assert.isTrue(Result.isFailure(readTargetcli("f", text)), text)
  })

  it("is read without a crash whatever is where", () => {
    const { pick, roll } = diceOf(7)
    const values = [null, true, "", "1", -1, 1e300, [], {}, [null], "\n", "/backstores/fileio/db"] as const
    const damage = (value: unknown): unknown => {
      if (roll(25) === 0) return pick(values)
      if (Array.isArray(value)) return value.map(damage)
      if (typeof value !== "object" || value === null) return value
      return Object.fromEntries(
        Object.entries(value).flatMap(([key, member]) => (roll(40) === 0 ? [] : [[key, damage(member)]]))
      )
    }
    for (let round = 0; round < 150; round++) {
      const conversion = Result.getOrThrow(
        readTargetcli("f", JSON.stringify({ ...Object(damage(JSON.parse(fixture))) }))
      )
      for (const warning of [...conversion.warnings, ...refusalsOf(conversion)]) assert.match(warning, /^f/u)
    }
  })
})
