/** What is told of logins that cannot work, for nobody can prove what they require. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { tryOut } from "../../src/config/native/try-out.ts"
import { refusedLogins } from "../../src/domain/observation/refused-logins.ts"
import { readText } from "./support.ts"

const told = (source: string) => Effect.map(tryOut(readText(source)), refusedLogins)

const targets = (...parts: ReadonlyArray<string>): string => {
  const nodes = parts.map((part, index) => `{ name: "iqn.2020-01.a:${index}", maps: [], luns: [], ${part} }`)
  return `targets: [${nodes.join(", ")}]`
}

describe("a login that is refused in any case", () => {
  it.effect("is told once for all targets that require the same", () =>
    Effect.gen(function* () {
      const requiring = ["auth: { requireChap: true }", "headerDigest: true", "dataDigest: true"]
      assert.deepStrictEqual(yield* told(targets("alias: open", ...requiring, "auth: { requireChap: true }")), [
        "every login is refused, as CHAP is required and no auth group is set: iqn.2020-01.a:1, iqn.2020-01.a:4"
      ])
      const [text] = yield* told(targets(...Array.from({ length: 23 }, () => "auth: { requireChap: true }")))
      assert.match(text ?? "", /iqn\.2020-01\.a:19 and 3 more$/)
    })
  )

  it.effect("is told of discovery, everywhere or over one portal group", () =>
    Effect.gen(function* () {
      const groups = `portalGroups:
  - { tag: 1, portals: ["127.0.0.1:1"] }
  - { tag: 2, portals: ["127.0.0.1:2"], auth: { requireChap: true } }`
      assert.deepStrictEqual(yield* told(groups), [
        "discovery over portal group 2 is refused, as CHAP is required and no auth group is set"
      ])
      assert.deepStrictEqual(yield* told(`${groups}\noptions: { discoveryAuth: { requireChap: true } }`), [
        "every discovery is refused, as CHAP is required and no auth group is set"
      ])
    })
  )

  it.effect("is told of auth groups that let nobody in", () =>
    Effect.gen(function* () {
      const auth = (group: string | number, more = "") => `auth: { requireChap: true, chapGroup: ${group}${more} }`
      const nodes = targets(auth(7), auth("empty"), auth("hosts"), auth("hosts", ", mutualChap: true"))
      const secrets = `secrets: [{ user: anna, secret: "0123456789ab" }]`
      assert.deepStrictEqual(
        yield* told(
          `${nodes}\nauthGroups: [{ name: empty, tag: 3, secrets: [] }, { name: hosts, tag: 4, ${secrets} }]`
        ),
        [
          "every login is refused, as CHAP is required and auth group 7 does not exist: iqn.2020-01.a:0",
          "every login is refused, as CHAP is required and auth group 3 has no user: iqn.2020-01.a:1",
          "every login is refused, as mutual CHAP is required and no user of auth group 4 has a mutual secret: " +
            "iqn.2020-01.a:3"
        ]
      )
    })
  )

  it.effect("is not told of discovery that a portal group has secrets for", () =>
    Effect.gen(function* () {
      const source = `options: { discoveryAuth: { requireChap: true } }
authGroups: [{ name: hosts, tag: 4, secrets: [{ user: anna, secret: "0123456789ab" }] }]
portalGroups:
  - { tag: 1, portals: ["127.0.0.1:1"] }
  - { tag: 2, portals: ["127.0.0.1:2"], auth: { requireChap: true, chapGroup: hosts } }`
      assert.deepStrictEqual(yield* told(source), [
        "discovery over portal group 1 is refused, as CHAP is required and no auth group is set"
      ])
    })
  )

  it.effect("is not told where nothing of that is required", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* told(targets("alias: a", "auth: { disableChap: true }")), [])
    })
  )
})
