/** SPDK's JSON as a native configuration: what its calls lead to, and what of them is told instead. */
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { assert } from "vitest"
import { convertSpdk } from "../../src/cli/config/convert-spdk.ts"
import { convertedFile } from "../../src/config/foreign/converted-file.ts"
import { nativeConfigOf } from "../../src/config/native/native-config-of.ts"
import type { NativeConfig } from "../../src/config/native/native-schema.ts"
import { tryOut } from "../../src/config/native/try-out.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import { secretTexts } from "../../src/rpc/export-formats.ts"
import { exportSpdk } from "../../src/rpc/export-spdk.ts"
import { openSecrets, randomState } from "../rpc/random-state.ts"

const statesMax = 12

const file = (...calls: ReadonlyArray<string>): string => `{ "subsystems": [
  { "subsystem": "nvmf", "config": [ { "method": "nvmf_set_config", "params": {} } ] },
  { "subsystem": "bdev", "config": [
${calls.join(",\n")}
] } ] }`

/** SPDK's file names every UUID, knows no event log, and an auth file is read. */
const comparable = ({ bdevs = [], log: ___, options, ...rest }: NativeConfig) => {
  const { authFile: _, ...others } = options ?? {}
  return { ...rest, options: others, bdevs: bdevs.map(({ uuid: __, ...bdev }) => bdev) }
}

it.effect("calls that can be made are, and the others are told with their lines", () =>
  Effect.gen(function* () {
    const source = file(
      '{ "method": "bdev_set_options", "params": { "bdev_io_pool_size": 65535, "bdev_io_cache_size": 256 } }',
      '{ "method": "bdev_aio_create", "params": { "name": "A", "filename": "/not/here.img", "block_size": 4096 } }',
      '{ "method": "bdev_set_qos_limit", "params": { "name": "A", "rw_mbytes_per_sec": 100 } }',
      '{ "method": "bdev_raid_create", "params": { "name": "A", "raid_level": "0" } }',
      '{ "method": "bdev_null_create", "params": { "name": "A", "num_blocks": 8, "block_size": 512 } }',
      '{ "method": "iscsi_create_auth_group", "params": { "tag": 1, "secrets": [ { "user": "u", "secret": "s$x" } ] } }'
    )
    const conversion = yield* convertSpdk("s.json", source)
    assert.deepStrictEqual(conversion.config.bdevs, [
      { type: "aio", name: "A", file: "/not/here.img", blockSize: 4096, qos: { readWriteMiBPerSecond: 100 } }
    ])
    assert.deepStrictEqual(conversion.config.authGroups, [{ tag: 1, secrets: [{ user: "u", secret: "s$x" }] }])
    assert.deepStrictEqual(
      conversion.warnings.map((warning) => warning.slice(0, 30)),
      ["s.json:2 subsystem nvmf does n", "s.json:7 there is no method bd", "s.json:8 bdev_null_create: Fil"]
    )
    yield* tryOut(convertedFile("s.json", conversion))
  })
)

it.effect("what can be made in part is: a disk without nowait, a target without a LUN", () =>
  Effect.gen(function* () {
    const aio = (params: string) => `{ "method": "bdev_aio_create", "params": { ${params} } }`
    const target = (luns: string) =>
      `{ "method": "iscsi_create_target_node", "params": { "name": "t", "alias_name": "t", "queue_depth": 8,
         "pg_ig_maps": [ { "pg_tag": 1, "ig_tag": 1 } ], "luns": [ ${luns} ] } }`
    const source = file(
      aio('"name": "A", "filename": "/a", "block_size": 512, "fallocate": true, "nowait": true'),
      aio('"name": "B", "filename": "/dev/sdb", "block_size": 512'),
      `{ "method": "iscsi_create_portal_group",
         "params": { "tag": 1, "portals": [ { "host": "127.0.0.1", "port": "1" } ] } }`,
      '{ "method": "iscsi_create_initiator_group", "params": { "tag": 1, "initiators": ["ANY"], "netmasks":["ANY"] } }',
      target(
        '{ "bdev_name": "B", "lun_id": 0 }, { "bdev_name": "A", "lun_id": 1 }, { "bdev_name": "Nvme0n1", "lun_id": 2 }'
      )
    )
    const { config, warnings } = yield* convertSpdk("s.json", source)
    assert.deepStrictEqual(config.bdevs, [
      { type: "aio", name: "A", file: "/a", fallocate: true },
      { type: "aio", name: "B", file: "/dev/sdb", blockSize: 512 }
    ])
    assert.deepStrictEqual(config.targets?.[0]?.luns, [
      { lun: 0, bdev: "B" },
      { lun: 1, bdev: "A" }
    ])
    assert.strictEqual(warnings[1], "s.json:4 bdev_aio_create: nowait is left out: only block devices have it")
    assert.deepStrictEqual(warnings.slice(-1), [
      "s.json:9 iscsi_create_target_node: the LUN of bdev Nvme0n1 is left out: it was not made"
    ])
  })
)

it.live("a file that was exported becomes what the state is as a native file", () =>
  Effect.gen(function* () {
    for (let seed = 1; seed <= statesMax; seed++) {
      const state = randomState(seed)
      const { text, warnings } = yield* exportSpdk(state, true)
      const conversion = yield* convertSpdk("s.json", text)
      assert.deepStrictEqual(conversion.warnings, [], `seed ${seed}`)
      if (warnings.some((warning) => !warning.startsWith("the event log"))) continue
      const texts = yield* secretTexts(state)
      const expected = nativeConfigOf(state, (key) => texts.get(key) ?? "")
      assert.deepStrictEqual(comparable(conversion.config), comparable(expected), `seed ${seed}`)
    }
  }).pipe(Effect.provideService(Secrets, openSecrets))
)

it.effect("a text that is no configuration of SPDK is refused", () =>
  Effect.gen(function* () {
    const failure = yield* Effect.flip(convertSpdk("s.json", '{ "subsystems": 3 }'))
    assert.match(failure.message, /^s\.json:1 /u)
  })
)
