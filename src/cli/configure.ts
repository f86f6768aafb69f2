/** From `-c FILE` to what a starting server does with it. */
import { Effect } from "effect"
import type { EventLog } from "../../eventlog/EventLog.ts"
import type { ControlPlane } from "../domain/ControlPlane.ts"
import type { DataPlane } from "../domain/DataPlane.ts"
import { CliFailure } from "./CliFailure.ts"

/** Reads and checks the file now; what it gives makes the state agree with it. */
export const configureFromFile = (
  file: string
): Effect.Effect<Effect.Effect<void, CliFailure, ControlPlane | DataPlane | EventLog>, CliFailure> =>
  Effect.fail(new CliFailure({ message: `${file}: configuration files are not read yet` }))
