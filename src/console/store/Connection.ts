/** Whether the target answers: what the page's header and its banner show. */
import { type ReadonlySignal, signal } from "@preact/signals"
import type { RpcProblem } from "../rpc/RpcProblem.ts"

/** As the page sees it. */
export type ConnectionState =
  | { readonly _tag: "Connecting" }
  | { readonly _tag: "Connected" }
  /** What is shown may be old; it is tried again. */
  | { readonly _tag: "Away"; readonly problem: RpcProblem }
  /** There is no valid token: it is asked for. */
  | { readonly _tag: "Unauthorized" }

/** Follows what the RPC client tells. */
export class Connection {
  readonly #state = signal<ConnectionState>({ _tag: "Connecting" })

  /** The state. */
  get state(): ReadonlySignal<ConnectionState> {
    return this.#state
  }

  /** Of every exchange: undefined if there was an answer. */
  readonly tell = (problem: RpcProblem | undefined): void => {
    const before = this.#state.value
    if (problem === undefined) {
      if (before._tag !== "Connected") this.#state.value = { _tag: "Connected" }
    } else if (problem._tag === "Unauthorized") {
      if (before._tag !== "Unauthorized") this.#state.value = { _tag: "Unauthorized" }
    } else if (before._tag !== "Unauthorized") {
      this.#state.value = { _tag: "Away", problem }
    }
  }

  /** Somebody has given a token. */
  readonly begin = (): void => {
    this.#state.value = { _tag: "Connecting" }
  }
}
