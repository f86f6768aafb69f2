/** Auth groups, authentication, redirects and logout requests over the socket: sentences, results, sealed secrets. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { RpcClient } from "../../src/rpc/RpcClient.ts"
import { failure, runningTarget } from "./target-support.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const disk1 = "iqn.2016-06.io.spdk:disk1"
const anna = { user: "anna", secret: "open sesame one" }
const bert = { user: "bert", secret: "open sesame two", muser: "target", msecret: "open sesame back" }
const off = { disable_chap: false, require_chap: false, mutual_chap: false, chap_group: 0 }

const refused = (client: RpcClient, method: string, params: object, message: string, reason: RegExp) =>
  Effect.gen(function* () {
    const error = yield* failure(client.call(method, params))
    assert.strictEqual(error.code, -32602)
    assert.strictEqual(error.text, message)
    assert.match(JSON.stringify(error.data), reason)
    assert.notMatch(JSON.stringify(error.data), /sesame/)
  })

/** A public portal group 1, a private one 2, and a target that is mapped to both. */
const withTarget = (client: RpcClient) =>
  Effect.gen(function* () {
    for (const [tag, port] of [1, 2].map((each) => [each, 3259 + each])) {
      const portals = [{ host: "127.0.0.1", port: String(port) }]
      yield* client.call("iscsi_create_portal_group", { tag, portals, private: tag === 2 })
    }
    yield* client.call("iscsi_create_initiator_group", { tag: 1, initiators: ["ANY"], netmasks: ["ANY"] })
    yield* client.call("bdev_malloc_create", { name: "Malloc0", num_blocks: 2048, block_size: 512 })
    yield* client.call("iscsi_create_target_node", {
      name: "disk1",
      alias_name: "",
      pg_ig_maps: [1, 2].map((pg_tag) => ({ pg_tag, ig_tag: 1 })),
      luns: [{ bdev_name: "Malloc0", lun_id: 0 }],
      queue_depth: 64
    })
  })

describe("auth groups", () => {
  live("show their secrets on the socket as they were given, with SPDK's members in SPDK's order", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      assert.isTrue(yield* client.call("iscsi_create_auth_group", { tag: 7, secrets: [bert] }))
      assert.isTrue(yield* client.call("iscsi_auth_group_add_secret", { tag: 7, ...anna }))
      assert.isTrue(yield* client.call("iscsi_create_auth_group", { tag: 2 }))
      const expected = [
        { tag: 7, secrets: [bert, anna] },
        { tag: 2, secrets: [] }
      ]
      assert.strictEqual(JSON.stringify(yield* client.call("iscsi_get_auth_groups")), JSON.stringify(expected))
      yield* client.call("iscsi_auth_group_remove_secret", { tag: 7, user: "bert" })
      yield* client.call("iscsi_delete_auth_group", { tag: 2 })
      assert.deepStrictEqual(yield* client.call("iscsi_get_auth_groups"), [{ tag: 7, secrets: [anna] }])
    })
  )

  live("have no secret in the log, in the status, or in an error", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* client.call("iscsi_create_auth_group", { tag: 7, secrets: [anna, bert] })
      yield* client.call("iscsi_auth_group_add_secret", { tag: 7, ...anna, user: "carl" })
      const shown = [yield* client.call("eventlog_tail", { count: 100 }), yield* client.call("lunlog_status")]
      for (const text of [anna.secret, bert.secret, bert.msecret]) {
        assert.notInclude(JSON.stringify(shown), text)
        assert.notInclude(JSON.stringify(shown), Buffer.from(text).toString("base64").slice(0, 8))
      }
      assert.include(JSON.stringify(shown), '"user":"anna"')
    })
  )

  live("refuse with SPDK's sentences, and say what is wrong without the secret", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* client.call("iscsi_create_auth_group", { tag: 7, secrets: [anna] })
      const create = "iscsi_create_auth_group"
      const add = "iscsi_auth_group_add_secret"
      yield* refused(client, create, { tag: 7 }, "Could not add auth group (7), File exists", /exists/)
      yield* refused(client, create, { tag: 0 }, "Could not add auth group (0), Invalid argument", /0 stands for/)
      const twice = "Could not add secret to auth group (8), File exists"
      yield* refused(client, create, { tag: 8, secrets: [anna, anna] }, twice, /has a secret already/)
      const wrong = "Could not add secret to auth group (8), Invalid argument"
      const { muser: _, ...half } = bert
      yield* refused(client, create, { tag: 8, secrets: [half] }, wrong, /msecret without muser/)
      const long = { ...anna, secret: "open sesame".repeat(30) }
      yield* refused(client, create, { tag: 8, secrets: [long] }, wrong, /1 to 255 bytes/)
      yield* refused(client, add, { tag: 8, ...anna }, "Could not find auth group (8)", /does not exist/)
      const taken = "Could not add secret to auth group (7), File exists"
      yield* refused(client, add, { tag: 7, ...anna }, taken, /has a secret already/)
      const none = "Could not delete secret from CHAP group (7), No such device"
      yield* refused(client, "iscsi_auth_group_remove_secret", { tag: 7, user: "x" }, none, /has no secret/)
      yield* refused(client, "iscsi_delete_auth_group", { tag: 8 }, "Could not find auth group (8)", /check the tag/)
      assert.deepStrictEqual(yield* client.call("iscsi_get_auth_groups"), [{ tag: 7, secrets: [anna] }])
    })
  )
})

