/** Who may log in and who may see a target, and how netmasks match. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import {
  type AccessList,
  admittingRule,
  compileAccessList,
  discoverable,
  discoveryAuth
} from "../../src/domain/access.ts"
import { parseIpv4, parseIpv6, parsePeerAddress } from "../../src/domain/address.ts"
import { compileNetmask, netmaskMatches } from "../../src/domain/netmask.ts"
import { type Auth, noAuth } from "../../src/domain/options/IscsiOptions.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"

const host = "iqn.2020-01.org.ex:host"
const bad = "iqn.2020-01.org.ex:bad"
const list = (initiators: ReadonlyArray<string>, netmasks: ReadonlyArray<string> = ["ANY"]) =>
  compileAccessList({ initiators, netmasks })
const accessAllowed = (lists: ReadonlyArray<AccessList>, name: string, address: string): boolean =>
  admittingRule(
    lists.map((each) => ({ list: each })),
    name,
    address
  ) !== undefined

describe("a login", () => {
  it("is denied without any initiator group", () => {
    assert.isFalse(accessAllowed([], host, "10.0.0.1"))
  })

  it("is decided by the first name that matches", () => {
    assert.isFalse(accessAllowed([list([`!${bad}`, "ANY"])], bad, "10.0.0.1"))
    assert.isTrue(accessAllowed([list([`!${bad}`, "ANY"])], host, "10.0.0.1"))
    assert.isTrue(accessAllowed([list(["ANY", `!${bad}`])], bad, "10.0.0.1"))
  })

  it("compares names in any case", () => {
    assert.isTrue(accessAllowed([list([host.toUpperCase()])], host, "10.0.0.1"))
    assert.isTrue(accessAllowed([list([host])], host.toUpperCase(), "10.0.0.1"))
  })

  it("that is denied by one group does not reach the next", () => {
    assert.isFalse(accessAllowed([list([`!${host}`]), list(["ANY"])], host, "10.0.0.1"))
    assert.isFalse(accessAllowed([list(["!ANY"]), list(["ANY"])], host, "10.0.0.1"))
  })

  it("from an address that no netmask covers goes on to the next group", () => {
    const elsewhere = list(["ANY"], ["192.168.0.0/16"])
    assert.isFalse(accessAllowed([elsewhere], host, "10.0.0.1"))
    assert.isTrue(accessAllowed([elsewhere, list([host], ["10.0.0.0/8"])], host, "10.0.0.1"))
    assert.isFalse(accessAllowed([elsewhere, list([`!${host}`, "ANY"])], host, "10.0.0.1"))
  })

  it("over a dual-stack socket counts as IPv4", () => {
    assert.isTrue(accessAllowed([list(["ANY"], ["10.0.0.0/8"])], host, "::ffff:10.2.3.4"))
    assert.isFalse(accessAllowed([list(["ANY"], ["[::]/1"])], host, "::ffff:10.2.3.4"))
  })

  it("from an address that cannot be read passes ANY only", () => {
    assert.isTrue(accessAllowed([list(["ANY"])], host, "?"))
    assert.isFalse(accessAllowed([list(["ANY"], ["10.0.0.0/8"])], host, "?"))
  })

  it("is not let in by a netmask of an old log that cannot be read", () => {
    assert.isFalse(accessAllowed([list(["ANY"], ["255.255.0.0", "nonsense"])], host, "10.0.0.1"))
  })
})

describe("discovery", () => {
  it("asks for names only, over all groups in order", () => {
    assert.isTrue(discoverable([list(["ANY"], ["192.168.0.0/16"])], host))
    assert.isFalse(discoverable([list([bad]), list([`!${host}`]), list(["ANY"])], host))
    assert.isTrue(discoverable([list([bad]), list([host]), list(["!ANY"])], host))
    assert.isFalse(discoverable([list([bad])], host))
    assert.isFalse(discoverable([], host))
  })
})

/** One group as it is configured. */
interface Group {
  readonly names: ReadonlyArray<string>
  readonly masks: ReadonlyArray<string>
}

/** SPDK's decision, step by step as its documentation has it. */
const spdkAllows = (groups: ReadonlyArray<Group>, name: string, address: string): boolean => {
  for (const { masks, names } of groups) {
    const match = names.find((entry) => ["ANY", name].includes(entry.replace("!", "")))
    if (match === undefined) continue
    if (match.startsWith("!")) return false
    const covers = (mask: string): boolean =>
      mask === "ANY" || (mask.endsWith(".0/24") ? address.startsWith(mask.slice(0, -4)) : mask === address)
    if (masks.some(covers)) return true
  }
  return false
}

const spdkShows = (groups: ReadonlyArray<Group>, name: string): boolean => {
  const entries = groups.flatMap(({ names }) => names)
  const match = entries.find((entry) => ["ANY", name].includes(entry.replace("!", "")))
  return match !== undefined && !match.startsWith("!")
}

