/** What whoever starts a data plane decides about it, beside what the state says. */
import type { Effect } from "effect"
import type { ReactorSettings } from "./pool/start-reactors.ts"
import type { ReactorSurroundings } from "./reactor/Reactor.ts"
import type { IdentityStyle } from "./scsi/unit-identity.ts"

/** How the data plane is run. */
export interface DataPlaneSettings extends ReactorSurroundings, ReactorSettings {
  /** What all reactors may take together, in bytes; `defaultMemoryBytes` if absent. */
  readonly memoryBytes?: number | undefined
  readonly identityStyle: IdentityStyle
  /** From the start of a removal until what is left is aborted. */
  readonly removalDeadlineMillis: number
  /** How long portals wait for bdevs at boot; 10 s if absent. */
  readonly bootTimeoutMillis?: number
  /** What sessions that a user asks to log out have for it; 30 s if absent. */
  readonly logoutLimitMillis?: number
  /** How often devices and files are looked at, beside what the system tells; 1 s if absent, `off`: never. */
  readonly hotplugPollMillis?: number | "off"
  /** Where sysfs is; `/sys` if absent. */
  readonly sysfsRoot?: string
  /** Where device nodes are; `/dev` if absent. */
  readonly deviceRoot?: string
  /** Portals accept when this resolves. */
  readonly acceptWhen: Effect.Effect<void>
}
