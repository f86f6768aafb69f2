/**
 * What `npm start` serves: the example of SPDK's iSCSI guide, on the loopback address. `docs/example.yaml` is the
 * same.
 */

/** A native configuration with one portal on `127.0.0.1:port`. */
export const demoConfig = (port: number): string => `
bdevs:
  - { type: malloc, name: Malloc0, size: 64 MiB, blockSize: 512 }
  - { type: malloc, name: Malloc1, size: 64 MiB, blockSize: 512 }
portalGroups:
  - tag: 1
    portals: ["127.0.0.1:${port}"] # for other machines: "*:${port}", and see the netmasks
initiatorGroups:
  - tag: 2
    initiators: [ANY]
    netmasks: [127.0.0.0/8] # for other machines: their network, such as 192.168.1.0/24, or ANY
targets:
  - name: disk1
    alias: Data Disk1
    maps: [{ portalGroup: 1, initiatorGroup: 2 }]
    luns:
      - { lun: 0, bdev: Malloc0 }
      - { lun: 1, bdev: Malloc1 }
    auth: { disableChap: true }
`

/** Full name of its target. */
export const demoTarget = "iqn.2016-06.io.spdk:disk1"
