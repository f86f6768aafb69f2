/** What looking into states takes: loaded only then. */

export { FOLD_VERSION } from "../../domain/evolve.ts"
export { decodeSnapshot } from "../../domain/snapshot-codec.ts"
export { stateHolds } from "../../history/bisect/state-holds.ts"
