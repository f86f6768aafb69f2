/** Who may log in and who may see a target, and how netmasks match. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { type AccessList, admittingRule, compileAccessList, discoverable } from "../../src/domain/access.ts"
import { parseIpv4, parseIpv6, parsePeerAddress } from "../../src/domain/address.ts"
import { compileNetmask, netmaskMatches } from "../../src/domain/netmask.ts"

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