describe("authentication", () => {
  live("of discovery is shown by the options, that of a target by the target", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* withTarget(client)
      const required = { ...off, require_chap: true, mutual_chap: true, chap_group: 3 }
      assert.isTrue(yield* client.call("iscsi_set_discovery_auth", required))
      assert.deepInclude(yield* client.call("iscsi_get_options"), required)
      assert.isTrue(yield* client.call("iscsi_set_discovery_auth", {}))
      assert.deepInclude(yield* client.call("iscsi_get_options"), off)
      assert.isTrue(yield* client.call("iscsi_target_node_set_auth", { name: disk1, disable_chap: true }))
      const targets = yield* client.call("iscsi_get_target_nodes")
      assert.deepInclude(JSON.parse(JSON.stringify(targets))[0], { ...off, disable_chap: true })
      assert.isTrue(yield* client.call("iscsi_portal_group_set_auth", { tag: 1, require_chap: true }))
    })
  )

  live("that makes no sense, or is of nothing, is refused", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* withTarget(client)
      const both = { disable_chap: true, require_chap: true }
      const wrong = "Invalid combination of auth params"
      const chap = "Invalid combination of CHAP params"
      yield* refused(client, "iscsi_set_discovery_auth", both, chap, /disables CHAP and requires it/)
      yield* refused(client, "iscsi_portal_group_set_auth", { tag: 1, ...both }, wrong, /portal group 1/)
      yield* refused(client, "iscsi_target_node_set_auth", { name: disk1, chap_group: -1 }, wrong, /group -1/)
      yield* refused(client, "iscsi_portal_group_set_auth", { tag: 9 }, "Could not find portal group 9", /create it/)
      const none = { name: "iqn.2016-06.io.spdk:none" }
      yield* refused(client, "iscsi_target_node_set_auth", none, `Could not find target ${none.name}`, /full name/)
    })
  )
})

describe("redirects and logout requests", () => {
  live("are taken, and cleared by neither host nor port", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* withTarget(client)
      const redirect = { name: disk1, pg_tag: 1, redirect_host: "127.0.0.1", redirect_port: "3261" }
      assert.isTrue(yield* client.call("iscsi_target_node_set_redirect", redirect))
      assert.isTrue(yield* client.call("iscsi_target_node_set_redirect", { name: disk1, pg_tag: 1 }))
      assert.isTrue(yield* client.call("iscsi_target_node_request_logout", { name: disk1 }))
      assert.isTrue(yield* client.call("iscsi_target_node_request_logout", { name: disk1, pg_tag: 2 }))
      const tail = JSON.stringify(yield* client.call("eventlog_tail", { count: 4 }))
      const types = [...tail.matchAll(/"type":"(\w+)"/g)].map(([, type]) => type)
      const requested = "TargetNodeLogoutRequested"
      assert.deepStrictEqual(types, ["TargetNodeRedirectSet", "TargetNodeRedirectCleared", requested, requested])
    })
  )

  live("are refused with SPDK's sentences", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* withTarget(client)
      const method = "iscsi_target_node_set_redirect"
      const good = { name: disk1, pg_tag: 1, redirect_host: "127.0.0.1", redirect_port: "3261" }
      const failed = `Failed to redirect target ${disk1}, (-22): Invalid argument`
      yield* refused(client, method, { ...good, pg_tag: 9 }, failed, /not mapped/)
      yield* refused(client, method, { ...good, pg_tag: 2 }, failed, /private/)
      yield* refused(client, method, { ...good, redirect_host: "host" }, failed, /IPv4 address/)
      yield* refused(client, method, { ...good, redirect_port: "70000" }, failed, /1 to 65535/)
      yield* refused(client, method, { ...good, redirect_port: "32x" }, failed, /no number/)
      yield* refused(client, method, { ...good, redirect_port: "3260" }, failed, /circle/)
      const { redirect_port: _, ...half } = good
      yield* refused(client, method, half, failed, /a host and no port/)
      const none = "iqn.2016-06.io.spdk:none"
      yield* refused(client, method, { ...good, name: none }, `Target ${none} is not found`, /does not exist/)
      const logout = "iscsi_target_node_request_logout"
      yield* refused(client, logout, { name: none }, `Target ${none} is not found`, /does not exist/)
      yield* refused(client, logout, { name: disk1, pg_tag: 0 }, "Invalid parameters", /1 to 65535/)
    })
  )
})