describe("any order of groups, names, denials and networks", () => {
  it("decides as SPDK does", () => {
    const random = makeRandom(runSeed(31))
    const names = ["ANY", "!ANY", host, `!${host}`, bad, `!${bad}`] as const
    const masks = ["ANY", "10.0.0.0/24", "10.0.1.0/24", "10.0.0.1"] as const
    const some = <A>(choices: readonly [A, ...ReadonlyArray<A>], most: number): ReadonlyArray<A> =>
      Array.from({ length: random.below(most + 1) }, () => random.pick(choices))
    let allowed = 0
    for (let round = 0; round < 3000; round++) {
      const groups = Array.from({ length: random.below(4) }, () => ({ names: some(names, 3), masks: some(masks, 2) }))
      const lists = groups.map((group) => list(group.names, group.masks))
      const name = random.pick([host, bad, "iqn.2020-01.org.ex:third"])
      const address = random.pick(["10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.2.1"])
      const expected = spdkAllows(groups, name, address)
      assert.strictEqual(accessAllowed(lists, name, address), expected, JSON.stringify({ groups, name, address }))
      assert.strictEqual(discoverable(lists, name), spdkShows(groups, name), JSON.stringify({ groups, name }))
      if (expected) allowed++
    }
    assert.isAbove(allowed, 300)
  })
})

describe("discovery's authentication", () => {
  const required: Auth = { ...noAuth, requireChap: true, chapGroup: 1 }
  const mutual: Auth = { ...required, mutualChap: true, chapGroup: 2 }
  const off: Auth = { ...noAuth, disableChap: true }

  it.each([
    ["nothing of a group", required, noAuth, required],
    ["no group", required, undefined, required],
    ["what the group says, where all needs nothing", noAuth, mutual, mutual],
    ["that CHAP is off over the group", noAuth, off, off],
    ["no less than all needs", required, off, required],
    ["the group's own secrets", required, { ...required, chapGroup: 3 }, { ...required, chapGroup: 3 }],
    ["what is more, of both", mutual, { ...required, chapGroup: 3 }, { ...mutual, chapGroup: 3 }],
    [
      "the secrets of all, where the group names none",
      required,
      { ...mutual, chapGroup: 0 },
      { ...mutual, chapGroup: 1 }
    ]
  ] as const)("is %s", (_, everywhere, ofGroup, expected) => {
    assert.deepStrictEqual(discoveryAuth(everywhere, ofGroup), expected)
  })
})

describe("a netmask", () => {
  const matches = (netmask: string, address: string): boolean => {
    const matcher = compileNetmask(netmask)
    const bytes = parsePeerAddress(address)
    if (Result.isFailure(matcher) || bytes === undefined) throw new Error(`cannot read ${netmask} or ${address}`)
    return netmaskMatches(matcher.success, bytes)
  }

  it.each([
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3", "10.1.2.4", false],
    ["10.1.0.0/16", "10.1.255.255", true],
    ["10.1.0.0/16", "10.2.0.0", false],
    ["10.1.2.3/16", "10.1.9.9", true],
    ["10.0.0.0/9", "10.127.0.1", true],
    ["10.0.0.0/9", "10.128.0.1", false],
    ["0.0.0.0/1", "127.0.0.1", true],
    ["10.1.2.2/31", "10.1.2.3", true],
    ["ANY", "10.1.2.3", true],
    ["all", "fe80::1", true],
    ["[fd00::1]", "fd00::1", true],
    ["[fd00::1]", "fd00::2", false],
    ["[fd00::]/64", "fd00::ffff:0:0:1", true],
    ["[fd00::]/64", "fd00:0:0:1::1", false],
    ["[fe80::]/10", "febf::1%eth0", true],
    ["[::]/1", "127.0.0.1", false],
    ["127.0.0.1", "::1", false]
  ])("%s on %s: %s", (netmask, address, expected) => {
    assert.strictEqual(matches(netmask, address), expected)
  })
})

describe("an address", () => {
  it("is read in every form of RFC 4291", () => {
    const same = ["2001:db8:0:0:0:0:0:1", "2001:DB8::1", "2001:db8::0:0:1", "2001:0db8::0001", "2001:db8::0.0.0.1"]
    for (const text of same) assert.deepEqual(parseIpv6(text), parseIpv6("2001:db8::1"), text)
    assert.deepEqual(parseIpv6("::"), new Array<number>(16).fill(0))
    assert.deepEqual(parseIpv6("1::"), [0, 1, ...new Array<number>(14).fill(0)])
    assert.strictEqual(parseIpv6("1:2:3:4:5:6:7.8.9.10")?.length, 16)
  })

  it.each([
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "12345::",
    "g::",
    "1.2.3.4::",
    "::1.2.3",
    "::1.2.3.256",
    "1:",
    ":1",
    "",
    "::1.2.3.4:5",
    "::01.2.3.4"
  ])("is not %j", (text) => {
    assert.isUndefined(parseIpv6(text))
  })

  it.each(["1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.x", "", "1.2.3.", "0x1.2.3.4"])(
    "is not %j",
    (text) => {
      assert.isUndefined(parseIpv4(text))
    }
  )
})
