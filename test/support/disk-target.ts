/** A target with the disks that a test wants, set up by RPC. */
import type { RpcClient, RpcParams } from "./rpc-client.ts"

/** The name that the target gets. */
export const diskTargetName = "iqn.2016-06.io.spdk:disks"

/** Makes a bdev: the method and its parameters, of which one is `name`. */
export type DiskCall = readonly [method: string, params: RpcParams & { readonly name: string }]

/** The disks become LUNs in their order, for everybody on this machine who comes to `port`. */
export const setUpDisks = async (rpc: RpcClient, port: number, disks: ReadonlyArray<DiskCall>): Promise<void> => {
  for (const [method, params] of disks) await rpc.call(method, params)
  await rpc.call("iscsi_create_portal_group", { tag: 1, portals: [{ host: "127.0.0.1", port: String(port) }] })
  await rpc.call("iscsi_create_initiator_group", { tag: 1, initiators: ["ANY"], netmasks: ["127.0.0.0/8"] })
  await rpc.call("iscsi_create_target_node", {
    name: diskTargetName.slice(diskTargetName.indexOf(":") + 1),
    alias_name: "",
    pg_ig_maps: [{ pg_tag: 1, ig_tag: 1 }],
    luns: disks.map(([, { name }], lun_id) => ({ bdev_name: name, lun_id })),
    queue_depth: 64,
    disable_chap: true
  })
}
