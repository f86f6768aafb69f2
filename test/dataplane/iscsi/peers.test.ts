/** What counts as one address, and what is remembered of it. */
import { assert, describe, it } from "vitest"
import { Peers, peerKey } from "../../../src/dataplane/iscsi/Peers.ts"
import { chapFailuresBurst, loginBurstSeconds, peersMax } from "../../../src/dataplane/limits.ts"

const connection = { giveWay: () => false }

describe("one address is", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1", true],
    ["192.0.2.1", "192.0.2.2", false],
    ["192.0.2.1", "::ffff:192.0.2.1", true],
    ["192.0.2.1", "::FFFF:192.0.2.1", true],
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true],
    ["2001:db8:1:2::1", "2001:0db8:0001:0002::9", true],
    ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
    ["fe80::1%eth0", "fe80::2%eth0", false],
    ["::1", "192.0.2.1", false],
    ["", "192.0.2.1", false]
  ])("%s and %s: %s", (a, b, same) => {
    assert.strictEqual(peerKey(a) === peerKey(b), same)
  })
})

describe("an address", () => {
  it("may log in for ten seconds' worth at once, and then as often as a second has logins", () => {
    let now = 0
    const peers = new Peers({ loginsPerSecond: 3 }, () => now)
    const count = (): number => {
      let logins = 0
      for (; peers.of("192.0.2.1").logins.allows(now); logins++) peers.of("192.0.2.1").logins.take()
      return logins
    }
    assert.strictEqual(count(), 3 * loginBurstSeconds)
    now += 2000
    assert.strictEqual(count(), 6)
    assert.isTrue(peers.of("192.0.2.2").logins.allows(now), "another is not held back")
  })

  it("is forgotten when it has nothing and has done nothing for a while, and not before", () => {
    let now = 0
    const peers = new Peers({}, () => now)
    const peer = peers.of("192.0.2.1")
    peer.connections.add(connection)
    peer.failures.take()
    now += 1000 * chapFailuresBurst
    peers.lookOver()
    assert.strictEqual(peers.size, 1)
    peer.connections.delete(connection)
    assert.isTrue(peer.failures.allows(now))
    peer.failures.take()
    peers.lookOver()
    assert.strictEqual(peers.of("192.0.2.1"), peer)
    now += 1000
    peers.lookOver()
    assert.strictEqual(peers.size, 0)
  })
})

it("no more addresses are remembered than may be, and those that are connected stay", () => {
  const peers = new Peers({}, () => 0)
  const first = peers.of("10.0.0.0")
  first.connections.add(connection)
  for (let each = 1; each < peersMax + 1000; each++) {
    peers.of(`10.${each >> 16}.${(each >> 8) & 255}.${each & 255}`).failures.take()
  }
  assert.strictEqual(peers.size, peersMax)
  assert.strictEqual(peers.of("10.0.0.0"), first)
})
