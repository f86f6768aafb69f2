/** The nouns, in the order of the help. */
import { authNoun } from "./auth-noun.ts"
import { bdevNoun } from "./bdev-noun.ts"
import { initiatorNoun } from "./initiator-noun.ts"
import { lunNoun } from "./lun-noun.ts"
import { portalNoun } from "./portal-noun.ts"
import { reservationNoun } from "./reservation-noun.ts"
import { sessionNoun } from "./session-noun.ts"
import { targetNoun } from "./target-noun.ts"

/** Commands on single objects of a running target. */
export const nouns = [
  targetNoun,
  lunNoun,
  bdevNoun,
  portalNoun,
  initiatorNoun,
  authNoun,
  sessionNoun,
  reservationNoun
] as const
