/**
 * What the schedule believes to be there: all that it has asked for, as if every request had succeeded at once. It need
 * not be right, only good enough for most actions to make sense.
 */
import type { Random } from "../../support/initiator/random.ts"
import type { RpcParams } from "../../support/rpc-client.ts"
import { attackedBdev, errorName, partNames, witnessBdev, witnessTarget } from "../names.ts"

/** Belief. */
export class Belief {
  /** Names, with what each is stacked on. */
  readonly bdevs = new Map<string, string | undefined>()
  readonly targets = new Map<string, Map<number, string>>()
  readonly groups = new Set<number>()
  /** Session names with their targets. */
  readonly sessions = new Map<string, string>()

  /** What a run begins with is no concern of the schedule, beside the witness. */
  constructor() {
    this.targets.set(witnessTarget, new Map([[0, witnessBdev]]))
  }

  /** Bdevs that may be mapped or stacked on. */
  get free(): ReadonlyArray<string> {
    return [...this.bdevs.keys()].filter((name) => name !== witnessBdev && name !== attackedBdev)
  }

  /** Targets of the run's own. */
  get ownTargets(): ReadonlyArray<string> {
    return [...this.targets.keys()].filter((name) => name !== witnessTarget)
  }

  /** Sessions that IO can be sent by, without the witness. */
  get ownSessions(): ReadonlyArray<string> {
    return [...this.sessions].filter(([, target]) => target !== witnessTarget).map(([name]) => name)
  }

  /** A server is started again: sessions are gone. */
  restarted(): void {
    this.sessions.clear()
  }

  /** A request was scheduled. */
  asked(method: string, params: RpcParams): void {
    const name = String(params["name"] ?? "")
    if (/^bdev_(malloc|null|aio|nbd)_create$/.test(method)) this.bdevs.set(name, undefined)
    else if (method === "bdev_delay_create") this.bdevs.set(name, String(params["base_bdev_name"]))
    else if (method === "bdev_passthru_create") this.bdevs.set(name, String(params["base_bdev_name"]))
    else if (method === "bdev_split_create") {
      const base = String(params["base_bdev"])
      for (const part of partNames(base)) this.bdevs.set(part, base)
    } else if (method === "bdev_split_delete") {
      for (const part of partNames(String(params["base_bdev"]))) this.#bdevGoes(part)
    } else if (method === "bdev_error_create") {
      const base = String(params["base_name"])
      this.bdevs.set(errorName(base), base)
    } else if (/^bdev_\w+_delete$/.test(method)) this.#bdevGoes(name)
    else if (method === "iscsi_create_target_node") this.#targetComes(name, params["luns"])
    else if (method === "iscsi_delete_target_node") this.targets.delete(name)
    else if (method === "iscsi_target_node_add_lun") {
      this.targets.get(name)?.set(Number(params["lun_id"]), String(params["bdev_name"]))
    } else if (method === "iscsi_target_node_remove_lun") this.targets.get(name)?.delete(Number(params["lun_id"]))
    else if (method === "iscsi_create_initiator_group") this.groups.add(Number(params["tag"]))
    else if (method === "iscsi_delete_initiator_group") this.groups.delete(Number(params["tag"]))
  }

  #targetComes(name: string, luns: unknown): void {
    const own = new Map<number, string>()
    for (const lun of Array.isArray(luns) ? luns : []) own.set(Number(lun.lun_id), String(lun.bdev_name))
    this.targets.set(name, own)
  }

  #bdevGoes(name: string): void {
    this.bdevs.delete(name)
    for (const luns of this.targets.values()) {
      for (const [lun, bdev] of luns) if (bdev === name) luns.delete(lun)
    }
    for (const [above, base] of [...this.bdevs]) if (base === name) this.#bdevGoes(above)
  }
}

/** One of a list; undefined if it is empty. */
export const pickOf = <A>(random: Random, list: ReadonlyArray<A>): A | undefined => list[random.below(list.length)]
