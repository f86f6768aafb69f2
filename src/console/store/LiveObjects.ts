/**
 * What there is: targets, bdevs, groups, sessions, and the status with its warnings and drains, as signals. Asked for
 * when the log says that something has changed, never in a fixed beat.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals"
import {
  type Access,
  type Bdev,
  getAccess,
  getBdevs,
  getInitiatorGroups,
  getPortalGroups,
  getSessions,
  getTargets,
  type InitiatorGroup,
  lunlogStatus,
  type PortalGroup,
  type Session,
  type Status,
  type Target
} from "../rpc/methods.ts"
import type { Method, Outcome, RpcClient } from "../rpc/RpcClient.ts"
import type { RpcProblem } from "../rpc/RpcProblem.ts"
import { holding, isSame } from "./is-same.ts"
import { objectIndex } from "./ObjectIndex.ts"

/** Undefined means that it was not asked for yet. */
type Maybe<A> = ReadonlySignal<A | undefined>

/** The signals, for components. */
export interface Objects {
  readonly status: Maybe<Status>
  readonly targets: Maybe<ReadonlyArray<Target>>
  /** While a page watches them. */
  readonly bdevs: Maybe<ReadonlyArray<Bdev>>
  readonly sessions: Maybe<ReadonlyArray<Session>>
  readonly portalGroups: Maybe<ReadonlyArray<PortalGroup>>
  readonly initiatorGroups: Maybe<ReadonlyArray<InitiatorGroup>>
  /** Why the last look has failed, if it has. */
  readonly problem: Maybe<RpcProblem>
}

/** Asks, and keeps the answers. */
export class LiveObjects implements Objects {
  readonly #client: RpcClient
  readonly #sameDrains = holding<Status["lun_drains"]>()
  readonly #samePortals = holding<Status["portals"]>()
  readonly #sameStates = holding<Status["bdevs"]>()
  readonly status = signal<Status | undefined>(undefined)
  readonly targets = signal<ReadonlyArray<Target> | undefined>(undefined)
  readonly bdevs = signal<ReadonlyArray<Bdev> | undefined>(undefined)
  readonly sessions = signal<ReadonlyArray<Session> | undefined>(undefined)
  readonly portalGroups = signal<ReadonlyArray<PortalGroup> | undefined>(undefined)
  readonly initiatorGroups = signal<ReadonlyArray<InitiatorGroup> | undefined>(undefined)
  readonly problem = signal<RpcProblem | undefined>(undefined)

  /** What this page may do; undefined where the server has no such method. */
  readonly access = signal<Access | undefined>(undefined)
  /** Counts up with every whole look: what asks for more does it again. */
  readonly turn = signal(0)
  /** LUNs that go; the same list as long as nothing about them changes. */
  readonly drains = computed(() => this.#sameDrains(this.status.value?.lun_drains ?? []))
  /** Where is listened, likewise. */
  readonly portals = computed(() => this.#samePortals(this.status.value?.portals ?? []))
  readonly #states = computed(() => this.#sameStates(this.status.value?.bdevs ?? []))
  /** By name, and by what is linked to what. */
  readonly index = computed(() =>
    objectIndex({
      drains: this.drains.value,
      states: this.#states.value,
      targets: this.targets.value ?? [],
      bdevs: this.bdevs.value ?? [],
      sessions: this.sessions.value ?? []
    })
  )
  #bdevWatchers = 0
  #areBdevsStale = true

  constructor(client: RpcClient) {
    this.#client = client
  }

  /** Everything, in one batch. True if all of it was answered. */
  async refreshAll(): Promise<boolean> {
    const answers = [
      this.#look(lunlogStatus, this.status),
      this.#look(getTargets, this.targets),
      ...(this.#bdevWatchers === 0 ? [] : [this.#look(getBdevs, this.bdevs)]),
      this.#look(getSessions, this.sessions),
      this.#look(getPortalGroups, this.portalGroups),
      this.#look(getInitiatorGroups, this.initiatorGroups)
    ]
    void this.#client.call(getAccess).then((outcome) => {
      if (outcome._tag === "Answer") this.access.value = outcome.value
    })
    this.#areBdevsStale = this.#bdevWatchers === 0
    const isAnswered = this.#keep(await Promise.all(answers))
    this.turn.value += 1
    return isAnswered
  }

  /**
   * Bdevs are the longest of all lists (900 bytes each): they are asked for as long as a page shows them, until the
   * answer is called.
   */
  readonly watchBdevs = (): (() => void) => {
    this.#bdevWatchers += 1
    if (this.#areBdevsStale) {
      this.#areBdevsStale = false
      void this.#look(getBdevs, this.bdevs).then((outcome) => this.#keep([outcome]))
    }
    return () => {
      this.#bdevWatchers -= 1
    }
  }

  /** What changes by itself: drains, warnings, memory, sessions. */
  async refreshStatus(): Promise<boolean> {
    return this.#keep(
      await Promise.all([this.#look(lunlogStatus, this.status), this.#look(getSessions, this.sessions)])
    )
  }

  /** Asks for one thing; what is answered is kept by calling what comes back. */
  async #look<A>(asked: Method<A>, kept: Signal<A | undefined>): Promise<Outcome<() => void>> {
    const outcome = await this.#client.call(asked)
    if (outcome._tag === "Failed") return outcome
    const { value } = outcome
    return {
      _tag: "Answer",
      value: () => {
        if (!isSame(kept.value, value)) kept.value = value
      }
    }
  }

  /** All at once, so that nothing is drawn half. */
  #keep(outcomes: ReadonlyArray<Outcome<() => void>>): boolean {
    const failed = outcomes.find((outcome) => outcome._tag === "Failed")
    batch(() => {
      for (const outcome of outcomes) if (outcome._tag === "Answer") outcome.value()
      this.problem.value = failed?._tag === "Failed" ? failed.problem : undefined
    })
    return failed === undefined
  }
}
