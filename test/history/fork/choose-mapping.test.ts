/** Which addresses a fork gets, and which it cannot have. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import type { Portal } from "../../../src/domain/group/PortalGroup.ts"
import type { ForkMapping } from "../../../src/domain/replay/Fork.ts"
import { initialState, type State } from "../../../src/domain/State.ts"
import {
  addressesOf,
  choosePortals,
  chooseRedirects,
  type PortalWish
} from "../../../src/history/fork/choose-mapping.ts"
import { forkPortal } from "../../../src/history/fork/fork-names.ts"
import { createPortalGroup, disk1, guide, pgTag } from "../../domain/examples.ts"
import { historyOf } from "../../domain/specification.ts"
import { byOffset } from "./mapping-examples.ts"

const at = (host: string, port: number): Portal => ({ host, port })
const offset = (by: number): PortalWish => ({ _tag: "Offset", by })
const address = (host: string, port?: number): PortalWish => ({
  _tag: "Address",
  host,
  ...(port === undefined ? {} : { port })
})

/** Where each portal goes, or why not. */
const chosen = (own: ReadonlyArray<Portal>, wish: PortalWish, taken: ReadonlyArray<number> = []) => {
  const portals = choosePortals(own, wish, new Set(taken))
  if (Result.isFailure(portals)) return portals.failure
  return own
    .map((portal) => forkPortal({ portals: portals.success }, portal))
    .map(({ host, port }) => `${host}:${port}`)
}

describe("portals of a fork", () => {
  const two = [at("10.0.0.1", 3260), at("10.0.0.2", 3260)]

  it("are so many ports further", () => {
    assert.deepStrictEqual(chosen(two, offset(1000)), ["10.0.0.1:4260", "10.0.0.2:4260"])
    assert.deepStrictEqual(chosen(two, offset(-260)), ["10.0.0.1:3000", "10.0.0.2:3000"])
    assert.deepStrictEqual(chosen([], offset(1)), [])
  })

  it("are on one address, each with a port of its own", () => {
    assert.deepStrictEqual(chosen(two, address("127.0.0.1")), ["127.0.0.1:3260", "127.0.0.1:3261"])
    assert.deepStrictEqual(chosen(two, address("127.0.0.1", 9000)), ["127.0.0.1:9000", "127.0.0.1:9001"])
    assert.deepStrictEqual(chosen(two, address("127.0.0.1"), [3260, 3261]), ["127.0.0.1:3262", "127.0.0.1:3263"])
    assert.deepStrictEqual(chosen(two, address("10.0.0.2")), ["10.0.0.2:3261", "10.0.0.2:3262"])
    assert.deepStrictEqual(chosen([at("*", 3260)], address("127.0.0.1")), ["127.0.0.1:3261"])
  })

  it("are never the source's own, nor no ports at all", () => {
    const neighbours = [at("10.0.0.1", 3260), at("10.0.0.1", 3261)]
    assert.match(String(chosen(neighbours, offset(1))), /leads to 10\.0\.0\.1:3261, which is the source's own/u)
    assert.match(String(chosen([at("*", 1), at("10.0.0.1", 2)], offset(1))), /is the source's own/u)
    assert.match(String(chosen(two, offset(62_276))), /moves 10\.0\.0\.1:3260 out of .*; use at most 62275/u)
    assert.match(String(chosen(two, offset(-3260))), /use a positive one/u)
    assert.match(String(chosen(two, address("10.0.0.1", 3260))), /10\.0\.0\.1:3260 is the source's own/u)
    assert.match(String(chosen(two, address("127.0.0.1", 65_535))), /has no port left for 10\.0\.0\.2:3260/u)
    assert.match(String(chosen(two, address("localhost"))), /"localhost" is no address to listen on/u)
  })

  it("are those of both states, each once", () => {
    const { state } = historyOf(...guide)
    const later = historyOf(...guide, createPortalGroup(7, ["127.0.0.7", 3260])).state
    const { portals } = addressesOf([state, later])
    assert.deepStrictEqual(portals, [...addressesOf([state]).portals, at("127.0.0.7", 3260)])
    const group = { tag: pgTag(9), portals: [at("127.0.0.9", 3260)], private: false, wait: false }
    const events = [{ _tag: "PortalGroupCreated" as const, ...group }]
    assert.deepStrictEqual(addressesOf([state, later], events).portals, [...portals, at("127.0.0.9", 3260)])
  })
})

describe("redirects of a fork", () => {
  const withRedirect = (host: string, port: number): State =>
    historyOf(...guide, { _tag: "SetTargetNodeRedirect", target: disk1, portalGroup: 1, host, port }).state
  const sent = (state: State, portals: ReadonlyArray<Portal>) => ({ ...addressesOf([state]), portals })
  const mapping: ForkMapping = { ...byOffset, redirects: [] }

  it("lead to the fork's portal if they led to the source's, and else stay", () => {
    const foreign = withRedirect("10.9.9.9", 3260)
    assert.deepStrictEqual(chooseRedirects(addressesOf([foreign]), mapping, []), {
      mapped: [],
      foreign: [at("10.9.9.9", 3260)]
    })
    const own = [at("10.9.9.9", 3260)]
    const moved = { from: at("10.9.9.9", 3260), to: at("10.9.9.9", 13_260) }
    assert.deepStrictEqual(chooseRedirects(sent(foreign, own), mapping, []), { mapped: [moved], foreign: [] })
    const everywhere = [at("*", 3260)]
    assert.deepStrictEqual(chooseRedirects(sent(foreign, everywhere), mapping, ["10.9.9.9"]).mapped, [moved])
    assert.deepStrictEqual(chooseRedirects(sent(foreign, everywhere), mapping, []).mapped, [])
    assert.deepStrictEqual(chooseRedirects(sent(initialState, own), mapping, []), { mapped: [], foreign: [] })
  })
})
