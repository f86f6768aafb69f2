/**
 * The objects of a state, by kind and key, as plans see them: a running state, what a file wants, and what is to be all
 * have this form. Only objects that are there to stay. `kinds.ts` makes it of a state.
 */
import type { AuthGroup } from "../../domain/auth/AuthGroup.ts"
import type { Bdev } from "../../domain/bdev/Bdev.ts"
import type { InitiatorGroup } from "../../domain/group/InitiatorGroup.ts"
import type { PortalGroup } from "../../domain/group/PortalGroup.ts"
import type { IscsiOptions } from "../../domain/options/IscsiOptions.ts"
import type { LogOptions } from "../../domain/options/LogOptions.ts"
import type { TargetNode } from "../../domain/target/TargetNode.ts"

/** In creation order. `options` and `log` have one entry, or none where a file says nothing of them. */
export interface Model {
  readonly options: ReadonlyMap<string, IscsiOptions>
  readonly log: ReadonlyMap<string, LogOptions>
  readonly authGroups: ReadonlyMap<string, AuthGroup>
  readonly bdevs: ReadonlyMap<string, Bdev>
  readonly portalGroups: ReadonlyMap<string, PortalGroup>
  readonly initiatorGroups: ReadonlyMap<string, InitiatorGroup>
  readonly targets: ReadonlyMap<string, TargetNode>
}

/** Whether there is an object, or will be. */
export type IsThere = (section: keyof Model, key: string) => boolean
