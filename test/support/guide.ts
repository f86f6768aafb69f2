/**
 * The example of SPDK's iSCSI guide as JSON-RPC calls: two malloc disks of 64 MiB, one portal group, one initiator
 * group, one target node. Addresses are loopback ones in place of the guide's.
 */
import { assert } from "vitest"
import type { RpcClient, RpcParams } from "./rpc-client.ts"

/** The target's name once SPDK's node base is put before the guide's `disk1`. */
export const guideTargetName = "iqn.2016-06.io.spdk:disk1"

/** One malloc disk of the guide: 64 MiB in blocks of 512 bytes. */
export const mallocBytes = 64 * 1024 * 1024

/** A command of the guide: the method, its parameters as rpc.py sends them, and the result SPDK answers. */
export interface GuideStep {
  readonly method: string
  readonly params: RpcParams
  readonly result: unknown
}

const mallocStep = (name: string): GuideStep => ({
  method: "bdev_malloc_create",
  params: { name, num_blocks: mallocBytes / 512, block_size: 512 },
  result: name
})

/** The guide's commands in its order, for a portal on `address`:`port`. */
export const guideSteps = (port: number, address = "127.0.0.1"): ReadonlyArray<GuideStep> => [
  mallocStep("Malloc0"),
  mallocStep("Malloc1"),
  {
    method: "iscsi_create_portal_group",
    params: { tag: 1, portals: [{ host: address, port: String(port) }] },
    result: true
  },
  {
    method: "iscsi_create_initiator_group",
    params: { tag: 2, initiators: ["ANY"], netmasks: ["127.0.0.1/32"] },
    result: true
  },
  {
    method: "iscsi_create_target_node",
    params: {
      name: "disk1",
      alias_name: "Data Disk1",
      pg_ig_maps: [{ pg_tag: 1, ig_tag: 2 }],
      luns: [
        { bdev_name: "Malloc0", lun_id: 0 },
        { bdev_name: "Malloc1", lun_id: 1 }
      ],
      queue_depth: 64,
      disable_chap: true
    },
    result: true
  }
]

/** Sends the guide's commands and checks each answer. */
export const setUpGuide = async (rpc: RpcClient, port: number, address = "127.0.0.1"): Promise<void> => {
  for (const step of guideSteps(port, address)) {
    assert.deepStrictEqual(await rpc.call(step.method, step.params), step.result, step.method)
  }
}

/** `iscsi://` of the guide's portal. */
export const portalUrl = (port: number, address = "127.0.0.1"): string => `iscsi://${address}:${port}`

/** `iscsi://` of a LUN of the guide's target. */
export const lunUrl = (port: number, lun: number, address = "127.0.0.1"): string =>
  `${portalUrl(port, address)}/${guideTargetName}/${lun}`
