/**
 * A small site for the console to show: databases, virtual machines and backups, with hosts that do IO. What the tests
 * look at, and what the pictures of docs/console.md show.
 */
import { writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { clearUnitAttentions } from "../initiator/commands.ts"
import { Session } from "../initiator/Session.ts"
import type { Endpoint } from "../initiator/Wire.ts"
import { freePort, makeDirectory, removeDirectory } from "../target-process.ts"
import { type ConsoleTarget, type ConsoleTargetOptions, startConsoleTarget } from "./ConsoleTarget.ts"

/** Names of the site's targets and hosts. */
export const siteNames = {
  database: "iqn.2026-01.org.example:db",
  virtualMachines: "iqn.2026-01.org.example:vm",
  backup: "iqn.2026-01.org.example:backup",
  databaseHost: "iqn.2026-01.org.example:db01",
  virtualMachineHosts: ["iqn.2026-01.org.example:esx01", "iqn.2026-01.org.example:esx02"],
  backupHost: "iqn.2026-01.org.example:bk01"
} as const

/** LUNs of the target for virtual machines. */
export const virtualMachines = 4

const hypervisors = siteNames.virtualMachineHosts.map((name) => `"${name}"`).join(", ")
const machines = Array.from({ length: virtualMachines }, (_, index) => `vm-0${index + 1}`)

/** `EE_journal` and `EE_archive` can be made to fail and to hang (`bdev_error_inject_error`). */
const siteConfig = (port: number): string => `
options: { nodeBase: iqn.2026-01.org.example }
bdevs:
  - { type: malloc, name: tables, size: 32MiB }
  - { type: malloc, name: journal, size: 16MiB }
  - { type: error, base: journal }
${machines.map((name) => `  - { type: "null", name: ${name}-disk, size: 120GiB }`).join("\n")}
${machines
  .map(
    (name, index) =>
      `  - { type: delay, name: ${name}, base: ${name}-disk, averageRead: ${800 + 400 * index}us, p99Read: 6ms, ` +
      `averageWrite: ${400 + 200 * index}us, p99Write: 4ms }`
  )
  .join("\n")}
  - { type: "null", name: archive, size: 2TiB }
  - { type: error, base: archive }
portalGroups:
  - { name: storage, portals: ["127.0.0.1:${port}"] }
initiatorGroups:
  - { name: database, initiators: ["${siteNames.databaseHost}"], netmasks: [127.0.0.0/8] }
  - { name: hypervisors, initiators: [${hypervisors}], netmasks: [127.0.0.0/8] }
  - { name: backup, initiators: ["${siteNames.backupHost}"], netmasks: [127.0.0.0/8] }
targets:
  - name: db
    alias: Databases
    maps: [{ portalGroup: storage, initiatorGroup: database }]
    luns: [{ lun: 0, bdev: tables }, { lun: 1, bdev: EE_journal }]
  - name: vm
    alias: Virtual machines
    maps: [{ portalGroup: storage, initiatorGroup: hypervisors }]
    luns: [${machines.map((name, lun) => `{ lun: ${lun}, bdev: ${name} }`).join(", ")}]
  - name: backup
    maps: [{ portalGroup: storage, initiatorGroup: backup }]
    luns: [{ lun: 0, bdev: EE_archive }]
`

/** The site's hosts, logged in. */
export interface Hosts {
  readonly database: Session
  readonly virtualMachines: ReadonlyArray<Session>
  readonly backup: Session
}

/** The site's target, which runs. */
export interface Site extends ConsoleTarget {
  readonly endpoint: Endpoint
  /** Lets every host log in. */
  readonly logIn: () => Promise<Hosts>
  /** Its configuration file. */
  readonly config: string
}

const logIn = async (endpoint: Endpoint): Promise<Hosts> => {
  const open = async (targetName: string, initiatorName: string, luns: number): Promise<Session> => {
    const session = await Session.open({ endpoint, targetName, initiatorName })
    for (let lun = 0; lun < luns; lun++) await clearUnitAttentions(session, lun)
    return session
  }
  const [first, second] = siteNames.virtualMachineHosts
  return {
    database: await open(siteNames.database, siteNames.databaseHost, 2),
    virtualMachines: [
      await open(siteNames.virtualMachines, first, virtualMachines),
      await open(siteNames.virtualMachines, second, virtualMachines)
    ],
    backup: await open(siteNames.backup, siteNames.backupHost, 1)
  }
}

/** Starts the site's target, with the console. */
export const startSite = async (options: ConsoleTargetOptions = {}): Promise<Site> => {
  const directory = makeDirectory("site")
  try {
    const config = join(directory, "site.yaml")
    const port = await freePort()
    writeFileSync(config, siteConfig(port))
    // Relative, as the log tells of it.
    const target = await startConsoleTarget({ configFile: basename(config), ...options, directory })
    const endpoint = { host: "127.0.0.1", port }
    return {
      ...target,
      endpoint,
      config,
      logIn: () => logIn(endpoint),
      [Symbol.asyncDispose]: async () => {
        await target[Symbol.asyncDispose]()
        removeDirectory(directory)
      }
    }
  } catch (error) {
    removeDirectory(directory)
    throw error
  }
}
